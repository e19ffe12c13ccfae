//! The kernels against the operators' reference evaluation, bit for bit.

use crate::cpu::kernels::tests::{case, compare, ints};
use hologram_ops::{Attribute, DType, Tensor};

/// Numbers among which are both zeros, infinities, NaN, subnormal and huge ones.
fn table(rows: usize, columns: usize, seed: u64) -> Tensor {
    const ODD: [f32; 9] = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-44, -1e-40, 3e38, -7.5];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as usize
    };
    let mut number = || match next() % 40 {
        odd @ 0..9 => ODD[odd],
        _ => (next() % 4_001) as f32 / 500.0 - 4.0,
    };
    Tensor::from_vec([rows, columns], (0..rows * columns).map(|_| number()).collect()).unwrap()
}

fn scaled(tensor: &Tensor, by: f32) -> Tensor {
    let values = tensor.as_slice::<f32>().unwrap().iter().map(|x| x * by).collect();
    Tensor::from_vec(tensor.shape(), values).unwrap()
}

fn floats(values: &[f32]) -> Attribute {
    Attribute::Floats(values.to_vec())
}

fn text(text: &str) -> Attribute {
    Attribute::String(text.into())
}

/// Runs a case of one input on tables of some heights, in these types.
fn check(
    op: &'static str,
    kernel: &'static str,
    columns: usize,
    types: &[DType],
    attributes: &[(&'static str, Attribute)],
) {
    for rows in [0, 1, 7, 400] {
        for dtype in types {
            let x = table(rows, columns, rows as u64 + 1).cast(*dtype).unwrap();
            let case = case(op, kernel, &[(&[rows, columns], false)], attributes).ml(1);
            compare(&case, vec![x], &format!("{dtype} [{rows}, {columns}]"));
        }
    }
}

#[test]
fn scalers() {
    let types = [DType::F32, DType::F64];
    for (offset, scale) in
        [(&[0.5f32][..], &[1.7f32][..]), (&[0.5, -0.0, 1e30, 2.0, 0.1], &[1.0, -2.0, 1e-30, 0.0, 0.3])]
    {
        check("Scaler", "scale", 5, &types, &[("offset", floats(offset)), ("scale", floats(scale))]);
    }
}

#[test]
fn imputers() {
    for (imputed, replaced) in [(&[0.5f32][..], f32::NAN), (&[1.0, 2.0, 3.0], f32::NAN), (&[1.0, 2.0, 3.0], 0.0)] {
        let attributes =
            [("imputed_value_floats", floats(imputed)), ("replaced_value_float", Attribute::Float(replaced))];
        check("Imputer", "impute", 3, &[DType::F32], &attributes);
    }
}

#[test]
fn normalizers() {
    for norm in ["MAX", "L1", "L2"] {
        for columns in [1, 3, 40] {
            check("Normalizer", "normalize", columns, &[DType::F32], &[("norm", text(norm))]);
        }
    }
}

#[test]
fn one_hot_encoders() {
    let types = [DType::F32, DType::F64];
    // The last of equal categories counts.
    check("OneHotEncoder", "one-hot", 2, &types, &[("cats_int64s", ints(&[3, -2, 0, 3, 1]))]);
    for dtype in [DType::I64, DType::I32] {
        let x = Tensor::from_vec([6, 1], vec![0i64, -7, 5, 1_000_000, -8, i64::from(i32::MIN)]).unwrap();
        let attributes = [("cats_int64s", ints(&[-7, 5, 0]))];
        let known = Tensor::from_vec([3, 1], vec![0i64, -7, 5]).unwrap();
        let strict = [attributes[0].clone(), ("zeros", Attribute::Int(0))];
        for (x, attributes) in [(&x, &attributes[..]), (&known, &strict)] {
            let case = case("OneHotEncoder", "one-hot", &[(x.shape(), false)], attributes).ml(1);
            compare(&case, vec![x.cast(dtype).unwrap()], dtype.name());
        }
    }
}

#[test]
fn linear_models() {
    for scores in [1, 2, 3, 17, 1_025] {
        let columns = 5;
        let coefficients: Vec<f32> = (0..scores * columns).map(|i| (i * 7 % 23) as f32 / 9.0 - 1.2).collect();
        let intercepts: Vec<f32> = (0..scores).map(|i| i as f32 / 3.0 - 0.5).collect();
        let labels: Vec<i64> = (0..scores.max(2) as i64).map(|i| 40 - 3 * i).collect();
        // So many scores are transformed together by the operator alone.
        let posts = if scores > 1_024 { &["NONE", "LOGISTIC"][..] } else { &["NONE", "LOGISTIC", "SOFTMAX"] };
        for post in posts {
            let plain = [
                ("coefficients", floats(&coefficients)),
                ("post_transform", text(post)),
                ("intercepts", floats(&intercepts)),
            ];
            let regressor = [&plain[..], &[("targets", Attribute::Int(scores as i64))]].concat();
            check("LinearRegressor", "linear", columns, &[DType::F32], &regressor);
            let classifier = [&plain[..], &[("classlabels_ints", ints(&labels))]].concat();
            check("LinearClassifier", "linear", columns, &[DType::F32], &classifier);
        }
    }
}

#[test]
fn category_codes() {
    for dtype in [DType::I64, DType::F32] {
        let x = Tensor::from_vec([6, 1], vec![0i64, -7, 5, 1_000_000, -8, 0]).unwrap();
        let attributes = [("cats_int64s", ints(&[-7, 5, 0]))];
        let case = case("CategoryCode", "category-code", &[(x.shape(), false)], &attributes).own();
        compare(&case, vec![x.cast(dtype).unwrap()], dtype.name());
    }
}

#[test]
fn class_scores() {
    for (scores, post) in [
        (1, "NONE"),
        (1, "LOGISTIC"),
        (1, "SOFTMAX"),
        (3, "SOFTMAX"),
        (4, "LOGISTIC"),
        (2, "NONE"),
        (1_100, "LOGISTIC"),
    ] {
        let labels: Vec<i64> = (0..scores.max(2) as i64).map(|i| 7 - i).collect();
        let intercepts: Vec<f32> = (0..scores).map(|i| i as f32 / 3.0 - 0.5).collect();
        let attributes =
            [("classlabels_ints", ints(&labels)), ("post_transform", text(post)), ("intercepts", floats(&intercepts))];
        for rows in [0, 1, 7, 400] {
            let case = case("ClassScores", "classes", &[(&[rows, scores], false)], &attributes).own();
            compare(&case, vec![table(rows, scores, 3)], &format!("[{rows}, {scores}] {post}"));
        }
    }
}

#[test]
fn encoded_products() {
    // Columns of codes or numbers, and categories of each; 0 of them for numbers.
    let layouts: [&[(usize, usize)]; 7] = [
        &[(1, 3)],
        &[(3, 4), (1, 9)],
        &[(1, 127), (1, 60)],
        &[(2, 200), (1, 30)],
        &[(2, 0), (1, 5)],
        &[(1, 5), (40, 0), (2, 3), (1, 0)],
        &[(3, 0), (2, 0)],
    ];
    for layout in layouts {
        let features: usize = layout.iter().map(|(columns, categories)| columns * (*categories).max(1)).sum();
        for targets in [1, 2, 3, 20] {
            // Products that vanish below zero leave a negative zero, and so do coefficients.
            for tiny in [false, true] {
                let coefficient = |i: usize| match (tiny, i % 4) {
                    (false, _) => (i * 7 % 23) as f32 / 9.0 - 1.2,
                    (true, 0) => -0.0,
                    (true, 1) => 1e-30,
                    (true, _) => -1e-30,
                };
                let coefficients: Vec<f32> = (0..features * targets).map(coefficient).collect();
                let attributes = [
                    ("columns", ints(&layout.iter().map(|(columns, _)| *columns as i64).collect::<Vec<_>>())),
                    ("categories", ints(&layout.iter().map(|(_, categories)| *categories as i64).collect::<Vec<_>>())),
                    ("targets", Attribute::Int(targets as i64)),
                    ("coefficients", floats(&coefficients)),
                ];
                for rows in [0, 1, 7, 600] {
                    let shapes: Vec<[usize; 2]> = layout.iter().map(|(columns, _)| [rows, *columns]).collect();
                    let inputs: Vec<(&[usize], bool)> = shapes.iter().map(|shape| (&shape[..], false)).collect();
                    let tensor = |(i, (columns, categories)): (usize, &(usize, usize))| {
                        let numbers = table(rows, *columns, i as u64 + 1);
                        if *categories == 0 {
                            return if tiny { scaled(&numbers, 1e-30) } else { numbers };
                        }
                        // Some are of no category.
                        let code = |i: usize| (i * 31 % (categories + 2)) as i32 - 1;
                        Tensor::from_vec([rows, *columns], (0..rows * columns).map(code).collect()).unwrap()
                    };
                    let tensors = layout.iter().enumerate().map(tensor).collect();
                    let case = case("EncodedProduct", "encoded", &inputs, &attributes).own();
                    compare(&case, tensors, &format!("{layout:?} {rows} rows"));
                }
            }
        }
    }
}
