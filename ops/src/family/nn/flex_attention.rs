//! [FlexAttention](https://onnx.ai/onnx/operators/onnx_preview_FlexAttention.html): attention whose scores and
//! probabilities subgraphs may change.

use super::{
    attend::{Heads, group, softmax},
    attention::by_batch,
    wide::{check_float, filled, narrow, via, wide, with_wide},
};
use crate::{
    DType, Dim, Effort, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Type, Value, fact::Facts,
    family::control::Body, graph, numeric::Float, rows,
};
use std::sync::Arc;

/// `prob_mod(softmax(score_mod(Q K^T scale))) V` by head, over inputs `[batch, heads, length, size]`. Inputs from 3 on are
/// what the subgraphs capture.
///
/// Order of arithmetic: queries and keys are each multiplied by `sqrt(scale)`; a score is one chain of fused
/// multiply-adds in ascending index of the head; softmax takes the greatest score, `exp` of each difference, their sum
/// in sixteen chains by index mod 16 and a tree, and divides each; an output is one chain of fused multiply-adds in
/// ascending key. Narrow floats are computed in `f32`. Scores and probabilities are each rounded to the precision of the
/// softmax, in which the subgraphs see them, and outputs to the type of the inputs. A row of scores that are all
/// negative infinity gives NaN.
#[derive(Debug)]
pub struct FlexAttention {
    /// Factor of the scores; one over the root of the head size by default.
    pub scale: Option<f32>,
    /// The type of scores and probabilities; `f64` for inputs of that type and `f32` for others by default.
    pub precision: Option<DType>,
    /// From scores to scores.
    pub score_mod: Option<Body>,
    /// From probabilities to probabilities.
    pub prob_mod: Option<Body>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let body = |name: &str| {
        let Some(given) = a.graph(name)?.map(|_| Body::parse(node, name)).transpose()? else { return Ok(None) };
        match (given.own_inputs(), given.graph.outputs().len()) {
            (1, 1) => Ok(Some(given)),
            (i, o) => Err(Error::invalid(format!("'{name}' has {i} inputs of its own and {o} outputs; each is 1"))),
        }
    };
    Ok(Arc::new(FlexAttention {
        scale: a.float("scale")?,
        precision: a.dtype("softmax_precision")?.map(check_float).transpose()?,
        score_mod: body("score_mod")?,
        prob_mod: body("prob_mod")?,
    }))
}

fn heads(inputs: Inputs<'_>, i: usize) -> Result<Heads> {
    match *inputs.tensor(i)?.shape() {
        [batch, heads, length, size] => Ok(Heads { batch, heads, length, size, packed: false }),
        ref shape => Err(Error::invalid(format!("input {i} has {} dimensions; 4 are expected", shape.len()))),
    }
}

/// What a subgraph makes of scores or probabilities: as many, of the same type.
fn modified(body: Option<&Body>, name: &str, given: Tensor, inputs: Inputs<'_>, effort: &Effort) -> Result<Tensor> {
    let Some(body) = body else { return Ok(given) };
    let (dtype, shape) = (given.dtype(), given.shape().to_vec());
    let out = body.evaluate(vec![given.into()], inputs, effort).map_err(|e| e.at(format!("'{name}'")))?;
    let out = out.into_iter().next().ok_or_else(|| Error::invalid(format!("'{name}' gives nothing")))?.into_tensor()?;
    if out.dtype() != dtype || out.shape() != shape {
        let found = format!("{}{:?}", out.dtype(), out.shape());
        return Err(Error::invalid(format!("'{name}' gives {found} where {dtype}{shape:?} is expected")));
    }
    Ok(out)
}

impl FlexAttention {
    fn precision(&self, dtype: DType) -> DType {
        self.precision.unwrap_or(if dtype == DType::F64 { DType::F64 } else { DType::F32 })
    }

