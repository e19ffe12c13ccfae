//! [WordConvEmbedding](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.WordConvEmbedding):
//! vectors of words from convolutions over their characters.

use super::compose::{check, one};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        activation::Tanh,
        math::{Gemm, elementwise::Elementwise},
        nn::{
            attention::heads,
            wide::{check_float, filled, wide, with_wide},
        },
    },
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// For each word, the greatest over all windows of characters of the hyperbolic tangent of a convolution. A word ends at
/// its last positive character, or where a window ends; a word of none is a vector of zeros. Products are [`Gemm`]'s.
#[derive(Debug)]
pub struct WordConvEmbedding {
    /// What attributes say of the weight: output channels, window and size of a character's vector.
    pub sizes: [Option<usize>; 3],
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let names = ["embedding_size", "conv_window_size", "char_embedding_size"];
    check(node, &names, 4, 1)?;
    let [a, b, c] = names.map(|name| heads(node, name));
    Ok(Arc::new(WordConvEmbedding { sizes: [a?, b?, c?] }))
}

impl WordConvEmbedding {
    fn embed<T: Float>(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let (words, weight, bias, table) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?, inputs.tensor(3)?);
        let (&[count, length], &[maps, 1, window, size]) = (words.shape(), weight.shape()) else {
            return Err(Error::invalid(format!("words {:?} and a weight {:?}", words.shape(), weight.shape())));
        };
        let &[known, vector] = table.shape() else {
            return Err(Error::invalid(format!("a table of characters of shape {:?}", table.shape())));
        };
        let told = self.sizes.iter().zip([maps, window, size]).all(|(told, n)| told.is_none_or(|t| t == n));
        if !told || vector != size || bias.shape() != [maps] || window > length {
            return Err(Error::invalid(format!(
                "a weight of shape {:?} for words of {length} characters of {vector} elements",
                weight.shape()
            )));
        }
        let characters = words.to_i64_vec()?;
        if let Some(c) = characters.iter().find(|c| usize::try_from(**c).map_or(true, |c| c >= known)) {
            return Err(Error::invalid(format!("character {c} of {known}")));
        }
        let table = wide::<T>(table)?;
        let (weight, bias) = (weight.widen()?.reshape([maps, window * size])?, bias.widen()?);
        let product = Gemm { alpha: 1.0, beta: 1.0, transpose_a: false, transpose_b: true, same_shape: false };
        let mut out = filled(&[count, maps], T::ZERO)?;
        for (w, word) in characters.chunks_exact(length.max(1)).enumerate() {
            let seen = word.iter().filter(|c| **c > 0).count();
            if seen == 0 {
                continue;
            }
            let windows = seen.max(window) + 1 - window;
            let taken = word.windows(window).take(windows).flatten();
            let unfolded: Vec<T> = taken.flat_map(|c| &table[*c as usize * size..][..size]).copied().collect();
            let unfolded = Tensor::from_vec([windows, window * size], unfolded)?;
            let y = Tanh.map(&[&one(&product, &[Some(&unfolded), Some(&weight), Some(&bias)])?])?;
            let found = &mut out[w * maps..(w + 1) * maps];
            found.fill(T::LEAST);
            for (i, v) in y.as_slice::<T>()?.iter().enumerate() {
                let best = &mut found[i % maps];
                if *v > *best || v.is_nan() {
                    *best = *v;
                }
            }
        }
        Tensor::from_vec([count, maps], out)?.narrow(inputs.tensor(1)?.dtype())
    }
}

impl Operator for WordConvEmbedding {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "i32", |d| d == DType::I32)?;
        let dtype = check_float(inputs.dtype(1)?)?;
        for i in 2..4 {
            inputs.dtype_where(i, "the weight's type", |d| d == dtype)?;
        }
        let count = match inputs.shape(0)? {
            None => Dim::Unknown,
            Some([count, _]) => count.clone(),
            Some(s) => return Err(Error::invalid(format!("input 0 has {} dimensions; 2 are expected", s.len()))),
        };
        let maps = inputs.shape(1)?.and_then(<[Dim]>::first).cloned().unwrap_or(Dim::Unknown);
        Ok(vec![Fact::shaped(dtype, [count, maps])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(1)?.dtype(), T => Ok(vec![self.embed::<T>(inputs)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn the_greatest_window_of_a_word() {
        let go = |words: [i32; 9], attributes: &[(&str, Attribute)]| {
            let given = [
                Some(Tensor::from_slice([3, 3], &words).unwrap()),
                Some(t(&[1, 1, 2, 1], &[1.0, -1.0])),
                Some(t(&[1], &[0.5])),
                Some(t(&[3, 1], &[0.0, 1.0, 3.0])),
            ];
            run_in("com.microsoft", "WordConvEmbedding", 1, attributes, &given, 1)
        };
        // Windows [1, 3] and [3, 1]; no word; a word shorter than the window.
        let want = [libm::tanhf(2.5), 0.0, libm::tanhf(1.5)];
        let words = [1, 2, 1, 0, 0, 0, 1, 0, 0];
        close(&go(words, &[]).unwrap()[0], &[3, 1], &want);
        let sizes = [("embedding_size", Attribute::Int(1)), ("conv_window_size", Attribute::Int(2))];
        close(&go(words, &sizes).unwrap()[0], &[3, 1], &want);
        assert!(go(words, &[("conv_window_size", Attribute::Int(3))]).is_err());
        assert!(go([3; 9], &[]).is_err(), "a character beyond the table");
    }
}
