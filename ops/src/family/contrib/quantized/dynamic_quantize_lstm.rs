//! [DynamicQuantizeLSTM](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeLSTM): a recurrent layer whose weights are bytes and whose input and state are quantised on the way.

use super::load::only;
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    family::{
        nn::{Lstm, lstm::step, recurrent::Recurrent, wide::filled},
        quantize::{
            dynamic_quantize_linear::parameters,
            granularity::{saturate, singles},
            matmul_integer::check_bytes,
        },
    },
};
use std::sync::Arc;

/// The LSTM of the numbers that bytes stand for: the weights', which are transposed, and those of input and state.
///
/// The input is quantised as DynamicQuantizeLinear does, by the range of all sequences up to the longest, so that no row
/// is independent of the others; the state before each step by the range of its own sequence, as onnxruntime does where
/// every sequence has a thread.
#[derive(Debug)]
pub struct DynamicQuantizeLstm {
    /// Of the numbers.
    pub lstm: Lstm,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let known =
        ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget"];
    only(node, &known, 12..=12)?;
    let lstm = Lstm {
        recurrent: Recurrent::parse(node, 4, true, &["Sigmoid", "Tanh", "Tanh"])?,
        input_forget: node.attributes.flag_or("input_forget", false)?,
    };
    Ok(Arc::new(DynamicQuantizeLstm { lstm }))
}

/// Values as they are after being quantised and back.
fn seen(values: &[f32]) -> Vec<f32> {
    let (scale, zero) = parameters(values);
    values.iter().map(|v| (saturate(f64::from(v / scale), zero, (0, 255)) - zero) as f32 * scale).collect()
}

/// The weight in input `i`, `[directions, size, 4 hidden]`, in numbers as `[directions, 4 hidden, size]`.
fn weight(inputs: Inputs<'_>, i: usize, scale: usize, zero: usize) -> Result<Tensor> {
    let (w, scales, zeros) = (inputs.tensor(i)?, singles(inputs.tensor(scale)?)?, inputs.tensor(zero)?);
    check_bytes(w.dtype())?;
    let &[directions, size, gates] = w.shape() else {
        return Err(Error::invalid(format!("input {i} has {} dimensions; 3 are expected", w.rank())));
    };
    if zeros.dtype() != w.dtype() {
        return Err(Error::invalid(format!("input {zero} is {} where {} is expected", zeros.dtype(), w.dtype())));
    }
    // One for each direction, or one for each of its columns.
    let spread = |n: usize, which: usize| match n {
        n if n == directions => Ok(gates),
        n if Some(n) == directions.checked_mul(gates) => Ok(1),
        n => Err(Error::invalid(format!(
            "input {which} has {n} elements for {directions} directions of {gates} columns"
        ))),
    };
    let (by_scale, by_zero) = (spread(scales.len(), scale)?, spread(zeros.len(), zero)?);
    let (codes, zeros) = (w.to_i64_vec()?, zeros.to_i64_vec()?);
    let mut out = filled(&[directions, gates, size], 0.0f32)?;
    for (to, y) in out.iter_mut().enumerate() {
        let (column, k) = (to / size, to % size);
        let code = codes[(column / gates * size + k) * gates + column % gates];
        *y = (code - zeros[column / by_zero]) as f32 * scales[column / by_scale];
    }
    Tensor::from_vec([directions, gates, size], out)
}

/// The input as its bytes stand for it; what lies after the longest sequence is not looked at.
fn input(inputs: Inputs<'_>) -> Result<Tensor> {
    let x = inputs.tensor(0)?;
    let values = x.as_slice::<f32>()?;
    let length = x.shape().first().copied().unwrap_or(0);
    let longest = match inputs.ints(4)? {
        None => length,
        Some(lengths) => lengths.into_iter().max().map_or(0, |n| usize::try_from(n).unwrap_or(0)).min(length),
    };
    let used = values.len() / length.max(1) * longest;
    let (head, tail) = values.split_at(used);
    if head.iter().any(|v| !v.is_finite()) {
        return Err(Error::invalid("a range of infinite or undefined numbers cannot be quantised"));
    }
    Tensor::from_vec(x.shape(), [&seen(head)[..], tail].concat())
}