    /// The scaled products of queries and keys, `[batch, heads, queries, keys]`.
    fn scores<T: Float>(&self, inputs: Inputs<'_>, group: usize) -> Result<Vec<T>> {
        let (qh, kh) = (heads(inputs, 0)?, heads(inputs, 1)?);
        let scale = self.scale.map_or_else(|| 1.0 / (qh.size as f64).sqrt(), f64::from);
        let root = via(T::from_f64(scale.abs()), f64::sqrt);
        // A negative scale turns one of the two roots around.
        let signed = if scale < 0.0 { root.neg() } else { root };
        let (q, k) = (wide::<T>(inputs.tensor(0)?)?, wide::<T>(inputs.tensor(1)?)?);
        let keys: Vec<T> = k.iter().map(|v| v.mul(root)).collect();
        let mut out = filled(&[qh.batch, qh.heads, qh.length, kh.length], T::ZERO)?;
        let mut free = out.iter_mut();
        for b in 0..qh.batch {
            for h in 0..qh.heads {
                for i in 0..qh.length {
                    let query: Vec<T> = q[qh.at(b, h, i)..][..qh.size].iter().map(|v| v.mul(signed)).collect();
                    for (j, score) in free.by_ref().take(kh.length).enumerate() {
                        let key = &keys[kh.at(b, h / group, j)..][..kh.size];
                        *score = query.iter().zip(key).fold(T::ZERO, |sum, (q, k)| q.mul_add(*k, sum));
                    }
                }
            }
        }
        Ok(out)
    }

    /// Softmax, what changes its probabilities, and the product with the values.
    fn weigh<T: Float>(&self, scores: &Tensor, inputs: Inputs<'_>, group: usize, effort: &Effort) -> Result<Value> {
        let (qh, vh) = (heads(inputs, 0)?, heads(inputs, 2)?);
        let mut probabilities = wide::<T>(scores)?.into_owned();
        if vh.length > 0 {
            probabilities.chunks_exact_mut(vh.length).for_each(|row| softmax(row, true));
        }
        let probabilities = narrow(scores.dtype(), scores.shape(), probabilities)?;
        let probabilities = modified(self.prob_mod.as_ref(), "prob_mod", probabilities, inputs, effort)?;
        let (p, v) = (wide::<T>(&probabilities)?, wide::<T>(inputs.tensor(2)?)?);
        let oh = Heads { size: vh.size, ..qh };
        let mut out = filled(&oh.shape(), T::ZERO)?;
        for b in 0..qh.batch {
            for h in 0..qh.heads {
                for i in 0..qh.length {
                    let row = &p[((b * qh.heads + h) * qh.length + i) * vh.length..][..vh.length];
                    let at = oh.at(b, h, i);
                    for (d, o) in out[at..at + vh.size].iter_mut().enumerate() {
                        let each = row.iter().enumerate();
                        *o = each.fold(T::ZERO, |sum, (j, p)| p.mul_add(v[vh.at(b, h / group, j) + d], sum));
                    }
                }
            }
        }
        Ok(narrow(inputs.tensor(0)?.dtype(), oh.shape(), out)?.into())
    }
}

/// Refuses a subgraph that is known to change the type or the shape.
fn check_body(body: Option<&Body>, name: &str, given: &Fact, inputs: Facts<'_>, effort: &Effort) -> Result<()> {
    let Some(body) = body else { return Ok(()) };
    let place = |e: Error| e.at(format!("'{name}'"));
    for out in body.infer(std::slice::from_ref(given), inputs, effort).map_err(place)? {
        graph::unify(&out.ty, &given.ty).map_err(place)?;
    }
    Ok(())
}

