//! Comparing values as ONNX's own runner does: types and shapes exactly, numbers within the case's tolerance.

use hologram_ops::{DType, Tensor, Value};

/// How far a number may be off: `|got - want| <= absolute + relative * |want|`.
pub(crate) struct Tolerance {
    relative: f64,
    absolute: f64,
}

impl Tolerance {
    /// The tolerance that a case states. Trees state the number of trees and the sum of their leaves instead: sums of so
    /// many `f32` may differ by `T * 2^-23 * sum |leaf|` in another order.
    pub(crate) fn of(meta: &serde_json::Value) -> Self {
        let number = |key: &str| meta[key].as_f64().unwrap_or(0.0);
        let trees = number("trees") * 2f64.powi(-23) * number("sum_abs_leaf");
        Self { relative: number("rtol"), absolute: number("atol").max(trees) }
    }
}

/// Says what differs first.
pub(crate) fn compare(got: &Value, want: &Value, tolerance: &Tolerance) -> Result<(), String> {
    match (got, want) {
        (Value::Tensor(g), Value::Tensor(w)) => tensors(g, w, tolerance),
        (Value::Sequence(g), Value::Sequence(w)) if g.len() == w.len() => g
            .iter()
            .zip(w)
            .enumerate()
            .try_for_each(|(i, (g, w))| compare(g, w, tolerance).map_err(|e| format!("element {i}: {e}"))),
        (Value::Optional(None), Value::Optional(None)) => Ok(()),
        (Value::Optional(Some(g)), Value::Optional(Some(w))) => compare(g, w, tolerance),
        (Value::Map { keys: gk, values: gv }, Value::Map { keys: wk, values: wv }) => {
            tensors(gk, wk, tolerance)?;
            tensors(gv, wv, tolerance)
        }
        _ => Err(format!("{got:?} where {want:?} is expected")),
    }
}

fn tensors(got: &Tensor, want: &Tensor, tolerance: &Tolerance) -> Result<(), String> {
    if got.dtype() != want.dtype() || got.shape() != want.shape() {
        return Err(format!("{}{:?} where {}{:?} is expected", got.dtype(), got.shape(), want.dtype(), want.shape()));
    }
    if want.dtype() == DType::String {
        let (g, w) = (got.as_strings().unwrap(), want.as_strings().unwrap());
        return match g.iter().zip(w).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(i) => Err(format!("element {i} is {:?} where {:?} is expected", g.value(i), w.value(i))),
        };
    }
    let (g, w) = (numbers(got)?, numbers(want)?);
    let relative = if want.dtype() == DType::BF16 { tolerance.relative.max(2f64.powi(-6)) } else { tolerance.relative };
    for (i, (a, b)) in g.iter().zip(&w).enumerate() {
        let near = if want.dtype().is_float() {
            a == b
                || a.is_nan() && b.is_nan()
                || b.is_finite() && (a - b).abs() <= tolerance.absolute + relative * b.abs()
        } else {
            a == b
        };
        if !near {
            return Err(format!("element {i} is {a} where {b} is expected"));
        }
    }
    Ok(())
}

/// Says where a drawn value could not come from what drew the expected one: another type or shape, a value of a kind that
/// does not occur there, or a mean that is six standard errors away.
pub(crate) fn compare_drawn(got: &Value, want: &Value) -> Result<(), String> {
    let (Value::Tensor(got), Value::Tensor(want)) = (got, want) else {
        return Err(format!("{got:?} where {want:?} is expected"));
    };
    if got.dtype() != want.dtype() || got.shape() != want.shape() {
        return Err(format!("{}{:?} where {}{:?} is expected", got.dtype(), got.shape(), want.dtype(), want.shape()));
    }
    let (g, w) = (numbers(got)?, numbers(want)?);
    if w.iter().all(|v| *v == 0.0 || *v == 1.0)
        && let Some(i) = g.iter().position(|v| *v != 0.0 && *v != 1.0)
    {
        return Err(format!("element {i} is {} where 0 or 1 is expected", g[i]));
    }
    let n = g.len() as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let variance = |v: &[f64]| v.iter().map(|x| (x - mean(v)).powi(2)).sum::<f64>() / n;
    let (here, there) = (mean(&g), mean(&w));
    // A few elements all alike have no variance; as much as a quarter of the range is put in for them.
    let spread = (variance(&g) + variance(&w)).max(0.25 / n);
    let far = 6.0 * (spread / n).sqrt();
    if (here - there).abs().partial_cmp(&far).is_none_or(std::cmp::Ordering::is_gt) {
        return Err(format!("the mean is {here} where {there} give or take {far} is expected"));
    }
    Ok(())
}

