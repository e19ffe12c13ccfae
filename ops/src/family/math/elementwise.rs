//! Operators that make one element of the output from one element of each input, broadcast together.
//!
//! Such an operator says which types it takes and how a whole tensor is mapped; inference, arity and the independence of
//! rows are the same for all of them and stand here.

use crate::{
    DType, Error, Fact, Inputs, Missing, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, broadcast},
    numeric::{Element, Number, with_every_number},
    rows,
};
use std::{any::Any, ops::RangeInclusive};

/// An operator on elements: the output has the inputs' broadcast shape.
pub trait Elementwise: Any + Send + Sync + std::fmt::Debug {
    /// How many inputs there may be; one unless said otherwise.
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// The type of the output for these types of the inputs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for types that the operator does not take.
    fn output(&self, inputs: &[DType]) -> Result<DType>;

    /// The output for these inputs, of which the number and types were checked; numbers come, and go, in their
    /// [working types](crate::numeric::working).
    ///
    /// # Errors
    /// [`Error::Invalid`] when shapes do not broadcast or values do not fit.
    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor>;

    /// Whether elements are only moved, so that they come and go as they are kept.
    fn moves(&self) -> bool {
        false
    }

    /// What missing values mean.
    fn missing_values(&self) -> Missing {
        Missing::Rejects
    }
}

fn check_arity(operator: &dyn Elementwise, given: usize) -> Result<()> {
    let arity = operator.arity();
    if arity.contains(&given) {
        return Ok(());
    }
    Err(Error::invalid(format!("{given} inputs where {} to {} are expected", arity.start(), arity.end())))
}

fn infer(operator: &dyn Elementwise, inputs: Facts<'_>) -> Result<Vec<Fact>> {
    check_arity(operator, inputs.len())?;
    let types = (0..inputs.len()).map(|i| inputs.dtype(i)).collect::<Result<Vec<_>>>()?;
    let mut shape = inputs.shape(0)?.map(<[_]>::to_vec);
    for i in 1..inputs.len() {
        shape = match (shape, inputs.shape(i)?) {
            (Some(a), Some(b)) => Some(broadcast(&a, b)?),
            _ => None,
        };
    }
    Ok(vec![Fact::tensor(operator.output(&types)?, shape)])
}

/// Checks the types, widens the inputs, maps them, and brings the output back to the declared type.
fn evaluate(operator: &dyn Elementwise, inputs: Inputs<'_>) -> Result<Vec<Value>> {
    check_arity(operator, inputs.len())?;
    let tensors = (0..inputs.len()).map(|i| inputs.tensor(i)).collect::<Result<Vec<_>>>()?;
    let types: Vec<DType> = tensors.iter().map(|t| t.dtype()).collect();
    let dtype = operator.output(&types)?;
    let result = if operator.moves() {
        operator.map(&tensors)?
    } else {
        let wide = tensors.iter().map(|t| t.widen()).collect::<Result<Vec<_>>>()?;
        operator.map(&wide.iter().collect::<Vec<_>>())?.narrow(dtype)?
    };
    if result.dtype() != dtype {
        return Err(Error::invalid(format!("the operator made {} where {dtype} is declared", result.dtype())));
    }
    Ok(vec![result.into()])
}

impl<E: Elementwise> Operator for E {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer(self, inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        evaluate(self, inputs)
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(rows, inputs, outputs)
    }

    fn missing(&self) -> Missing {
        self.missing_values()
    }
}

/// The one floating-point type of all inputs, also one of eight or fewer bits, which arithmetic otherwise leaves alone.
///
/// # Errors
/// [`Error::Invalid`] when two differ or it is no float.
pub fn any_float(inputs: &[DType]) -> Result<DType> {
    let dtype = same(inputs)?;
    if dtype.is_float() {
        return Ok(dtype);
    }
    Err(Error::invalid(format!("element type {dtype} where a float is expected")))
}

/// The one type of all inputs.
///
/// # Errors
/// [`Error::Invalid`] when two differ.
pub fn same(inputs: &[DType]) -> Result<DType> {
    let first = *inputs.first().ok_or_else(|| Error::invalid("at least one input is expected"))?;
    match inputs.iter().position(|t| *t != first) {
        None => Ok(first),
        Some(i) => Err(Error::invalid(format!("input {i} is {} where {first} is expected", inputs[i]))),
    }
}

/// This type, where arithmetic is defined on it.
///
/// # Errors
/// [`Error::Unsupported`] for types that are no numbers, and for those that are only converted and moved (8-bit floats
/// and everything under eight bits).
pub fn number(dtype: DType) -> Result<DType> {
    with_every_number!(dtype, T => { let _ = T::ZERO; Ok(dtype) })
}

/// The one type of all inputs, which must be a number.
///
/// # Errors
/// [`Error::Invalid`] when two differ, [`Error::Unsupported`] for types that are no numbers or not computed with.
pub fn same_number(inputs: &[DType]) -> Result<DType> {
    number(same(inputs)?)
}

/// The one type of all inputs, which must be a floating-point number.
///
/// # Errors
/// As [`same_number`].
pub fn same_float(inputs: &[DType]) -> Result<DType> {
    let dtype = number(same(inputs)?)?;
    if dtype.is_float() {
        Ok(dtype)
    } else {
        Err(Error::unsupported(format!("element type {dtype} where a floating-point number is expected")))
    }
}

/// The one type of all inputs, which must be an integer.
///
/// # Errors
/// As [`same_number`].
pub fn same_integer(inputs: &[DType]) -> Result<DType> {
    let dtype = number(same(inputs)?)?;
    if dtype.is_integer() {
        Ok(dtype)
    } else {
        Err(Error::unsupported(format!("element type {dtype} where an integer is expected")))
    }
}