impl Operator for DynamicQuantizeLstm {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32", |t| t == DType::F32)?;
        for (i, scale, zero) in [(1, 8, 9), (2, 10, 11)] {
            let dtype = inputs.dtype(i)?;
            check_bytes(dtype)?;
            inputs.dtype_where(scale, "f32", |t| t == DType::F32)?;
            inputs.dtype_where(zero, dtype.name(), |t| t == dtype)?;
        }
        let turned = |i: usize| {
            let shape = inputs.get(i).and_then(Fact::shape).map(|s| match s {
                [d, size, gates] => vec![d.clone(), gates.clone(), size.clone()],
                other => other.to_vec(),
            });
            Fact::tensor(DType::F32, shape)
        };
        let (w, r) = (turned(1), turned(2));
        // The state's size is that of R's rows.
        if let Some([_, gates, size]) = r.shape()
            && let (Some(g), Some(h)) = (gates.known(), size.known())
            && Some(g) != h.checked_mul(4)
        {
            return Err(Error::invalid(format!("input 2 has {g} columns for a state of {h}")));
        }
        let mut all: Vec<Option<&Fact>> = (0..8).map(|i| inputs.get(i)).collect();
        (all[1], all[2]) = (Some(&w), Some(&r));
        self.lstm.recurrent.infer(Facts(&all))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, w, r) = (
            Value::Tensor(input(inputs)?),
            Value::Tensor(weight(inputs, 1, 8, 9)?),
            Value::Tensor(weight(inputs, 2, 10, 11)?),
        );
        let mut all: Vec<Option<&Value>> = (0..8).map(|i| inputs.get(i)).collect();
        (all[0], all[1], all[2]) = (Some(&x), Some(&w), Some(&r));
        self.lstm.recurrent.run::<f32>(Inputs(&all), |s, h, c| {
            let mut state = seen(h);
            step(s, &mut state, c, self.lstm.input_forget);
            *h = state;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, u8s};
    use crate::{
        Attribute, Result, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    fn lstm(x: &Tensor, w: &Tensor, r: &Tensor, scale: &Tensor, zero: &Tensor) -> Result<Vec<Tensor>> {
        let given = [
            Some(x.clone()),
            Some(w.clone()),
            Some(r.clone()),
            None,
            None,
            None,
            Some(t(&[1, 1, 1], &[3.0])),
            None,
            Some(scale.clone()),
            Some(zero.clone()),
            Some(t(&[1], &[1.0])),
            Some(i8s(&[1], &[0])),
        ];
        let attributes =
            [("hidden_size", Attribute::Int(1)), ("activations", Attribute::Strings(vec!["Affine".into(); 3]))];
        run_in("com.microsoft", "DynamicQuantizeLSTM", 1, &attributes, &given, 3)
    }

    #[test]
    fn input_and_state_are_quantised() {
        // 2 is the greatest of its range, so it is exact; the weights are the LSTM's own test, in quarters.
        let (w, r) = (i8s(&[1, 1, 4], &[2, 4, 6, 8]), i8s(&[1, 1, 4], &[0; 4]));
        let (quarter, zero) = (t(&[1], &[0.25]), i8s(&[1], &[0]));
        let got = lstm(&t(&[1, 1, 1], &[2.0]), &w, &r, &quarter, &zero).unwrap();
        close(&got[2], &[1, 1, 1], &[13.0]);
        close(&got[0], &[1, 1, 1, 1], &[26.0]);
        let columns = t(&[1, 4], &[0.5, 0.5, 0.75, 0.125]);
        let shifted = u8s(&[1, 1, 4], &[101, 102, 102, 116]);
        let got = lstm(&t(&[1, 1, 1], &[2.0]), &shifted, &r, &columns, &u8s(&[1, 4], &[100; 4])).unwrap();
        close(&got[2], &[1, 1, 1], &[13.0]);
        // The step of 0..=255.4 is not 1: the second input is taken as 1 * 255.4 / 255.
        let got = lstm(&t(&[2, 1, 1], &[255.4, 1.0]), &w, &r, &quarter, &zero).unwrap();
        let (a, b) = (255.4f32, 255.4f32 / 255.0);
        let first = a * 1.5 * 3.0 + a * 0.5 * a * 2.0;
        close(&got[2], &[1, 1, 1], &[b * 1.5 * first + b * 0.5 * b * 2.0]);
        assert!(lstm(&t(&[1, 1, 1], &[2.0]), &w, &r, &quarter, &u8s(&[1], &[0])).is_err(), "a zero point of u8");
        assert!(lstm(&t(&[1, 1, 1], &[2.0]), &w, &r, &t(&[3], &[1.0; 3]), &zero).is_err(), "three scales");
        assert!(lstm(&t(&[1, 1, 1], &[f32::INFINITY]), &w, &r, &quarter, &zero).is_err());
        assert!(lstm(&t(&[1, 1, 1], &[2.0]), &w, &i8s(&[1, 1, 8], &[0; 8]), &quarter, &zero).is_err(), "two states");
    }
}
