//! [ImageDecoder](https://onnx.ai/onnx/operators/onnx__ImageDecoder.html) in a build without the decoders.

use crate::{Error, Node, Operator, Result};
use std::sync::Arc;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Err(Error::unsupported("this build reads no images; build with the feature `images`"))
}

#[cfg(test)]
mod tests {
    use crate::family::movement::trial::infer;

    #[test]
    fn the_message_says_how_to_get_it() {
        assert!(infer("ImageDecoder", 20, &[], &[]).unwrap_err().to_string().contains("feature `images`"));
    }
}