/// The type of inputs that are all booleans.
///
/// # Errors
/// [`Error::Invalid`] when one is not.
pub fn same_bool(inputs: &[DType]) -> Result<DType> {
    match inputs.iter().position(|t| *t != DType::Bool) {
        None => Ok(DType::Bool),
        Some(i) => Err(Error::invalid(format!("input {i} is {} where bool is expected", inputs[i]))),
    }
}

/// A tensor with `f` applied to each element.
///
/// # Errors
/// [`Error::Invalid`] when the tensor holds another type.
pub fn map_each<A: Element, O: Element>(x: &Tensor, f: impl Fn(A) -> O) -> Result<Tensor> {
    let mut out = Vec::with_capacity(x.len());
    for v in x.as_slice::<A>()? {
        out.push(f(*v));
    }
    Tensor::from_vec(x.shape(), out)
}

/// A floating-point tensor (in its working type) with a function applied to each element.
///
/// # Errors
/// [`Error::Invalid`] for other types.
pub fn map_float(x: &Tensor, single: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> Result<Tensor> {
    match x.dtype() {
        DType::F64 => map_each::<f64, f64>(x, double),
        _ => map_each::<f32, f32>(x, single),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Runs one operator as a model would: through the registry, with inference checked against evaluation.

    use crate::{Attributes, Fact, Inputs, Node, Operator, Registry, Result, Tensor, Value, fact::Facts};
    use std::sync::Arc;

    pub(crate) fn parse(
        op: &str,
        version: u32,
        attributes: &Attributes,
        inputs: usize,
        outputs: usize,
    ) -> Result<Arc<dyn Operator>> {
        let node = Node { domain: "", op, version, since: 0, attributes, inputs, outputs };
        Registry::standard().parse(&node).map(|(_, operator)| operator)
    }

    /// All outputs; `None` stands for an absent input.
    pub(crate) fn run_all(
        op: &str,
        version: u32,
        attributes: &Attributes,
        inputs: &[Option<&Tensor>],
        outputs: usize,
    ) -> Result<Vec<Tensor>> {
        let operator = parse(op, version, attributes, inputs.len(), outputs)?;
        let facts: Vec<Option<Fact>> = inputs.iter().map(|i| i.map(|t| Fact::constant(t.clone()))).collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let values: Vec<Option<Value>> = inputs.iter().map(|i| i.map(|t| Value::Tensor(t.clone()))).collect();
        let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
        let inferred = operator.infer(Facts(&facts));
        let results = operator.evaluate(Inputs(&values))?;
        let results: Vec<Tensor> = results.iter().map(|v| v.as_tensor().unwrap().clone()).collect();
        for (fact, result) in inferred?.iter().zip(&results) {
            assert_eq!(fact.dtype(), Some(result.dtype()), "{op}: the inferred type");
            assert_eq!(fact.known_shape().as_deref(), Some(result.shape()), "{op}: the inferred shape");
        }
        Ok(results)
    }

    /// The first output of an operator without attributes.
    pub(crate) fn run(op: &str, version: u32, inputs: &[&Tensor]) -> Result<Tensor> {
        run_with(op, version, &Attributes::new(), inputs)
    }

    /// The first output.
    pub(crate) fn run_with(op: &str, version: u32, attributes: &Attributes, inputs: &[&Tensor]) -> Result<Tensor> {
        let inputs: Vec<Option<&Tensor>> = inputs.iter().map(|t| Some(*t)).collect();
        Ok(run_all(op, version, attributes, &inputs, 1)?.remove(0))
    }

    /// A tensor of `f32`.
    pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::from_vec(shape, values.to_vec()).unwrap()
    }

    /// Checks a function of one float at some points in every floating-point type, within a tolerance of one part in
    /// a million (a hundred for the narrow types), and that it refuses integers and a second input.
    pub(crate) fn check_float(op: &str, version: u32, attributes: &Attributes, points: &[(f32, f64)]) {
        let x = floats(&[points.len(), 1], &points.iter().map(|p| p.0).collect::<Vec<_>>());
        let double = Tensor::from_vec(x.shape(), points.iter().map(|p| f64::from(p.0)).collect()).unwrap();
        let half = Tensor::from_vec(x.shape(), points.iter().map(|p| half::f16::from_f32(p.0)).collect()).unwrap();
        let brain = Tensor::from_vec(x.shape(), points.iter().map(|p| half::bf16::from_f32(p.0)).collect()).unwrap();
        let close = |got: f64, want: f64, part: f64| {
            got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= part * want.abs().max(1e-3)
        };
        let single = run_with(op, version, attributes, &[&x]).unwrap();
        let doubles = run_with(op, version, attributes, &[&double]).unwrap();
        let halves = run_with(op, version, attributes, &[&half]).unwrap();
        let brains = run_with(op, version, attributes, &[&brain]).unwrap();
        for (i, (x, want)) in points.iter().enumerate() {
            for (got, part) in [
                (f64::from(single.as_slice::<f32>().unwrap()[i]), 1e-6),
                (doubles.as_slice::<f64>().unwrap()[i], 1e-6),
                (halves.as_slice::<half::f16>().unwrap()[i].to_f64(), 1e-2),
                (brains.as_slice::<half::bf16>().unwrap()[i].to_f64(), 5e-2),
            ] {
                assert!(close(got, *want, part), "{op}({x}) is {got}, not {want}");
            }
        }
        let integers = Tensor::from_vec([1], vec![1i32]).unwrap();
        assert!(run_with(op, version, attributes, &[&integers]).is_err(), "{op} of integers");
        assert!(run_with(op, version, attributes, &[&x, &x]).is_err(), "{op} of two inputs");
    }
}
