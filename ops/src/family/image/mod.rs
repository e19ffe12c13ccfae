//! Resampling of images, and reading them.

mod affine_grid;
#[cfg(feature = "images")]
mod decode;
pub(crate) mod grid_sample;
#[cfg(feature = "images")]
mod image_decoder;
#[cfg(not(feature = "images"))]
#[path = "image_decoder_absent.rs"]
mod image_decoder;
mod image_scaler;
mod kernel;
mod resize;
mod upsample;

pub use affine_grid::AffineGrid;
pub use grid_sample::{GridSample, Interpolation, Padding};
#[cfg(feature = "images")]
pub use image_decoder::{ImageDecoder, PixelFormat};
pub use image_scaler::ImageScaler;
pub use kernel::{Coordinates, Kernel, Nearest};
pub use resize::{Aspect, Resize, Scales};

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "AffineGrid", since: 20, parse: affine_grid::parse },
    OpRow { domain: "", op: "GridSample", since: 16, parse: grid_sample::parse },
    OpRow { domain: "", op: "ImageDecoder", since: 20, parse: image_decoder::parse },
    OpRow { domain: "", op: "ImageScaler", since: 1, parse: image_scaler::parse },
    OpRow { domain: "", op: "Resize", since: 10, parse: resize::parse },
    OpRow { domain: "", op: "Resize", since: 11, parse: resize::parse },
    OpRow { domain: "", op: "Resize", since: 13, parse: resize::parse },
    OpRow { domain: "", op: "Resize", since: 18, parse: resize::parse },
    OpRow { domain: "", op: "Resize", since: 19, parse: resize::parse },
    OpRow { domain: "", op: "Upsample", since: 1, parse: upsample::parse },
    OpRow { domain: "", op: "Upsample", since: 7, parse: upsample::parse },
    OpRow { domain: "", op: "Upsample", since: 9, parse: upsample::parse },
];
