//! What the optimisers share: how variables, gradients and states lie among inputs and outputs.

use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value,
    fact::Facts,
    family::nn::wide::wide,
    graph,
    numeric::{Float, with_float},
};
use std::{fmt::Debug, sync::Arc};

/// How one variable, its gradient and its states become the next.
pub trait Rule: Debug + Send + Sync + 'static {
    /// The number of states that each variable has.
    const STATES: usize;

    /// Steps one variable and its states in place; all are of one length. `rate` is the learning rate and `count` the
    /// number of updates so far.
    fn step<T: Float>(&self, rate: f64, count: i64, variable: &mut [T], gradient: &[T], states: &mut [Vec<T>]);
}

/// A rule over the variables of a node.
///
/// Inputs are the learning rate, the update count, then all variables, all gradients, and all states of each kind;
/// outputs are the new variables, then the new states. Whatever belongs to one variable has its type and shape.
#[derive(Debug)]
pub struct Optimiser<R> {
    /// The rule.
    pub rule: R,
    /// The number of variables.
    pub variables: usize,
}

/// The operator of a node with this rule.
pub(super) fn parse<R: Rule>(node: &Node<'_>, rule: R) -> Result<Arc<dyn Operator>> {
    let each = 2 + R::STATES;
    let given = node.inputs.saturating_sub(2);
    let variables = given / each;
    if given == 0 || !given.is_multiple_of(each) || node.outputs > variables * (1 + R::STATES) {
        return Err(Error::invalid(format!(
            "{} inputs and {} outputs; after rate and count come {each} inputs for each variable, and {} outputs",
            node.inputs,
            node.outputs,
            1 + R::STATES
        )));
    }
    Ok(Arc::new(Optimiser { rule, variables }))
}

/// The types that the specification allows.
fn wide_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

/// The one element of input `i`.
fn single<T: Copy>(values: &[T], i: usize) -> Result<T> {
    match values {
        [v] => Ok(*v),
        v => Err(Error::invalid(format!("input {i} has {} elements; one is expected", v.len()))),
    }
}

impl<R: Rule> Optimiser<R> {
    /// The inputs of one variable: itself, its gradient, its states.
    fn places(&self, variable: usize) -> impl Iterator<Item = usize> {
        let variables = self.variables;
        (0..2 + R::STATES).map(move |kind| 2 + kind * variables + variable)
    }

    /// What a variable and its states become, in this order.
    fn step<T: Float>(&self, rate: f64, count: i64, variable: usize, inputs: Inputs<'_>) -> Result<Vec<Tensor>> {
        let of = self.places(variable).map(|i| inputs.tensor(i)).collect::<Result<Vec<_>>>()?;
        let shape = of[0].shape();
        for (i, t) in self.places(variable).zip(&of) {
            if t.dtype() != T::DTYPE || t.shape() != shape {
                let expected = format!("{}{shape:?}, as the variable has,", T::DTYPE);
                return Err(Error::invalid(format!(
                    "input {i} is {}{:?}; {expected} is expected",
                    t.dtype(),
                    t.shape()
                )));
            }
        }
        let mut x = of[0].as_slice::<T>()?.to_vec();
        let mut states = of[2..].iter().map(|t| Ok(t.as_slice::<T>()?.to_vec())).collect::<Result<Vec<Vec<T>>>>()?;
        self.rule.step(rate, count, &mut x, of[1].as_slice::<T>()?, &mut states);
        std::iter::once(x).chain(states).map(|values| Tensor::from_vec(shape, values)).collect()
    }
}

impl<R: Rule> Operator for Optimiser<R> {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32 or f64", wide_float)?;
        inputs.dtype_where(1, "i64", |d| d == DType::I64)?;
        let mut variables = Vec::new();
        for variable in 0..self.variables {
            let mut ty = Type::Unknown;
            for i in self.places(variable) {
                inputs.dtype_where(i, "f32 or f64", wide_float)?;
                ty = graph::unify(&ty, &inputs.required(i)?.ty).map_err(|e| e.at(format!("input {i}")))?;
            }
            variables.push(Fact::of(ty));
        }
        Ok((0..=R::STATES).flat_map(|_| variables.iter().cloned()).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let rate = single(&wide::<f64>(inputs.tensor(0)?)?, 0)?;
        let count = single(&inputs.tensor(1)?.to_i64_vec()?, 1)?;
        let mut stepped = Vec::new();
        for variable in 0..self.variables {
            let dtype = inputs.tensor(2 + variable)?.dtype();
            let of = with_float!(dtype, T => self.step::<T>(rate, count, variable, inputs))?;
            stepped.push(of.into_iter());
        }
        // From each variable with its states to all variables, then all states.
        Ok((0..=R::STATES)
            .flat_map(|_| stepped.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>())
            .map(Value::from)
            .collect())
    }
}

