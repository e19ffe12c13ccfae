//! [Loop](https://onnx.ai/onnx/operators/onnx__Loop.html): a subgraph repeated while a condition holds.

use super::body::{Body, settled, stack};
use crate::{DType, Dim, Effort, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value, fact::Facts};
use std::sync::Arc;

/// Repeats the body at most as often as input 0 says and while its condition holds. Inputs from 2 on are the initial
/// states, then what the body captures; outputs are the final states, then each iteration's scan outputs stacked.
#[derive(Debug)]
pub struct Loop {
    /// The body: (iteration, condition, states...) to (condition, states..., scan outputs...).
    pub body: Body,
    /// The number of states.
    pub states: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let body = Body::parse(node, "body")?;
    let outputs = body.graph.outputs().len();
    let states = body.own_inputs().checked_sub(2).filter(|s| *s < outputs && node.outputs < outputs);
    let states = states.ok_or_else(|| {
        Error::invalid(format!(
            "a body of {} inputs and {outputs} outputs does not fit {} outputs",
            body.own_inputs(),
            node.outputs
        ))
    })?;
    Ok(Arc::new(Loop { body, states }))
}

impl Loop {
    /// What is known of the body's inputs.
    fn own(states: &[Fact]) -> Vec<Fact> {
        let mut own = vec![Fact::shaped(DType::I64, [0usize; 0]), Fact::shaped(DType::Bool, [0usize; 0])];
        own.extend_from_slice(states);
        own
    }
}

