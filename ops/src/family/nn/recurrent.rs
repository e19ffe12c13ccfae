//! What recurrent layers share: directions, layouts, lengths, activations and the walk over time.

use super::{
    attention::heads,
    wide::{check_float, filled, narrow, via, wide},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Result, Rows, Value,
    fact::Facts,
    numeric::{Float, transcendental::exp_f64},
    rows,
};

/// An activation with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the variants are the specification's own names")]
pub enum Activation {
    Relu,
    Tanh,
    Sigmoid,
    Affine(f32, f32),
    LeakyRelu(f32),
    ThresholdedRelu(f32),
    ScaledTanh(f32, f32),
    HardSigmoid(f32, f32),
    Elu(f32),
    Softsign,
    Softplus,
}

impl Activation {
    /// The activation of an element, computed in double precision and rounded once.
    pub fn apply<T: Float>(self, x: T) -> T {
        via(x, |x| match self {
            Self::Relu => {
                if x > 0.0 {
                    x
                } else {
                    x * 0.0
                }
            }
            Self::Tanh => libm::tanh(x),
            Self::Sigmoid => 1.0 / (1.0 + exp_f64(-x)),
            Self::Affine(a, b) => f64::from(a) * x + f64::from(b),
            Self::LeakyRelu(a) => {
                if x >= 0.0 {
                    x
                } else {
                    f64::from(a) * x
                }
            }
            Self::ThresholdedRelu(a) => {
                if x >= f64::from(a) {
                    x
                } else {
                    x * 0.0
                }
            }
            Self::ScaledTanh(a, b) => f64::from(a) * libm::tanh(f64::from(b) * x),
            Self::HardSigmoid(a, b) => (f64::from(a) * x + f64::from(b)).clamp(0.0, 1.0),
            Self::Elu(a) => {
                if x >= 0.0 {
                    x
                } else {
                    f64::from(a) * libm::expm1(x)
                }
            }
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Softplus => x.max(0.0) + libm::log1p(exp_f64(-x.abs())),
        })
    }
}

/// Which way a layer reads its sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the first element.
    Forward,
    /// From the last element.
    Reverse,
    /// Both, with weights of their own.
    Bidirectional,
}

/// The attributes that RNN, GRU and LSTM share.
///
/// Order of arithmetic of every gate: `(x W^T + h R^T) + (Wb + Rb)`, each product one chain of fused multiply-adds in
/// ascending index starting from zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrent {
    /// Which way sequences are read.
    pub direction: Direction,
    /// Activations: all of the first direction, then all of the second.
    pub activations: Vec<Activation>,
    /// Bound of what activations are applied to.
    pub clip: Option<f32>,
    /// Size of the state, where it is given.
    pub hidden: Option<usize>,
    /// Whether the batch is the first axis.
    pub batch_first: bool,
    /// The number of outputs.
    pub outputs: usize,
    /// Gates of a cell.
    pub gates: usize,
    /// Whether there is a cell state.
    pub cell: bool,
}

/// One step of one sequence.
pub(crate) struct Step<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) w: &'a [T],
    pub(crate) r: &'a [T],
    /// Biases of the input, then of the state; empty is zero.
    pub(crate) b: &'a [T],
    pub(crate) peephole: &'a [T],
    pub(crate) activations: &'a [Activation],
    pub(crate) clip: Option<f32>,
    pub(crate) gates: usize,
    pub(crate) hidden: usize,
}

/// One chain of fused multiply-adds.
pub(super) fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::ZERO, |sum, (a, b)| a.mul_add(*b, sum))
}

impl<T: Float> Step<'_, T> {
    /// Row `unit` of the input weights of `gate`, applied to the input.
    pub(super) fn input_product(&self, gate: usize, unit: usize) -> T {
        dot(self.x, &self.w[(gate * self.hidden + unit) * self.x.len()..][..self.x.len()])
    }

    /// Row `unit` of the state weights of `gate`, applied to a state.
    pub(super) fn state_product(&self, gate: usize, unit: usize, h: &[T]) -> T {
        dot(h, &self.r[(gate * self.hidden + unit) * self.hidden..][..self.hidden])
    }

    /// The bias of the input (`side` 0) or of the state (`side` 1).
    pub(super) fn bias(&self, side: usize, gate: usize, unit: usize) -> T {
        self.b.get((side * self.gates + gate) * self.hidden + unit).copied().unwrap_or(T::ZERO)
    }

    /// Both products and both biases in the declared order.
    pub(super) fn sum(&self, gate: usize, unit: usize, h: &[T]) -> T {
        let products = self.input_product(gate, unit).add(self.state_product(gate, unit, h));
        products.add(self.bias(0, gate, unit).add(self.bias(1, gate, unit)))
    }

    /// Activation `which`, of the clipped value.
    pub(super) fn activate(&self, which: usize, x: T) -> T {
        let x = match self.clip.map(T::from_f32) {
            Some(c) if x > c => c,
            Some(c) if x < c.neg() => c.neg(),
            _ => x,
        };
        self.activations[which].apply(x)
    }
}

