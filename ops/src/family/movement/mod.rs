//! Operators that move elements, change shapes or types, and compute nothing.

pub mod axes;
mod bit_cast;
mod cast;
mod cast_like;
mod center_crop_pad;
mod col2im;
mod compress;
pub(crate) mod concat;
mod constant;
mod constant_of_shape;
mod depth_space;
mod expand;
mod eye_like;
mod flatten;
pub(crate) mod flow;
mod gather;
mod gather_elements;
mod gather_nd;
mod identity;
mod non_zero;
mod one_hot;
mod pad;
mod range;
mod reshape;
mod reverse_sequence;
mod scatter;
pub(crate) mod select;
mod shape;
mod size;
mod slice;
mod split;
mod squeeze;
mod tensor_scatter;
mod tile;
pub(crate) mod transpose;
#[cfg(test)]
pub(crate) mod trial;
mod trilu;
mod unique;
mod unsqueeze;

pub use bit_cast::BitCast;
pub use cast::Cast;
pub use cast_like::CastLike;
pub use center_crop_pad::CenterCropPad;
pub use col2im::Col2Im;
pub use compress::Compress;
pub use concat::Concat;
pub(crate) use concat::concat;
pub use constant::Constant;
pub use constant_of_shape::ConstantOfShape;
pub use depth_space::DepthSpace;
pub use expand::Expand;
pub use eye_like::EyeLike;
pub use flatten::Flatten;
pub use gather::Gather;
pub use gather_elements::GatherElements;
pub use gather_nd::GatherND;
pub use identity::Identity;
pub use non_zero::NonZero;
pub use one_hot::OneHot;
pub use pad::{Pad, PadMode};
pub use range::Range;
pub use reshape::Reshape;
pub use reverse_sequence::ReverseSequence;
pub use scatter::{Reduction, Scatter};
pub use shape::Shape;
pub use size::Size;
pub use slice::{Bounds, Slice};
pub use split::Split;
pub(crate) use split::cut;
pub use squeeze::Squeeze;
pub use tensor_scatter::TensorScatter;
pub use tile::Tile;
pub use transpose::Transpose;
pub(crate) use transpose::transpose;
pub use trilu::Trilu;
pub use unique::Unique;
pub use unsqueeze::Unsqueeze;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "BitCast", since: 26, parse: bit_cast::parse },
    OpRow { domain: "", op: "Cast", since: 1, parse: cast::parse },
    OpRow { domain: "", op: "Cast", since: 6, parse: cast::parse },
    OpRow { domain: "", op: "CastLike", since: 15, parse: cast_like::parse },
    OpRow { domain: "", op: "CenterCropPad", since: 18, parse: center_crop_pad::parse },
    OpRow { domain: "", op: "Col2Im", since: 18, parse: col2im::parse },
    OpRow { domain: "", op: "Compress", since: 9, parse: compress::parse },
    OpRow { domain: "", op: "Concat", since: 1, parse: concat::parse },
    OpRow { domain: "", op: "Concat", since: 4, parse: concat::parse },
    OpRow { domain: "", op: "Constant", since: 1, parse: constant::parse },
    OpRow { domain: "", op: "ConstantOfShape", since: 9, parse: constant_of_shape::parse },
    OpRow { domain: "", op: "DepthToSpace", since: 1, parse: depth_space::parse },
    OpRow { domain: "", op: "Expand", since: 8, parse: expand::parse },
    OpRow { domain: "", op: "EyeLike", since: 9, parse: eye_like::parse },
    OpRow { domain: "", op: "Flatten", since: 1, parse: flatten::parse },
    OpRow { domain: "", op: "Gather", since: 1, parse: gather::parse },
    OpRow { domain: "", op: "GatherElements", since: 11, parse: gather_elements::parse },
    OpRow { domain: "", op: "GatherND", since: 11, parse: gather_nd::parse },
    OpRow { domain: "", op: "Identity", since: 1, parse: identity::parse },
    OpRow { domain: "", op: "NonZero", since: 9, parse: non_zero::parse },
    OpRow { domain: "", op: "OneHot", since: 9, parse: one_hot::parse },
    OpRow { domain: "", op: "Pad", since: 1, parse: pad::parse },
    OpRow { domain: "", op: "Pad", since: 2, parse: pad::parse },
    OpRow { domain: "", op: "Pad", since: 11, parse: pad::parse },
    OpRow { domain: "", op: "Range", since: 11, parse: range::parse },
    OpRow { domain: "", op: "Reshape", since: 1, parse: reshape::parse },
    OpRow { domain: "", op: "Reshape", since: 5, parse: reshape::parse },
    OpRow { domain: "", op: "ReverseSequence", since: 10, parse: reverse_sequence::parse },
    OpRow { domain: "", op: "Scatter", since: 9, parse: scatter::parse },
    OpRow { domain: "", op: "ScatterElements", since: 11, parse: scatter::parse },
    OpRow { domain: "", op: "ScatterND", since: 11, parse: scatter::parse },
    OpRow { domain: "", op: "Shape", since: 1, parse: shape::parse },
    OpRow { domain: "", op: "Size", since: 1, parse: size::parse },
    OpRow { domain: "", op: "Slice", since: 1, parse: slice::parse },
    OpRow { domain: "", op: "Slice", since: 10, parse: slice::parse },
    OpRow { domain: "", op: "SpaceToDepth", since: 1, parse: depth_space::parse },
    OpRow { domain: "", op: "Split", since: 1, parse: split::parse },
    OpRow { domain: "", op: "Split", since: 2, parse: split::parse },
    OpRow { domain: "", op: "Split", since: 13, parse: split::parse },
    OpRow { domain: "", op: "Split", since: 18, parse: split::parse },
    OpRow { domain: "", op: "Squeeze", since: 1, parse: squeeze::parse },
    OpRow { domain: "", op: "Squeeze", since: 13, parse: squeeze::parse },
    OpRow { domain: "", op: "TensorScatter", since: 24, parse: tensor_scatter::parse },
    OpRow { domain: "", op: "Tile", since: 1, parse: tile::parse },
    OpRow { domain: "", op: "Tile", since: 6, parse: tile::parse },
    OpRow { domain: "", op: "Transpose", since: 1, parse: transpose::parse },
    OpRow { domain: "", op: "Trilu", since: 14, parse: trilu::parse },
    OpRow { domain: "", op: "Unique", since: 11, parse: unique::parse },
    OpRow { domain: "", op: "Unsqueeze", since: 1, parse: unsqueeze::parse },
    OpRow { domain: "", op: "Unsqueeze", since: 13, parse: unsqueeze::parse },
];