impl Operator for FlexAttention {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.infer_within(inputs, &Effort::unbounded())
    }

    fn infer_within(&self, inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let mut dims = Vec::new();
        for i in 0..3 {
            inputs.dtype_where(i, "the type of the queries", |d| d == dtype)?;
            match inputs.shape(i)? {
                None => {}
                Some([b, h, s, d]) => dims.push([b.clone(), h.clone(), s.clone(), d.clone()]),
                Some(s) => {
                    return Err(Error::invalid(format!("input {i} has {} dimensions; 4 are expected", s.len())));
                }
            }
        }
        let [[b, heads, queries, _], [_, _, keys, _], [_, _, _, size]] = dims.as_slice() else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let of = |last: [&Dim; 2]| [b, heads, last[0], last[1]].map(Clone::clone);
        let scores = Fact::of(Type::tensor(self.precision(dtype), of([queries, keys])));
        check_body(self.score_mod.as_ref(), "score_mod", &scores, inputs, effort)?;
        check_body(self.prob_mod.as_ref(), "prob_mod", &scores, inputs, effort)?;
        Ok(vec![Fact::shaped(dtype, of([queries, size]))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    fn evaluate_within(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        let (qh, kh, vh) = (heads(inputs, 0)?, heads(inputs, 1)?, heads(inputs, 2)?);
        let group = group(qh, kh, vh)?;
        let dtype = inputs.tensor(0)?.dtype();
        let precision = self.precision(dtype);
        let shape = [qh.batch, qh.heads, qh.length, kh.length];
        let scores = with_wide!(dtype, T => narrow(precision, shape, self.scores::<T>(inputs, group)?))?;
        let scores = modified(self.score_mod.as_ref(), "score_mod", scores, inputs, effort)?;
        with_wide!(precision, T => Ok(vec![self.weigh::<T>(&scores, inputs, group, effort)?]))
    }

    /// A subgraph sees the scores of all batches at once.
    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if self.score_mod.is_some() || self.prob_mod.is_some() {
            return rows::opaque(rows, outputs.len());
        }
        by_batch(rows, inputs, &[], outputs.len())
    }

    /// A subgraph may hold an operator that is not pure.
    fn is_pure(&self) -> bool {
        [&self.score_mod, &self.prob_mod].into_iter().flatten().all(Body::is_pure)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run_in, t};
    use crate::{Attribute, DType, Result, Tensor, Type, graph::Graph};
    use std::sync::Arc;

    fn flex(attributes: &[(&str, Attribute)], inputs: &[Tensor]) -> Result<Tensor> {
        let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
        Ok(run_in("ai.onnx.preview", "FlexAttention", 1, attributes, &inputs, 1)?.remove(0))
    }

    /// A subgraph of one operator on what it is given and a constant, or on what it is given and what it captures.
    fn body(op: &str, constant: Option<Tensor>) -> Attribute {
        let mut g = Graph::new("body");
        let x = g.add_input("x", Type::Unknown).unwrap();
        let y = match constant {
            Some(c) => g.add_constant("c", c).unwrap(),
            None => g.add_input("captured", Type::Unknown).unwrap(),
        };
        let n = g.add_op(op).input(x, 0, 0).input(y, 0, 1).finish().unwrap();
        let y = g.output_of(n, 0).unwrap();
        g.add_output("y", y);
        Attribute::Graph(Arc::new(g))
    }

    /// Two query heads of size 1 that share keys 0 and 1, whose values are 10 and 20: a logistic function of the query.
    fn small() -> [Tensor; 3] {
        [t(&[1, 2, 1, 1], &[1.0, -2.0]), t(&[1, 1, 2, 1], &[0.0, 1.0]), t(&[1, 1, 2, 1], &[10.0, 20.0])]
    }

    fn logistic(x: f32) -> f32 {
        10.0 + 10.0 / (1.0 + libm::expf(-x))
    }

    #[test]
    fn scales_and_groups() {
        for (scale, factor) in [(None, 1.0), (Some(2.0), 2.0), (Some(-2.0), -2.0), (Some(0.0), 0.0)] {
            let attributes: Vec<_> = scale.map(|s| ("scale", Attribute::Float(s))).into_iter().collect();
            close(&flex(&attributes, &small()).unwrap(), &[1, 2, 1, 1], &[logistic(factor), logistic(-2.0 * factor)]);
        }
        let q = t(&[1, 1, 1, 4], &[1.0, 1.0, 1.0, 1.0]);
        let k = t(&[1, 1, 2, 4], &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        let v = t(&[1, 1, 2, 1], &[10.0, 20.0]);
        close(&flex(&[], &[q, k, v]).unwrap(), &[1, 1, 1, 1], &[logistic(2.0)]);
        let none = [t(&[1, 1, 1, 1], &[1.0]), t(&[1, 1, 0, 1], &[]), t(&[1, 1, 0, 2], &[])];
        close(&flex(&[], &none).unwrap(), &[1, 1, 1, 2], &[0.0, 0.0]);
    }

    #[test]
    fn subgraphs_change_scores_and_probabilities() {
        let mask = t(&[2], &[0.0, f32::NEG_INFINITY]);
        let half = ("prob_mod", body("Mul", Some(Tensor::scalar(0.5f32))));
        let masked = ("score_mod", body("Add", Some(mask.clone())));
        let got = flex(&[masked.clone(), half.clone()], &small()).unwrap();
        close(&got, &[1, 2, 1, 1], &[5.0, 5.0]);
        let [q, k, v] = small();
        let captured = [masked.0, "score_mod.captures"].into_iter().zip([body("Add", None), Attribute::Ints(vec![3])]);
        let captured: Vec<_> = captured.collect();
        close(&flex(&captured, &[q, k, v, mask]).unwrap(), &[1, 2, 1, 1], &[10.0, 10.0]);
        let all = [("score_mod", body("Add", Some(Tensor::scalar(f32::NEG_INFINITY))))];
        assert!(flex(&all, &small()).unwrap().as_slice::<f32>().unwrap().iter().all(|y| y.is_nan()));
    }

    #[test]
    fn subgraphs_see_the_precision_of_the_softmax() {
        let cast = |to: DType| small().map(|x| x.cast(to).unwrap());
        let one = |of: DType| body("Mul", Some(Tensor::scalar(1.0f32).cast(of).unwrap()));
        for (inputs, stated, seen) in [
            (DType::F16, None, DType::F32),
            (DType::BF16, None, DType::F32),
            (DType::F64, None, DType::F64),
            (DType::F32, Some(11), DType::F64),
            (DType::F64, Some(1), DType::F32),
            (DType::F16, Some(10), DType::F16),
        ] {
            let mut attributes = vec![("score_mod", one(seen)), ("prob_mod", one(seen))];
            attributes.extend(stated.map(|code| ("softmax_precision", Attribute::Int(code))));
            let got = flex(&attributes, &cast(inputs)).unwrap_or_else(|e| panic!("{inputs} {stated:?}: {e}"));
            assert_eq!(got.dtype(), inputs);
            let got = got.cast(DType::F32).unwrap();
            for (g, e) in got.as_slice::<f32>().unwrap().iter().zip([logistic(1.0), logistic(-2.0)]) {
                assert!((g - e).abs() < 0.1, "{inputs} {stated:?}: {got:?}");
            }
            let other = if seen == DType::F64 { DType::F32 } else { DType::F64 };
            attributes[1] = ("prob_mod", one(other));
            assert!(flex(&attributes, &cast(inputs)).is_err(), "{inputs}: a factor of {other} for {seen}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let [q, k, v] = small();
        for (what, inputs) in [
            ("three dimensions", [t(&[2, 1, 1], &[1.0, 2.0]), k.clone(), v.clone()]),
            ("heads that do not divide", [q.clone(), t(&[1, 3, 2, 1], &[0.0; 6]), t(&[1, 3, 2, 1], &[0.0; 6])]),
            ("other lengths", [q.clone(), k.clone(), t(&[1, 1, 3, 1], &[0.0; 3])]),
            ("other sizes", [t(&[1, 2, 1, 2], &[0.0; 4]), k.clone(), v.clone()]),
            ("integers", [q.cast(DType::I32).unwrap(), k.cast(DType::I32).unwrap(), v.cast(DType::I32).unwrap()]),
            ("mixed types", [q.clone(), k.clone(), v.cast(DType::F64).unwrap()]),
        ] {
            assert!(flex(&[], &inputs).is_err(), "{what}");
        }
        let wider = [("score_mod", body("Add", Some(t(&[2, 1, 1, 1], &[0.0; 2]))))];
        assert!(flex(&wider, &small()).is_err(), "more scores than were given");
        let greater = [("prob_mod", body("Greater", Some(Tensor::scalar(0.0f32))))];
        assert!(flex(&greater, &small()).is_err(), "conditions where probabilities are expected");
        assert!(flex(&[("score_mod", body("Add", None))], &small()).is_err(), "a second input that captures nothing");
        assert!(flex(&[("softmax_precision", Attribute::Int(7))], &small()).is_err(), "integers as precision");
    }
}