impl Recurrent {
    pub(crate) fn parse(node: &Node<'_>, gates: usize, cell: bool, defaults: &[&str]) -> Result<Self> {
        let direction = match node.attributes.string_or("direction", "forward".into())?.as_str() {
            "forward" => Direction::Forward,
            "reverse" => Direction::Reverse,
            "bidirectional" => Direction::Bidirectional,
            other => return Err(Error::invalid(format!("attribute 'direction' is '{other}'"))),
        };
        let directions = if direction == Direction::Bidirectional { 2 } else { 1 };
        let names = match node.attributes.strings("activations")? {
            Some(names) if !names.is_empty() => names,
            _ => defaults.repeat(directions).into_iter().map(str::to_owned).collect(),
        };
        if names.len() != defaults.len() * directions {
            return Err(Error::invalid(format!(
                "attribute 'activations' has {} entries; {} for each of {directions} directions are expected",
                names.len(),
                defaults.len()
            )));
        }
        Ok(Self {
            direction,
            activations: activations(node, &names)?,
            clip: node.attributes.float("clip")?,
            hidden: heads(node, "hidden_size")?,
            batch_first: node.attributes.flag_or("layout", false)?,
            outputs: node.outputs.max(1),
            gates,
            cell,
        })
    }

    /// 1, or 2 when both directions are read.
    pub fn directions(&self) -> usize {
        if self.direction == Direction::Bidirectional { 2 } else { 1 }
    }

    pub(crate) fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        for i in [1, 2, 3, 5, 6, 7] {
            if inputs.get(i).is_some() && inputs.dtype(i)? != dtype {
                return Err(Error::invalid(format!("input {i} is {} where {dtype} is expected", inputs.dtype(i)?)));
            }
        }
        let rank3 = |i: usize| match inputs.shape(i)? {
            None => Ok(None),
            Some([a, b, c]) => Ok(Some([a.clone(), b.clone(), c.clone()])),
            Some(s) => Err(Error::invalid(format!("input {i} has {} dimensions; 3 are expected", s.len()))),
        };
        let (x, r) = (rank3(0)?, rank3(2)?);
        rank3(1)?;
        let hidden = self.hidden.map_or_else(|| r.map_or(Dim::Unknown, |[_, _, h]| h), Dim::Known);
        let count = if self.cell { 3 } else { 2 };
        let Some([first, second, _]) = x else {
            return Ok(vec![Fact::tensor(dtype, None); self.outputs.min(count)]);
        };
        let d = Dim::Known(self.directions());
        let (y, state) = if self.batch_first {
            (vec![first.clone(), second, d.clone(), hidden.clone()], vec![first, d, hidden])
        } else {
            (vec![first, d.clone(), second.clone(), hidden.clone()], vec![d, second, hidden])
        };
        let shapes = [y, state.clone(), state];
        Ok(shapes.into_iter().take(self.outputs.min(count)).map(|s| Fact::tensor(dtype, Some(s))).collect())
    }

    pub(crate) fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let axis = usize::from(!self.batch_first);
        let wanted = [
            Rows::Axis(axis),
            Rows::Free,
            Rows::Free,
            Rows::Free,
            Rows::Axis(0),
            Rows::Axis(axis),
            Rows::Axis(axis),
            Rows::Free,
        ];
        let fits = |i: usize| inputs.get(i).is_none() || rows.get(i) == wanted.get(i);
        if !(0..inputs.len()).all(fits) {
            return rows::opaque(rows, outputs.len());
        }
        let y = if self.batch_first { 0 } else { 2 };
        (0..outputs.len()).map(|i| Rows::Axis(if i == 0 { y } else { axis })).collect()
    }

    /// Walks over time; `step` turns the state (and cell) of one sequence into the next.
    pub(crate) fn run<T: Float>(
        &self,
        inputs: Inputs<'_>,
        step: impl Fn(&Step<'_, T>, &mut Vec<T>, &mut Vec<T>),
    ) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let &[first, second, features] = x.shape() else {
            return Err(Error::invalid(format!("input 0 has {} dimensions; 3 are expected", x.rank())));
        };
        let (length, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let r = inputs.tensor(2)?;
        let hidden = r.shape().last().copied().unwrap_or(0);
        let (directions, gates) = (self.directions(), self.gates);
        if self.hidden.is_some_and(|h| h != hidden) {
            return Err(Error::invalid(format!(
                "attribute 'hidden_size' is {:?} where input 2 has {hidden}",
                self.hidden
            )));
        }
        let state = if self.batch_first { [batch, directions, hidden] } else { [directions, batch, hidden] };
        let read = |i: usize, shape: &[usize]| match inputs.optional_tensor(i)? {
            None => Ok(None),
            Some(t) if t.shape() == shape => Ok(Some(wide::<T>(t)?)),
            Some(t) => Err(Error::invalid(format!("input {i} has shape {:?}; {shape:?} is expected", t.shape()))),
        };
        let missing = |i: usize| Error::invalid(format!("input {i} is required and missing"));
        let xs = wide::<T>(x)?;
        let ws = read(1, &[directions, gates * hidden, features])?.ok_or_else(|| missing(1))?;
        let rs = read(2, &[directions, gates * hidden, hidden])?.ok_or_else(|| missing(2))?;
        let bs = read(3, &[directions, 2 * gates * hidden])?;
        let (h0, c0) = (read(5, &state)?, if self.cell { read(6, &state)? } else { None });
        let peephole = if self.cell { read(7, &[directions, 3 * hidden])? } else { None };
        let lengths = inputs.ints(4)?.unwrap_or_else(|| vec![length as i64; batch]);
        if lengths.len() != batch || lengths.iter().any(|n| *n < 0 || *n > length as i64) {
            return Err(Error::invalid(format!(
                "sequence lengths {lengths:?} for {batch} sequences of up to {length}"
            )));
        }
        let shape =
            if self.batch_first { [batch, length, directions, hidden] } else { [length, directions, batch, hidden] };
        let mut y = filled(&shape, T::ZERO)?;
        let (mut last, mut cells) = (filled(&state, T::ZERO)?, filled(&state, T::ZERO)?);
        let per = self.activations.len() / directions;
        let part = |v: Option<&[T]>, d: usize, n: usize| v.map_or(&[][..], |v| &v[d * n..(d + 1) * n]).to_vec();
        for d in 0..directions {
            let backwards = self.direction == Direction::Reverse || d == 1;
            let (b, p) = (part(bs.as_deref(), d, 2 * gates * hidden), part(peephole.as_deref(), d, 3 * hidden));
            for (n, steps) in lengths.iter().enumerate() {
                let at = if self.batch_first { (n * directions + d) * hidden } else { (d * batch + n) * hidden };
                let begin = |s: Option<&[T]>| s.map_or_else(|| vec![T::ZERO; hidden], |s| s[at..at + hidden].to_vec());
                let (mut h, mut c) = (begin(h0.as_deref()), begin(c0.as_deref()));
                let steps = *steps as usize;
                for s in 0..steps {
                    let time = if backwards { steps - 1 - s } else { s };
                    let from = if self.batch_first { n * length + time } else { time * batch + n };
                    let view = Step {
                        x: &xs[from * features..(from + 1) * features],
                        w: &ws[d * gates * hidden * features..(d + 1) * gates * hidden * features],
                        r: &rs[d * gates * hidden * hidden..(d + 1) * gates * hidden * hidden],
                        b: &b,
                        peephole: &p,
                        activations: &self.activations[d * per..(d + 1) * per],
                        clip: self.clip,
                        gates,
                        hidden,
                    };
                    step(&view, &mut h, &mut c);
                    let to = if self.batch_first {
                        (n * length + time) * directions + d
                    } else {
                        (time * directions + d) * batch + n
                    };
                    y[to * hidden..(to + 1) * hidden].copy_from_slice(&h);
                }
                last[at..at + hidden].copy_from_slice(&h);
                cells[at..at + hidden].copy_from_slice(&c);
            }
        }
        let mut outputs = vec![narrow(x.dtype(), shape, y)?.into()];
        for values in [last, cells].into_iter().take((self.outputs - 1).min(if self.cell { 2 } else { 1 })) {
            outputs.push(narrow(x.dtype(), state, values)?.into());
        }
        Ok(outputs)
    }
}

