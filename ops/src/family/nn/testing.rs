//! What tests of layers share: run one operator and check inference against evaluation.

use crate::{Attribute, Attributes, Fact, Inputs, Node, Registry, Result, Tensor, Value, fact::Facts};

/// Parses, infers and evaluates one operator; inferred shapes and types must be those of the outputs.
pub(crate) fn run_in(
    domain: &str,
    op: &str,
    version: u32,
    attributes: &[(&str, Attribute)],
    inputs: &[Option<Tensor>],
    outputs: usize,
) -> Result<Vec<Tensor>> {
    let attributes = attributes.iter().fold(Attributes::new(), |all, (k, v)| all.with(*k, v.clone()));
    let node = Node { domain, op, version, since: 0, attributes: &attributes, inputs: inputs.len(), outputs };
    let operator = Registry::standard().parse(&node)?.1;
    let facts: Vec<Option<Fact>> = inputs.iter().map(|t| t.clone().map(Fact::constant)).collect();
    let inferred = operator.infer(Facts(&facts.iter().map(Option::as_ref).collect::<Vec<_>>()))?;
    let values: Vec<Option<Value>> = inputs.iter().map(|t| t.clone().map(Value::Tensor)).collect();
    let got = operator.evaluate(Inputs(&values.iter().map(Option::as_ref).collect::<Vec<_>>()))?;
    let got: Vec<Tensor> = got.into_iter().map(Value::into_tensor).collect::<Result<_>>()?;
    assert_eq!(inferred.len(), got.len(), "{op}: number of inferred outputs");
    for (f, t) in inferred.iter().zip(&got) {
        assert_eq!(f.dtype(), Some(t.dtype()), "{op}: inferred type");
        if let Some(shape) = f.known_shape() {
            assert_eq!(shape, t.shape(), "{op}: inferred shape");
        }
    }
    Ok(got)
}

/// The same in `ai.onnx` with every input given.
pub(crate) fn run(op: &str, version: u32, attributes: &[(&str, Attribute)], inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    run_in("", op, version, attributes, &inputs.iter().cloned().map(Some).collect::<Vec<_>>(), 1)
}

/// A tensor of `f32`.
pub(crate) fn t(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

/// A tensor that counts up from 0.
pub(crate) fn count(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_vec(shape, (0..n).map(|i| i as f32).collect()).unwrap()
}

/// Whether elements agree to five digits.
#[track_caller]
pub(crate) fn close(got: &Tensor, shape: &[usize], expected: &[f32]) {
    assert_eq!(got.shape(), shape);
    let got = got.as_slice::<f32>().unwrap();
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= 1e-5 * e.abs().max(1.0), "{got:?} is not {expected:?}");
    }
}

/// A list attribute.
pub(crate) fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}
