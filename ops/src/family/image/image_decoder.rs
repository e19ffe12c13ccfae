//! [ImageDecoder](https://onnx.ai/onnx/operators/onnx__ImageDecoder.html): the pixels of an encoded image.

use super::decode::decode;
use crate::{DType, Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Pixels `[H, W, C]` of an image in BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP, told apart by their first bytes.
///
/// C is 3, or 1 for gray, whatever the file holds: gray is repeated, alpha is dropped. JPEG is decoded to the bit as
/// libjpeg does by default, with the upsampling that the specification names. A stream that cannot be decoded is an
/// error that says why, where the specification asks for an empty tensor.
#[derive(Debug)]
pub struct ImageDecoder {
    /// The channels of the output.
    pub pixel_format: PixelFormat,
}

/// The channels of decoded pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Luma alone.
    Grayscale,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let pixel_format = match node.attributes.string_or("pixel_format", "RGB".to_owned())?.as_str() {
        "RGB" => PixelFormat::Rgb,
        "BGR" => PixelFormat::Bgr,
        "Grayscale" => PixelFormat::Grayscale,
        other => {
            let message = format!("attribute 'pixel_format' '{other}'; it is RGB, BGR or Grayscale");
            return Err(Error::invalid(message));
        }
    };
    Ok(Arc::new(ImageDecoder { pixel_format }))
}

impl Operator for ImageDecoder {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "uint8", |d| d == DType::U8)?;
        if let Some(shape) = inputs.shape(0)?.filter(|s| s.len() != 1) {
            return Err(Error::invalid(format!("input 0 has {} dimensions, an encoded image has one", shape.len())));
        }
        let channels = if self.pixel_format == PixelFormat::Grayscale { 1 } else { 3 };
        Ok(vec![Fact::tensor(DType::U8, Some(vec![Dim::Unknown, Dim::Unknown, Dim::Known(channels)]))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let bytes = inputs.tensor(0)?.as_slice::<u8>().map_err(|e| e.at("input 0"))?;
        let image = decode(bytes, &Limits::default()).map_err(|e| e.at("input 0"))?;
        let (height, width) = (image.height, image.width);
        let (channels, pixels) = match self.pixel_format {
            PixelFormat::Rgb => (3, image.into_rgb()),
            PixelFormat::Bgr => (3, image.into_bgr()),
            PixelFormat::Grayscale => (1, image.into_gray()),
        };
        Ok(vec![Tensor::from_vec([height, width, channels], pixels)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, DType, Fact, Result, Tensor, family::movement::trial::*};

    fn go(format: &str, bytes: &[u8]) -> Result<Tensor> {
        let x = Tensor::from_slice([bytes.len()], bytes).unwrap();
        run("ImageDecoder", 20, &[("pixel_format", Attribute::String(format.into()))], &[x])
    }

    #[test]
    fn pixels_are_height_by_width_by_channels_in_the_order_asked_for() {
        let file = b"P3 2 1 255  255 0 0  10 20 30";
        let of = |c: usize, v: &[u8]| Tensor::from_slice([1, 2, c], v).unwrap();
        assert_eq!(go("RGB", file), Ok(of(3, &[255, 0, 0, 10, 20, 30])));
        assert_eq!(go("BGR", file), Ok(of(3, &[0, 0, 255, 30, 20, 10])));
        // 0.299 R + 0.587 G + 0.114 B
        assert_eq!(go("Grayscale", file), Ok(of(1, &[76, 18])));
        assert_eq!(go("BGR", b"P2 2 1 255 7 9"), Ok(of(3, &[7, 7, 7, 9, 9, 9])));
        assert_eq!(go("Grayscale", b"P2 2 1 255 7 9"), Ok(of(1, &[7, 9])));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let said = go("RGB", b"GIF89a").unwrap_err().to_string();
        assert!(said.starts_with("input 0: 6 bytes of none of JPEG"), "{said}");
        assert!(go("RGB", b"").is_err());
        assert!(go("CMYK", b"P2 1 1 255 7").unwrap_err().to_string().contains("pixel_format"));
        assert!(infer("ImageDecoder", 20, &[], &[Fact::shaped(DType::U8, [2usize, 3])]).is_err());
        assert!(infer("ImageDecoder", 20, &[], &[Fact::shaped(DType::I8, [2usize])]).is_err());
    }
}