/// Activations by name, with parameters consumed in order by those that take them.
fn activations(node: &Node<'_>, names: &[String]) -> Result<Vec<Activation>> {
    let lists =
        [node.attributes.floats_or("activation_alpha", vec![])?, node.attributes.floats_or("activation_beta", vec![])?];
    let mut used = [0, 0];
    let mut all = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let mut next = |which: usize, default: f32| {
            let list: &[f32] = &lists[which];
            // One entry for each activation is read by position.
            let at = if list.len() == names.len() { i } else { used[which] };
            used[which] += 1;
            list.get(at).copied().unwrap_or(default)
        };
        all.push(match name.to_ascii_lowercase().as_str() {
            "relu" => Activation::Relu,
            "tanh" => Activation::Tanh,
            "sigmoid" => Activation::Sigmoid,
            "affine" => Activation::Affine(next(0, 1.0), next(1, 0.0)),
            "leakyrelu" => Activation::LeakyRelu(next(0, 0.01)),
            "thresholdedrelu" => Activation::ThresholdedRelu(next(0, 1.0)),
            "scaledtanh" => Activation::ScaledTanh(next(0, 1.0), next(1, 1.0)),
            "hardsigmoid" => Activation::HardSigmoid(next(0, 0.2), next(1, 0.5)),
            "elu" => Activation::Elu(next(0, 1.0)),
            "softsign" => Activation::Softsign,
            "softplus" => Activation::Softplus,
            _ => return Err(Error::unsupported(format!("activation '{name}'"))),
        });
    }
    Ok(all)
}
