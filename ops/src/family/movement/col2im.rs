//! [Col2Im](https://onnx.ai/onnx/operators/onnx__Col2Im.html): columns of blocks added up to an image.

use super::{
    flow,
    select::{list, size_of, strides},
};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Number, with_number},
    tensor::{check_elements, element_count},
};
use std::sync::Arc;

/// Adds `[N, C * block, L]` columns up to `[N, C, image...]`; the inverse walk of an im2col.
///
/// Order of arithmetic: each output is one chain from zero over (position in the block, block), both ascending.
#[derive(Debug)]
pub struct Col2Im {
    /// The step between elements of a block, for each axis; 1 when empty.
    pub dilations: Vec<i64>,
    /// What the image is padded by: all begins, then all ends; 0 when empty.
    pub pads: Vec<i64>,
    /// The step between blocks, for each axis; 1 when empty.
    pub strides: Vec<i64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let list = |name: &str, least: i64| {
        let v = node.attributes.ints_or(name, Vec::new())?;
        if v.iter().all(|n| (least..=1 << 31).contains(n)) {
            return Ok(v);
        }
        Err(Error::invalid(format!("attribute '{name}' is {v:?}; each is at least {least}")))
    };
    Ok(Arc::new(Col2Im { dilations: list("dilations", 1)?, pads: list("pads", 0)?, strides: list("strides", 1)? }))
}

impl Col2Im {
    fn add<T: Number>(&self, x: &Tensor, image: &[usize], block: &[usize]) -> Result<Tensor> {
        let axes = image.len();
        let fits = |v: &[i64], n: usize| v.is_empty() || v.len() == n;
        let fit = fits(&self.dilations, axes) && fits(&self.strides, axes) && fits(&self.pads, 2 * axes);
        let (&[n, rows, l], block_size) = (x.shape(), element_count(block)?) else {
            return Err(Error::invalid(format!("rank {} where [N, C * block, L] is expected", x.rank())));
        };
        let channels = rows.checked_div(block_size).filter(|c| fit && block.len() == axes && c * block_size == rows);
        let channels = channels.ok_or_else(|| {
            Error::invalid(format!("blocks of {block:?} and an image of {image:?} do not fit shape {:?}", x.shape()))
        })?;
        let of = |v: &[i64], a: usize, default: i64| v.get(a).copied().unwrap_or(default);
        let wrong = || Error::invalid(format!("a block of {block:?} does not fit an image of {image:?}"));
        let mut counts = Vec::with_capacity(axes);
        for a in 0..axes {
            let (size, extent) = (image[a] as i64, block[a] as i64 - 1);
            let room = extent
                .checked_mul(of(&self.dilations, a, 1))
                .and_then(|e| (size + of(&self.pads, a, 0) + of(&self.pads, axes + a, 0)).checked_sub(e + 1))
                .filter(|r| *r >= 0)
                .ok_or_else(wrong)?;
            counts.push((room / of(&self.strides, a, 1)) as usize + 1);
        }
        if element_count(&counts)? != l {
            return Err(Error::invalid(format!("{l} blocks where an image of {image:?} has {counts:?}")));
        }
        let shape = [&[n, channels], image].concat();
        let mut out = vec![T::ZERO; check_elements(&shape, Limits::default().elements)?];
        let (v, steps) = (x.as_slice::<T>()?, strides(image));
        let (in_block, in_count) = (strides(block), strides(&counts));
        let image_size: usize = image.iter().product();
        for (i, value) in v.iter().enumerate() {
            let (b, row, k) = (i / (rows * l), i / l % rows, i % l);
            let (c, e) = (row / block_size, row % block_size);
            let place = (0..axes).try_fold(0usize, |at, a| {
                let position = (k / in_count[a] % counts[a]) as i64 * of(&self.strides, a, 1)
                    + (e / in_block[a] % block[a]) as i64 * of(&self.dilations, a, 1)
                    - of(&self.pads, a, 0);
                usize::try_from(position).ok().filter(|p| *p < image[a]).map(|p| at + p * steps[a])
            });
            if let Some(p) = place {
                let to = (b * channels + c) * image_size + p;
                out[to] = out[to].add(*value);
            }
        }
        Tensor::from_vec(shape, out)
    }
}

fn sizes(v: Vec<i64>) -> Result<Vec<usize>> {
    let sizes = v.into_iter().map(size_of).collect::<Result<Vec<_>>>()?;
    if sizes.iter().any(|s| *s > 1 << 31) {
        return Err(Error::Exhausted(format!("an image or block of {sizes:?}")));
    }
    Ok(sizes)
}

impl Operator for Col2Im {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(image) = super::expand::told_shape(inputs, 1)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let block = inputs.ints(2)?.map(sizes).transpose()?.and_then(|b| element_count(&b).ok()).filter(|b| *b > 0);
        let (batch, channels) = match (inputs.shape(0)?, block) {
            (Some([n, rows, _]), Some(b)) => (n.clone(), rows.map(|r| r / b)),
            (Some([n, ..]), _) => (n.clone(), Dim::Unknown),
            _ => (Dim::Unknown, Dim::Unknown),
        };
        Ok(vec![Fact::tensor(dtype, Some([vec![batch, channels], image].concat()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (image, block) = (sizes(list(inputs.tensor(1)?)?)?, sizes(list(inputs.tensor(2)?)?)?);
        let wide = x.widen()?;
        with_number!(wide.dtype(), T => Ok(vec![self.add::<T>(&wide, &image, &block)?.narrow(x.dtype())?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| (a == 0).then_some(0))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn adds_blocks_up() {
        let v = |n: &[i64]| i64s(&[n.len()], n);
        // Blocks [1, 2] over an image [1, 3]: columns (0, 1) and (1, 2) share the middle.
        let x = i64s(&[1, 2, 2], &[1, 2, 10, 20]);
        assert_eq!(
            run("Col2Im", 18, &[], &[x.clone(), v(&[1, 3]), v(&[1, 2])]).unwrap(),
            i64s(&[1, 1, 1, 3], &[1, 12, 20])
        );
        let stride = [("strides", Attribute::Ints(vec![1, 2]))];
        let got = run("Col2Im", 18, &stride, &[x.clone(), v(&[1, 4]), v(&[1, 2])]).unwrap();
        assert_eq!(got, i64s(&[1, 1, 1, 4], &[1, 10, 2, 20]));
        let pads = [("pads", Attribute::Ints(vec![0, 1, 0, 0]))];
        let got = run("Col2Im", 18, &pads, &[x.clone(), v(&[1, 2]), v(&[1, 2])]).unwrap();
        assert_eq!(got, i64s(&[1, 1, 1, 2], &[12, 20]));
        assert!(run("Col2Im", 18, &[], &[x.clone(), v(&[1, 5]), v(&[1, 2])]).is_err());
        assert!(run("Col2Im", 18, &[], &[x.clone(), v(&[1, 3]), v(&[0, 2])]).is_err());
        assert!(run("Col2Im", 18, &[], &[x, v(&[1, 3]), v(&[3, 1])]).is_err());
    }
}
