//! The standard kernels against plain Rust.

use super::*;
use crate::{SOURCES, stdlib};
use hologram_ops::numeric::transcendental::{erf, sigmoid_f64};

/// A reference over the arguments of one element, in double precision.
type Reference = fn(&[f64]) -> f64;

const REFERENCES: &[(&str, Reference)] = &[
    ("activation_gelu", |a| 0.5 * a[0] * (1.0 + erf(a[0] / 2f64.sqrt()))),
    ("activation_hard_sigmoid", |a| (a[0] / 6.0 + 0.5).clamp(0.0, 1.0)),
    ("activation_leaky_relu", |a| if a[0] < 0.0 { a[0] * a[1] } else { a[0] }),
    ("activation_relu", |a| a[0].max(0.0)),
    ("activation_sigmoid", |a| sigmoid_f64(a[0])),
    ("activation_silu", |a| a[0] * sigmoid_f64(a[0])),
    ("loss_huber", |a| {
        let e = (a[0] - a[1]).abs();
        if e <= a[2] { 0.5 * e * e } else { a[2] * (e - 0.5 * a[2]) }
    }),
    ("loss_squared", |a| (a[0] - a[1]).powi(2)),
    ("vector_abs", |a| a[0].abs()),
    ("vector_add", |a| a[0] + a[1]),
    ("vector_clip", |a| a[0].max(a[1]).min(a[2])),
    ("vector_div", |a| a[0] / a[1]),
    ("vector_lerp", |a| a[0] + (a[1] - a[0]) * a[2]),
    ("vector_mul", |a| a[0] * a[1]),
    ("vector_sub", |a| a[0] - a[1]),
    ("vector_where", |a| if a[0] != 0.0 { a[1] } else { a[2] }),
];

#[test]
fn standard_kernels_are_what_they_say() {
    let kernels = stdlib().unwrap();
    assert_eq!(kernels.len(), REFERENCES.len());
    let values = [-100.0f32, -3.5, -1.0, -0.25, 0.0, 0.5, 1.0, 2.75, 100.0];
    for (kernel, (name, reference)) in kernels.iter().zip(REFERENCES) {
        assert_eq!(kernel.name, *name);
        assert!(!kernel.doc.is_empty(), "{name} says nothing of itself");
        // Every combination of values in as many columns as there are parameters.
        let columns = kernel.params.len();
        let pick = |row: usize, column: usize| values[row / values.len().pow(column as u32) % values.len()];
        let rows: Vec<Vec<f32>> =
            (0..values.len().pow(columns as u32)).map(|r| (0..columns).map(|c| pick(r, c)).collect()).collect();
        let inputs: Vec<Tensor> = (0..columns)
            .map(|c| {
                let floats: Vec<f32> = rows.iter().map(|r| r[c]).collect();
                let bools: Vec<bool> = floats.iter().map(|v| *v != 0.0).collect();
                if kernel.params[c].dtype == DType::Bool { column(&bools) } else { column(&floats) }
            })
            .collect();
        let got = kernel.evaluate(&inputs).unwrap();
        for (row, got) in rows.iter().zip(got.as_slice::<f32>().unwrap()) {
            let arguments: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            let expected = reference(&arguments);
            let near = (f64::from(*got) - expected).abs() <= 1e-6 * expected.abs().max(1.0);
            let same = f64::from(*got) == expected || got.is_nan() && expected.is_nan();
            assert!(near || same, "{name}{row:?}: {got} for {expected}");
        }
    }
}

#[test]
fn a_file_is_named_as_its_kernel_and_every_file_is_listed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = Vec::new();
    for family in std::fs::read_dir(root.join("stdlib")).unwrap().map(|e| e.unwrap().path()) {
        for file in std::fs::read_dir(&family).unwrap().map(|e| e.unwrap().path()) {
            files.push(file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
        }
    }
    files.sort();
    assert_eq!(files, SOURCES.iter().map(|(path, _)| (*path).to_owned()).collect::<Vec<_>>());
    for (path, source) in SOURCES {
        let name = kernel(source).name;
        let family = name.split('_').next().unwrap();
        assert_eq!(*path, format!("stdlib/{family}/{name}.py"));
    }
}
