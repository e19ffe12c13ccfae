//! [RotaryEmbedding](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.RotaryEmbedding):
//! the operator of `ai.onnx` with its positions before its tables.

use super::compose::{check, only};
use crate::{Error, Node, Operator, Result, family::nn::rotary_embedding::read};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["num_heads", "rotary_embedding_dim", "interleaved", "is_packed_batching", "scale"], 4, 1)?;
    only(node, "is_packed_batching", 0)?;
    let scale = node.attributes.float_or("scale", 1.0)?;
    if scale != 1.0 {
        return Err(Error::unsupported(format!("attribute 'scale' of {scale}; only 1 is read")));
    }
    Ok(Arc::new(read(node, 1, [2, 3])?))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn positions_stand_before_the_tables() {
        let x = t(&[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]);
        let (cos, sin) = (t(&[2, 2], &[1.0, 1.0, 0.0, 0.5]), t(&[2, 2], &[0.0, 0.0, 1.0, 0.25]));
        let given = [x, Tensor::from_vec([1, 1], vec![1i64]).unwrap(), cos, sin].map(Some);
        let go =
            |attributes: &[(&str, Attribute)]| run_in("com.microsoft", "RotaryEmbedding", 1, attributes, &given, 1);
        close(&go(&[]).unwrap()[0], &[1, 1, 1, 4], &[-3.0, 0.0, 1.0, 2.5]);
        assert!(go(&[("is_packed_batching", Attribute::Int(1))]).is_err());
        assert!(go(&[("scale", Attribute::Float(2.0))]).is_err());
    }
}