#[test]
fn what_is_drawn_otherwise_is_seen() {
    let bits = |ones: usize| {
        let v: Vec<f32> = (0..1000).map(|i| if i * 7 % 1000 < ones { 1.0 } else { 0.0 }).collect();
        Value::Tensor(Tensor::from_vec([1000], v).unwrap())
    };
    assert_eq!(compare_drawn(&bits(310), &bits(290)), Ok(()));
    assert!(compare_drawn(&bits(600), &bits(300)).is_err());
    assert!(compare_drawn(&bits(1000), &bits(300)).is_err());
    assert!(compare_drawn(&Value::Tensor(Tensor::from_vec([1000], vec![0.3f32; 1000]).unwrap()), &bits(300)).is_err());
    assert!(compare_drawn(&Value::Tensor(Tensor::zeros(DType::F64, [1000]).unwrap()), &bits(0)).is_err());
    let nans = Value::Tensor(Tensor::from_vec([2], vec![f32::NAN, 0.5]).unwrap());
    assert!(compare_drawn(&nans, &Value::Tensor(Tensor::from_vec([2], vec![0.5f32, 0.5]).unwrap())).is_err());
}

/// The elements as `f64`: exact for every type but large 64-bit integers.
fn numbers(tensor: &Tensor) -> Result<Vec<f64>, String> {
    let text = |e: hologram_ops::Error| e.to_string();
    if tensor.dtype() == DType::Bool {
        return Ok(tensor.as_slice::<bool>().map_err(text)?.iter().map(|v| f64::from(u8::from(*v))).collect());
    }
    let wide = tensor.widen().map_err(text)?;
    Ok(match wide.dtype() {
        DType::F32 => wide.as_slice::<f32>().map_err(text)?.iter().map(|v| f64::from(*v)).collect(),
        DType::F64 => wide.as_slice::<f64>().map_err(text)?.to_vec(),
        DType::I64 => wide.as_slice::<i64>().map_err(text)?.iter().map(|v| *v as f64).collect(),
        _ => wide.as_slice::<u64>().map_err(text)?.iter().map(|v| *v as f64).collect(),
    })
}

#[test]
fn one_wrong_element_of_any_type_is_seen() {
    let tolerance = Tolerance { relative: 1e-3, absolute: 1e-7 };
    macro_rules! pairs {
        ($($good:expr, $bad:expr;)+) => {$(
            let make = |last| Value::Tensor(Tensor::from_vec([2, 2], vec![$good, $good, $good, last]).unwrap());
            assert_eq!(compare(&make($good), &make($good), &tolerance), Ok(()));
            let seen = compare(&make($bad), &make($good), &tolerance);
            assert!(seen.as_ref().is_err_and(|e| e.contains("element 3")), "{seen:?}");
        )+};
    }
    pairs! {
        1.0f32, 1.01f32;
        1.0f64, 1.01f64;
        f32::INFINITY, f32::MAX;
        f32::NAN, 0.0f32;
        half::f16::ONE, half::f16::from_f32(1.01);
        half::bf16::ONE, half::bf16::from_f32(1.05);
        1i8, 2i8;
        1i16, 2i16;
        1000i32, 1001i32;
        1000i64, 1001i64;
        1u8, 2u8;
        1u16, 2u16;
        1u32, 2u32;
        1u64, 2u64;
        true, false;
    }
    for dtype in DType::ALL.iter().filter(|t| t.size() == 1 && **t != DType::Bool) {
        let make =
            |last: f32| Value::Tensor(Tensor::from_vec([3], vec![1.0f32, 0.0, last]).unwrap().cast(*dtype).unwrap());
        assert_eq!(compare(&make(1.0), &make(1.0), &tolerance), Ok(()));
        let seen = compare(&make(0.0), &make(1.0), &tolerance);
        assert!(seen.as_ref().is_err_and(|e| e.contains("element 2")), "{dtype}: {seen:?}");
    }
    let strings = |last: &str| Value::Tensor(Tensor::from_string_iter([2], ["a", last]).unwrap());
    assert!(compare(&strings("b"), &strings("c"), &tolerance).is_err());
    let float = |shape: &[usize]| Value::Tensor(Tensor::zeros(DType::F32, shape).unwrap());
    assert!(compare(&float(&[1, 2]), &float(&[2, 1]), &tolerance).is_err());
    assert!(compare(&float(&[2]), &Value::Tensor(Tensor::zeros(DType::F64, [2]).unwrap()), &tolerance).is_err());
    assert!(compare(&Value::Sequence(vec![]), &Value::Sequence(vec![float(&[1])]), &tolerance).is_err());
}