impl Operator for Loop {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.infer_within(inputs, &Effort::unbounded())
    }

    fn infer_within(&self, inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let initial: Vec<Type> =
            (0..self.states).map(|i| Ok(inputs.required(2 + i)?.ty.clone())).collect::<Result<_>>()?;
        let round = |states: &[Fact]| self.body.infer(&Self::own(states), inputs, effort);
        // Initial shapes that the body cannot take are no matter to a loop without rounds.
        let (states, out) = settled(&initial, 1, round).or_else(|_| {
            let types: Vec<Type> = initial.iter().map(Type::shapeless).collect();
            settled(&types, 1, round)
        })?;
        let scans = out.into_iter().skip(1 + self.states).map(|f| match f.ty {
            Type::Tensor { dtype, shape } => {
                Fact::tensor(dtype, shape.map(|s| std::iter::once(Dim::Unknown).chain(s).collect()))
            }
            _ => Fact::of(Type::Unknown),
        });
        Ok(states.into_iter().map(Fact::of).chain(scans).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    fn evaluate_within(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        let most = inputs.optional_tensor(0)?.map(|t| t.item::<i64>().map_err(|e| e.at("input 0"))).transpose()?;
        let mut go = inputs.optional_tensor(1)?.map_or(Ok(true), |t| t.item::<bool>().map_err(|e| e.at("input 1")))?;
        let mut states = (0..self.states).map(|i| inputs.value(2 + i).cloned()).collect::<Result<Vec<_>>>()?;
        let scans = self.body.graph.outputs().len() - 1 - self.states;
        let mut kept: Vec<Vec<Value>> = vec![Vec::new(); scans];
        let mut i = 0i64;
        while go && most.is_none_or(|m| i < m) {
            let mut own = vec![Tensor::scalar(i).into(), Tensor::scalar(go).into()];
            own.append(&mut states);
            let mut out =
                self.body.evaluate(own, inputs, effort).map_err(|e| e.at(format!("iteration {i}")))?.into_iter();
            let condition = out.next().ok_or_else(|| Error::invalid("the body gives no condition"))?;
            go = condition.as_tensor()?.item::<bool>().map_err(|e| e.at("the body's condition"))?;
            states = out.by_ref().take(self.states).collect();
            kept.iter_mut().zip(out).for_each(|(all, v)| all.push(v));
            i += 1;
        }
        let mut facts = Vec::new();
        if i == 0 && scans > 0 {
            let types: Vec<Fact> = states.iter().map(|s| Fact::of(Type::of(s))).collect();
            let captured = inputs.known();
            let captured: Vec<Option<&Fact>> = captured.iter().map(Option::as_ref).collect();
            facts = self.body.infer_declared(&Self::own(&types), Facts(&captured), effort)?;
        }
        for (k, all) in kept.iter().enumerate() {
            states.push(stack(all, 0, facts.get(1 + self.states + k))?);
        }
        Ok(states)
    }

    /// The body may hold an operator that is not pure.
    fn is_pure(&self) -> bool {
        self.body.is_pure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*, graph::Graph};

    /// state' = state + captured; scans the state; goes on while it is told to.
    fn body() -> Attribute {
        let mut g = Graph::new("body");
        g.add_input("i", Type::Unknown).unwrap();
        let go = g.add_input("go", Type::tensor(DType::Bool, [0usize; 0])).unwrap();
        let s = g.add_input("s", Type::Unknown).unwrap();
        let step = g.add_input("step", Type::Unknown).unwrap();
        let n = g.add_op("Add").input(s, 0, 0).input(step, 0, 1).finish().unwrap();
        let sum = g.output_of(n, 0).unwrap();
        g.add_output("go", go);
        g.add_output("s", sum);
        g.add_output("scan", sum);
        Attribute::Graph(Arc::new(g))
    }

    #[test]
    fn repeats_with_states_scans_and_captures() {
        let attributes = [("body", body()), ("body.captures", Attribute::Ints(vec![3]))];
        let go = |times: Option<i64>, condition: bool| {
            let inputs = [
                times.map(|t| Tensor::scalar(t).into()),
                Some(Tensor::scalar(condition).into()),
                Some(i64s(&[2], &[1, 2]).into()),
                Some(i64s(&[2], &[10, 100]).into()),
            ];
            run_values("Loop", 16, &attributes, &inputs, 2).unwrap()
        };
        let expected: [Value; 2] = [i64s(&[2], &[31, 302]).into(), i64s(&[3, 2], &[11, 102, 21, 202, 31, 302]).into()];
        assert_eq!(go(Some(3), true), expected);
        let none: [Value; 2] = [i64s(&[2], &[1, 2]).into(), i64s(&[0, 2], &[]).into()];
        assert_eq!(go(Some(0), true), none);
        assert_eq!(go(None, false), none);
    }

    /// Goes on for ever and scans what it captures, reduced along captured axes.
    fn endless() -> Loop {
        let mut g = Graph::new("body");
        g.add_input("i", Type::Unknown).unwrap();
        let go = g.add_input("go", Type::tensor(DType::Bool, [0usize; 0])).unwrap();
        let x = g.add_input("x", Type::Unknown).unwrap();
        let axes = g.add_input("axes", Type::Unknown).unwrap();
        let n = g.add_op("ReduceSum").input(x, 0, 0).input(axes, 0, 1).finish().unwrap();
        let sum = g.output_of(n, 0).unwrap();
        g.add_output("go", go);
        g.add_output("scan", sum);
        Loop { body: Body { graph: Arc::new(g), captures: vec![2, 3] }, states: 0 }
    }

    #[test]
    fn a_loop_without_end_stops_when_it_is_cancelled_or_takes_too_long() {
        let go: Value = Tensor::scalar(true).into();
        let (x, axes): (Value, Value) = (i64s(&[1], &[1]).into(), i64s(&[1], &[0]).into());
        let inputs = [None, Some(&go), Some(&x), Some(&axes)];
        let token = crate::control::CancelToken::new();
        token.cancel();
        let stopped = endless().evaluate_within(Inputs(&inputs), &Effort::until(token)).unwrap_err();
        assert!(stopped.to_string().contains("cancelled"), "{stopped}");
        let effort = Effort::within(&crate::Limits { steps: 1000, ..crate::Limits::default() });
        let stopped = endless().evaluate_within(Inputs(&inputs), &effort).unwrap_err();
        assert!(matches!(stopped, Error::Exhausted(_)), "{stopped}");
    }

    #[test]
    fn no_rounds_scan_nothing_of_the_shape_that_captured_values_tell() {
        let (go, x): (Value, Value) = (Tensor::scalar(false).into(), i64s(&[2, 3], &[0; 6]).into());
        let axes: Value = i64s(&[1], &[1]).into();
        let out = endless().evaluate(Inputs(&[None, Some(&go), Some(&x), Some(&axes)])).unwrap();
        assert_eq!(out[0].as_tensor().unwrap().shape(), [0, 2, 1]);
    }

    #[test]
    fn a_state_may_begin_as_an_optional_sequence_and_go_on_as_a_sequence() {
        let mut g = Graph::new("body");
        g.add_input("i", Type::Unknown).unwrap();
        let go = g.add_input("go", Type::Unknown).unwrap();
        let sequence = Type::Sequence(Box::new(Type::Tensor { dtype: DType::I64, shape: None }));
        let s = g.add_input("s", Type::Optional(Box::new(sequence))).unwrap();
        let n = g.add_op("OptionalGetElement").input(s, 0, 0).finish().unwrap();
        let held = g.output_of(n, 0).unwrap();
        g.add_output("go", go);
        g.add_output("s", held);
        let looped = Loop { body: Body { graph: Arc::new(g), captures: Vec::new() }, states: 1 };
        let all = Value::Sequence(vec![i64s(&[1], &[4]).into()]);
        let (most, state) = (Tensor::scalar(2i64), Value::Optional(Some(Box::new(all.clone()))));
        let (known, typed) = (Fact::constant(most.clone()), Fact::of(Type::of(&state)));
        assert_eq!(looped.infer(Facts(&[Some(&known), None, Some(&typed)])).unwrap(), [Fact::of(Type::Unknown)]);
        let most = most.into();
        assert_eq!(looped.evaluate(Inputs(&[Some(&most), None, Some(&state)])).unwrap(), [all]);
        let other = Value::Optional(Some(Box::new(Value::Sequence(vec![Tensor::scalar(true).into()]))));
        assert!(looped.evaluate(Inputs(&[Some(&most), None, Some(&other)])).is_err());
    }

    #[test]
    fn an_initial_state_of_another_type_than_declared_is_refused() {
        let mut g = Graph::new("body");
        g.add_input("i", Type::Unknown).unwrap();
        let go = g.add_input("go", Type::Unknown).unwrap();
        let s = g.add_input("s", Type::Tensor { dtype: DType::F32, shape: None }).unwrap();
        g.add_output("go", go);
        g.add_output("s", s);
        let looped = Loop { body: Body { graph: Arc::new(g), captures: Vec::new() }, states: 1 };
        let (most, state) = (Fact::constant(Tensor::scalar(1i64)), Fact::shaped(DType::I64, [1usize]));
        assert!(looped.infer(Facts(&[Some(&most), None, Some(&state)])).is_err());
    }
}