#[cfg(test)]
pub(super) mod testing {
    use crate::{Attribute, Result, Tensor, family::nn::testing::run_in};

    /// The outputs for a rate, a count and the rest of the inputs.
    pub(crate) fn step(
        op: &str,
        attributes: &[(&str, Attribute)],
        (rate, count): (f32, i64),
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>> {
        let first = [Tensor::scalar(rate), Tensor::scalar(count)];
        let all: Vec<_> = first.into_iter().chain(inputs.iter().cloned()).map(Some).collect();
        let outputs = inputs.len() - inputs.len() / if op == "Adam" { 4 } else { 3 };
        run_in("ai.onnx.preview.training", op, 1, attributes, &all, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::step;
    use crate::{
        Attribute, DType, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    fn attributes() -> [(&'static str, Attribute); 4] {
        [
            ("alpha", Attribute::Float(0.5)),
            ("beta", Attribute::Float(1.0)),
            ("norm_coefficient", Attribute::Float(0.0)),
            ("mode", Attribute::String("standard".into())),
        ]
    }

    #[test]
    fn variables_of_their_own_types_and_shapes_lie_by_kind() {
        let f64s = |shape: &[usize], v: &[f32]| t(shape, v).cast(DType::F64).unwrap();
        // V' = V / 2 + G, X' = X - 10 V'.
        let inputs = [
            t(&[1], &[100.0]),
            f64s(&[1, 2], &[200.0, 300.0]),
            t(&[1], &[1.0]),
            f64s(&[1, 2], &[2.0, 3.0]),
            t(&[1], &[8.0]),
            f64s(&[1, 2], &[4.0, 2.0]),
        ];
        let got = step("Momentum", &attributes(), (10.0, 1), &inputs).unwrap();
        assert_eq!(got[1].dtype(), DType::F64);
        let got: Vec<_> = got.iter().map(|y| y.cast(DType::F32).unwrap()).collect();
        close(&got[0], &[1], &[50.0]);
        close(&got[1], &[1, 2], &[160.0, 260.0]);
        close(&got[2], &[1], &[5.0]);
        close(&got[3], &[1, 2], &[4.0, 4.0]);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let x = || t(&[2], &[1.0, 2.0]);
        assert!(step("Momentum", &attributes(), (1.0, 1), &[x(), x(), x()]).is_ok());
        for (what, inputs) in [
            ("no variable", vec![]),
            ("a state short", vec![x(), x()]),
            ("a gradient of another shape", vec![x(), t(&[1], &[1.0]), x()]),
            ("a state of another type", vec![x(), x(), x().cast(DType::F64).unwrap()]),
            ("narrow floats", vec![x().cast(DType::F16).unwrap(); 3]),
            ("integers", vec![x().cast(DType::I64).unwrap(); 3]),
        ] {
            assert!(step("Momentum", &attributes(), (1.0, 1), &inputs).is_err(), "{what}");
        }
        let one = || Some(Tensor::scalar(1i64));
        let rate = || Some(Tensor::scalar(1.0f32));
        for (what, rate, count) in [
            ("two rates", Some(x()), one()),
            ("an integer as rate", one(), one()),
            ("a float as count", rate(), rate()),
            ("two counts", rate(), Some(Tensor::from_vec([2], vec![1i64, 2]).unwrap())),
            ("no count", rate(), None),
        ] {
            let inputs = [rate, count, Some(x()), Some(x()), Some(x())];
            let got = run_in("ai.onnx.preview.training", "Momentum", 1, &attributes(), &inputs, 2);
            assert!(got.is_err(), "{what}");
        }
        let inputs = [rate(), one(), Some(x()), Some(x()), Some(x())];
        let got = run_in("ai.onnx.preview.training", "Momentum", 1, &attributes(), &inputs, 3);
        assert!(got.is_err(), "more outputs than there are");
    }
}
