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
        let make = |last: f32| {
            Value::Tensor(Tensor::from_vec([3], vec![1.0f32, 0.0, last]).unwrap().cast(*dtype).unwrap())
        };
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
