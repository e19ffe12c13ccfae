//! The operators, a folder a family and a file an operator; each family has one table of rows.

pub mod activation;
pub mod contrib;
pub mod control;
pub mod image;
pub mod logic;
pub mod math;
pub mod ml;
pub mod movement;
pub mod nn;
pub mod quantize;
pub mod random;
pub mod reduction;
pub mod sequence;
pub mod signal;
pub mod text;
pub mod training;

use crate::OpRow;

/// The tables of all families.
pub const ALL: &[&[OpRow]] = &[
    activation::ROWS,
    contrib::ROWS,
    contrib::quantized::ROWS,
    control::ROWS,
    image::ROWS,
    logic::ROWS,
    math::ROWS,
    ml::ROWS,
    movement::ROWS,
    nn::ROWS,
    quantize::ROWS,
    random::ROWS,
    reduction::ROWS,
    sequence::ROWS,
    signal::ROWS,
    text::ROWS,
    training::ROWS,
];
