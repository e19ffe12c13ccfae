//! Tests of order as one: a row goes to a node's first child if its feature is at most the threshold.

use super::Number;
use hologram_ops::forest::{ChildRef, Forest, MissingValues, Mode};

/// A width that features are compared in.
pub(super) trait Real: Number + bytemuck::Pod {
    /// The greatest number below a finite one, or below infinity.
    fn below(self) -> Self;
    fn is_nan(self) -> bool;
    /// The number whose lowest bits these are.
    fn of_bits(bits: u32) -> Self;
    /// The lowest bits.
    fn low_bits(self) -> u32;
}

impl Real for f32 {
    fn of_bits(bits: u32) -> Self {
        Self::from_bits(bits)
    }
    fn low_bits(self) -> u32 {
        self.to_bits()
    }
    fn below(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    fn of_bits(bits: u32) -> Self {
        Self::from_bits(bits.into())
    }
    fn low_bits(self) -> u32 {
        self.to_bits() as u32
    }
    fn below(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Split<f32> {
    /// The same with a threshold of 64 bits.
    pub(super) fn widened(self) -> Split<f64> {
        Split { threshold: self.threshold.into(), nan_first: self.nan_first, is_swapped: self.is_swapped }
    }
}

/// A node's test as `x <= threshold`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split<T> {
    /// NaN where nothing passes.
    pub(super) threshold: T,
    /// Whether NaN passes.
    pub(super) nan_first: bool,
    /// Whether what passes goes to the false child.
    pub(super) is_swapped: bool,
}

impl<T: Real> Split<T> {
    /// The test of a node; `None` where it is not one of order, or takes zeros for missing.
    pub(super) fn of(forest: &Forest, node: usize) -> Option<Self> {
        let (threshold, missing) = (forest.nodes.threshold[node], forest.nodes.missing[node]);
        let (is_strict, is_swapped) = match forest.nodes.mode[node] {
            Mode::LessEq => (false, false),
            Mode::Less => (true, false),
            // Not at most, and not below.
            Mode::Greater => (false, true),
            Mode::GreaterEq => (true, true),
            Mode::Equal | Mode::NotEqual | Mode::Member(_) => return None,
        };
        let nan_is_true = match missing.values {
            MissingValues::None => false,
            MissingValues::Nan => missing.to_true,
            MissingValues::ZeroOrNan => return None,
        };
        let wide = T::of(threshold);
        let threshold = if threshold.is_nan() {
            // True for none: what passes where the children are swapped is all, else nothing.
            if is_swapped { T::of(f64::INFINITY) } else { T::of(f64::NAN) }
        } else if !is_strict {
            wide
        } else if threshold == f64::NEG_INFINITY {
            // Nothing lies below.
            T::of(f64::NAN)
        } else {
            wide.below()
        };
        Some(Self { threshold, nan_first: nan_is_true != is_swapped, is_swapped })
    }

    /// The node's children, first that of what passes.
    pub(super) fn children(&self, forest: &Forest, node: usize) -> [ChildRef; 2] {
        let mut children = [forest.nodes.true_child[node], forest.nodes.false_child[node]];
        if self.is_swapped {
            children.reverse();
        }
        children
    }
}
