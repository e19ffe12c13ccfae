//! Broadcasting before operator set 7, where attributes say what broadcasts, and before 8 for operators of many inputs.
//!
//! An operator of two inputs broadcast its second one only, and only with the attribute `broadcast`; the attribute
//! `axis` said with which axis of the first its shape begins. See
//! [Add 6](https://onnx.ai/onnx/operators/onnx__Add.html#add-6). What the operators compute is as today.

use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Type, Value,
    broadcast::broadcast_shape,
    fact::{Facts, shape_text},
    operator::axis_index,
    rows,
};
use std::sync::Arc;

/// What the second input's shape is laid along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// Nothing: all inputs have one shape.
    Same,
    /// The last axes of the first input.
    Last,
    /// The axes of the first input from this one on.
    From(i64),
    /// The channels, axis 1 of the first input, when the second has one axis; else its last axes.
    Channels,
}

/// An operator on elements whose inputs are brought into today's shapes first. The output has the first input's shape.
#[derive(Debug)]
pub struct Aligned {
    /// The operator as it is today.
    pub operator: Arc<dyn Operator>,
    /// How its inputs' shapes are laid along each other.
    pub alignment: Alignment,
}

/// Reads `broadcast` and `axis` of an operator of two inputs; from version 7 on it broadcasts both ways.
pub(crate) fn limited(node: &Node<'_>, operator: impl Operator) -> Result<Arc<dyn Operator>> {
    if node.since >= 7 {
        return Ok(Arc::new(operator));
    }
    let alignment = match (node.attributes.flag_or("broadcast", false)?, node.attributes.int("axis")?) {
        (false, _) => Alignment::Same,
        (true, None) => Alignment::Last,
        (true, Some(axis)) => Alignment::From(axis),
    };
    Ok(Arc::new(Aligned { operator: Arc::new(operator), alignment }))
}

/// An operator of many inputs; before version 8 all have one shape.
pub(crate) fn equal(node: &Node<'_>, operator: impl Operator) -> Result<Arc<dyn Operator>> {
    if node.since >= 8 {
        return Ok(Arc::new(operator));
    }
    Ok(Arc::new(Aligned { operator: Arc::new(operator), alignment: Alignment::Same }))
}

/// An operator whose second input is a parameter for each channel before version 7.
pub(crate) fn channels(node: &Node<'_>, operator: impl Operator) -> Result<Arc<dyn Operator>> {
    if node.since >= 7 {
        return Ok(Arc::new(operator));
    }
    Ok(Arc::new(Aligned { operator: Arc::new(operator), alignment: Alignment::Channels }))
}

impl Aligned {
    /// The shape of the second input with as many dimensions of 1 at its end as today's broadcasting needs.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it does not lie within the first input's axes.
    pub fn second<D: Clone + Into<Dim> + From<usize>>(&self, first: &[D], second: &[D]) -> Result<Vec<D>> {
        let mut shape = second.to_vec();
        if second.iter().all(|d| d.clone().into() == Dim::Known(1)) {
            return Ok(shape);
        }
        let from = match self.alignment {
            Alignment::From(axis) => axis_index(axis, first.len())?,
            Alignment::Channels if second.len() == 1 => usize::from(first.len() > 1),
            _ => return Ok(shape),
        };
        let rest = first.len().checked_sub(from + second.len()).ok_or_else(|| {
            let dims = second.iter().cloned().map(Into::into).collect::<Vec<Dim>>();
            Error::invalid(format!("shape {} does not fit rank {} from axis {from} on", shape_text(&dims), first.len()))
        })?;
        shape.extend(std::iter::repeat_n(D::from(1), rest));
        Ok(shape)
    }

    /// The second input's fact under its new shape; without a shape when either rank is unknown.
    fn second_fact(&self, inputs: Facts<'_>) -> Result<Option<Fact>> {
        let Some(b) = inputs.get(1) else { return Ok(None) };
        let shape = match (inputs.shape(0)?, inputs.shape(1)?) {
            (Some(first), Some(second)) => Some(self.second(first, second)?),
            _ => None,
        };
        let value = match (&b.value, shape.as_deref().and_then(crate::fact::known_shape)) {
            (Some(value), Some(shape)) => Some(value.reshape(shape)?),
            _ => None,
        };
        Ok(Some(Fact { value, ..Fact::tensor(inputs.dtype(1)?, shape) }))
    }
}

/// The one shape of all inputs, as far as it is known.
fn one_shape(inputs: Facts<'_>) -> Result<Option<Vec<Dim>>> {
    let mut shape: Option<Vec<Dim>> = None;
    for i in 0..inputs.len() {
        let Some(here) = inputs.shape(i)? else { continue };
        let wrong = || Error::invalid(format!("input {i} has shape {} where nothing broadcasts", shape_text(here)));
        shape = Some(match shape {
            None => here.to_vec(),
            Some(all) if all.len() != here.len() => return Err(wrong()),
            Some(all) => all.iter().zip(here).map(|(a, b)| a.unify(b)).collect::<Result<_>>().map_err(|_| wrong())?,
        });
    }
    Ok(shape)
}

impl Operator for Aligned {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        if self.alignment == Alignment::Same {
            let shape = one_shape(inputs)?;
            let facts = self.operator.infer(inputs)?;
            return Ok(facts.into_iter().filter_map(|f| Some(Fact::tensor(f.dtype()?, shape.clone()))).collect());
        }
        let second = self.second_fact(inputs)?;
        let mut given = inputs.0.to_vec();
        if let (Some(slot), Some(fact)) = (given.get_mut(1), &second) {
            *slot = Some(fact);
        }
        let mut facts = self.operator.infer(Facts(&given))?;
        // Only the second input broadcasts: the output is as the first.
        for fact in &mut facts {
            if let Type::Tensor { shape, .. } = &mut fact.ty {
                let first = inputs.shape(0)?;
                *shape = match (shape.take(), first) {
                    (Some(out), Some(first)) if out.len() == first.len() => {
                        let dims = first.iter().zip(&out).map(|(a, o)| a.unify(o)).collect::<Result<_>>();
                        Some(dims.map_err(|e| e.at("the second input would enlarge the first"))?)
                    }
                    (Some(_), Some(_)) => return Err(Error::invalid("input 1 has more dimensions than input 0")),
                    _ => first.map(<[Dim]>::to_vec),
                };
            }
        }
        Ok(facts)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let first = inputs.tensor(0)?;
        if self.alignment == Alignment::Same {
            for i in 1..inputs.len() {
                let (a, b) = (first.shape(), inputs.tensor(i)?.shape());
                if a != b {
                    return Err(Error::invalid(format!("input {i} has shape {b:?} where {a:?} is expected")));
                }
            }
            return self.operator.evaluate(inputs);
        }
        let second = inputs.tensor(1)?;
        let shape = self.second(first.shape(), second.shape())?;
        if broadcast_shape(first.shape(), &shape)? != first.shape() {
            let (a, b) = (first.shape(), second.shape());
            return Err(Error::invalid(format!("input 1 of shape {b:?} does not broadcast to {a:?}")));
        }
        let second: Value = second.reshape(shape)?.into();
        let mut given = inputs.0.to_vec();
        given[1] = Some(&second);
        self.operator.evaluate(Inputs(&given))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // Dimensions of 1 at the end change no axis number, so rows lie where they did.
        let Ok(second) = self.second_fact(inputs) else { return rows::opaque(rows, outputs.len()) };
        let mut given = inputs.0.to_vec();
        if let (Some(slot), Some(fact)) = (given.get_mut(1), &second) {
            *slot = Some(fact);
        }
        self.operator.rows(rows, Facts(&given), outputs)
    }

    fn missing(&self) -> Missing {
        self.operator.missing()
    }

    fn is_pure(&self) -> bool {
        self.operator.is_pure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Attribute, Attributes, DType, Tensor,
        family::math::elementwise::testing::{floats, parse, run, run_with},
    };

    fn broadcast(axis: Option<i64>) -> Attributes {
        let on = Attributes::new().with("broadcast", Attribute::Int(1));
        axis.into_iter().fold(on, |on, axis| on.with("axis", Attribute::Int(axis)))
    }

    #[test]
    fn the_second_input_lies_where_axis_says() {
        // Elements of A are 100, 101, ... so that each difference tells which element of B was taken.
        let a = floats(&[2, 3, 2], &(0..12).map(|i| 100.0 + i as f32).collect::<Vec<_>>());
        let cases: [(&[usize], Option<i64>, [usize; 12]); 10] = [
            (&[], None, [0; 12]),
            (&[1, 1], None, [0; 12]),
            (&[1], Some(0), [0; 12]),
            (&[2], None, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
            (&[3, 2], None, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]),
            (&[2], Some(0), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]),
            (&[3], Some(1), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]),
            (&[2, 3], Some(0), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
            (&[2], Some(-1), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]),
            (&[2, 3, 2], Some(0), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        ];
        for (shape, axis, taken) in cases {
            let count: usize = shape.iter().product();
            let b = floats(shape, &(0..count).map(|i| i as f32).collect::<Vec<_>>());
            let want: Vec<f32> = taken.iter().enumerate().map(|(i, b)| 100.0 + i as f32 - *b as f32).collect();
            let got = run_with("Sub", 6, &broadcast(axis), &[&a, &b]).unwrap();
            assert_eq!(got, floats(&[2, 3, 2], &want), "{shape:?} from {axis:?}");
        }
        for (shape, axis) in [
            (&[3usize][..], None),
            (&[3], Some(0)),
            (&[3], Some(3)),
            (&[3, 2], Some(2)),
            (&[1, 2, 3, 2], None),
            (&[1, 1, 1, 1], None),
        ] {
            let b = floats(shape, &vec![0.0; shape.iter().product()]);
            assert!(run_with("Sub", 6, &broadcast(axis), &[&a, &b]).is_err(), "{shape:?} from {axis:?}");
        }
        assert!(run_with("Sub", 6, &broadcast(None), &[&floats(&[1], &[0.0]), &floats(&[2], &[0.0; 2])]).is_err());
    }

    #[test]
    fn nothing_broadcasts_unasked() {
        let (a, b) = (floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), floats(&[2], &[1.0, 1.0]));
        for op in ["Add", "Sub", "Mul", "Div", "Pow", "Greater", "Less", "Equal", "Max", "Min", "Sum", "Mean"] {
            assert!(run(op, 6, &[&a, &b]).is_err(), "{op}");
            assert!(run(op, 6, &[&a, &a]).is_ok(), "{op}");
            assert!(run(op, 8, &[&a, &b]).is_ok(), "{op} broadcasts since");
        }
        let (t, f) = (Tensor::from_vec([2, 1], vec![true; 2]).unwrap(), Tensor::from_vec([2], vec![false; 2]).unwrap());
        for op in ["And", "Or", "Xor"] {
            assert!(run(op, 1, &[&t, &f]).is_err(), "{op}");
            let got = run_with(op, 1, &broadcast(Some(0)), &[&t, &f]).unwrap();
            assert_eq!(got.as_slice::<bool>().unwrap(), [op != "And"; 2], "{op}");
        }
        assert!(run("Sum", 6, &[&a, &a, &b]).is_err(), "the third of three");
    }

    #[test]
    fn symbols_and_rows_are_carried() {
        let (n, c) = (Dim::symbol("N"), Dim::Known(3));
        let facts =
            [Fact::shaped(DType::F32, [n.clone(), c.clone(), Dim::Known(4)]), Fact::shaped(DType::F32, [3usize])];
        let inputs = [Some(&facts[0]), Some(&facts[1])];
        let add = parse("Add", 6, &broadcast(Some(1)), 2, 1).unwrap();
        let out = add.infer(Facts(&inputs)).unwrap();
        assert_eq!(out[0].shape(), Some(&[n.clone(), c, Dim::Known(4)][..]));
        assert_eq!(add.rows(&[Rows::Axis(0), Rows::Free], Facts(&inputs), &out), [Rows::Axis(0)]);
        assert_eq!(add.rows(&[Rows::Axis(1), Rows::Free], Facts(&inputs), &out), [Rows::Mixed]);
        let first = Fact::shaped(DType::F32, [n.clone()]);
        let along = parse("Add", 6, &broadcast(Some(0)), 2, 1).unwrap();
        assert_eq!(along.rows(&[Rows::Axis(0); 2], Facts(&[inputs[0], Some(&first)]), &out), [Rows::Axis(0)]);
        let open = [Fact::tensor(DType::F32, None), Fact::shaped(DType::F32, [Dim::symbol("M")])];
        let out = along.infer(Facts(&[Some(&open[0]), Some(&open[1])])).unwrap();
        assert_eq!(out, [Fact::tensor(DType::F32, None)], "nothing is known of the first input's rank");
        let same = parse("Sum", 6, &Attributes::new(), 2, 1).unwrap();
        assert_eq!(same.infer(Facts(&[Some(&open[0]), Some(&open[1])])).unwrap()[0].shape(), open[1].shape());
    }
}
