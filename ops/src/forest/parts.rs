//! The columns of a forest and the words for what they mean.

use std::ops::Deref;

use super::ForestError;

/// Values from `-ZERO_MAX` to `ZERO_MAX`, both included, count as zero where a rule says "zero": LightGBM's
/// `kZeroThreshold`, the f32 nearest to 1e-35.
pub const ZERO_MAX: f64 = 1e-35_f32 as f64;

/// A width that numbers are rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE binary32, round to nearest even.
    F32,
    /// IEEE binary64.
    F64,
}

impl Precision {
    /// `value` rounded to this width, held as f64.
    ///
    /// One addition, multiplication or division of binary32 numbers carried out in binary64 and rounded here gives the
    /// bits of the binary32 operation, so evaluation needs one code path.
    #[must_use]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }
}

/// The test that a node makes of its feature `x` against its threshold `t`; NaN makes every comparison false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `x <= t`
    LessEq,
    /// `x < t`
    Less,
    /// `x > t`
    Greater,
    /// `x >= t`
    GreaterEq,
    /// `x == t`
    Equal,
    /// `x != t`; true for NaN
    NotEqual,
    /// `x` names a category of the set with this index; the threshold is not read.
    Member(u32),
}

/// Which values count as missing at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MissingValues {
    /// None: the node's test decides.
    None,
    /// NaN.
    Nan,
    /// NaN and every value within [`ZERO_MAX`] of zero.
    ZeroOrNan,
}

/// A node's rule for missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Missing {
    /// Which values the rule takes away from the test.
    pub values: MissingValues,
    /// The child that they go to: the true child, or the false one.
    pub to_true: bool,
}

impl Missing {
    /// No value counts as missing.
    pub const NONE: Self = Self { values: MissingValues::None, to_true: false };

    /// NaN goes to one child.
    #[must_use]
    pub const fn nan(to_true: bool) -> Self {
        Self { values: MissingValues::Nan, to_true }
    }
}

/// A child: a node or a leaf, by its index in the forest's columns. The top bit says leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChildRef(u32);

impl ChildRef {
    const LEAF: u32 = 1 << 31;
    /// The largest index that a reference holds.
    pub const INDEX_MAX: u32 = Self::LEAF - 1;
    /// Stands in the child columns of an oblivious tree's splits, whose children are implied.
    pub const IMPLIED: Self = Self(u32::MAX);

    /// A reference to node `index`, which is at most [`ChildRef::INDEX_MAX`].
    #[must_use]
    pub const fn node(index: u32) -> Self {
        Self(index & Self::INDEX_MAX)
    }

    /// A reference to leaf `index`, which is at most [`ChildRef::INDEX_MAX`].
    #[must_use]
    pub const fn leaf(index: u32) -> Self {
        Self(index | Self::LEAF)
    }

    /// Whether it names a leaf.
    #[must_use]
    pub const fn is_leaf(self) -> bool {
        self.0 & Self::LEAF != 0
    }

    /// The node's or leaf's index.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 & Self::INDEX_MAX
    }

    /// The encoded form: index, with the top bit set for a leaf.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The inverse of [`ChildRef::bits`].
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// The nodes of all trees, one column a property; every column has the same length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nodes {
    /// The feature that the node reads.
    pub feature: Vec<u32>,
    /// What the feature is compared with.
    pub threshold: Vec<f64>,
    /// The test.
    pub mode: Vec<Mode>,
    /// What happens to missing values, before the test.
    pub missing: Vec<Missing>,
    /// Where rows go that pass the test.
    pub true_child: Vec<ChildRef>,
    /// Where the others go.
    pub false_child: Vec<ChildRef>,
}

impl Nodes {
    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.feature.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feature.is_empty()
    }
}

/// How a number becomes a category at a [`Mode::Member`] node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CategoryCast {
    /// Truncate toward zero: -0.5 is category 0; values at or below -1 or at or above 2^31 are none (LightGBM).
    Truncate,
    /// Truncate, but every negative value is none, and so is 2^24 and beyond (XGBoost).
    TruncateNonNegative,
    /// Only whole numbers from 0 to 2^31 - 1 name a category (ONNX).
    Whole,
}

impl CategoryCast {
    /// The category that `value` names, if any. NaN names none.
    #[must_use]
    pub fn category(self, value: f64) -> Option<u32> {
        let held = match self {
            Self::Truncate => value > -1.0 && value < 2_147_483_648.0,
            Self::TruncateNonNegative => (0.0..16_777_216.0).contains(&value),
            Self::Whole => (0.0..2_147_483_648.0).contains(&value) && value == f64::from(value as u32),
        };
        held.then_some(value as u32)
    }
}

/// A set of categories.
///
/// Sorted codes and not bits: libraries put a few dozen categories at most into one test, of domains that may be wide, and
/// so a set takes no more room than the file that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategorySet {
    /// How a feature's value becomes a category.
    pub cast: CategoryCast,
    /// The categories, strictly rising.
    pub codes: Vec<u32>,
}

impl CategorySet {
    /// The set of `codes`, which may come in any order and more than once.
    #[must_use]
    pub fn new(cast: CategoryCast, mut codes: Vec<u32>) -> Self {
        codes.sort_unstable();
        codes.dedup();
        Self { cast, codes }
    }

    /// Whether `value` names a category of the set.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.cast.category(value).is_some_and(|category| self.codes.binary_search(&category).is_ok())
    }
}

/// What a leaf adds: a slice of the weight column, and perhaps a linear model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Its first weight.
    pub first_weight: u32,
    /// How many weights it has.
    pub n_weights: u32,
    /// Its linear model, if it has one: an index into [`ForestParts::linear`].
    pub linear: Option<u32>,
}

/// A number added to one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeafWeight {
    /// The target.
    pub target: u32,
    /// The number.
    pub weight: f64,
}

/// A linear model in a leaf (LightGBM's linear trees).
///
/// The leaf's one weight holds when any of the terms' features is NaN. Otherwise the leaf's value is `constant`, then
/// plus `coefficient * x` term by term, each product and each sum rounded. Features within [`ZERO_MAX`] of zero count
/// as zero, and a forest with linear leaves is [`Precision::F64`] throughout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearLeaf {
    /// What the sum starts from.
    pub constant: f64,
    /// The first term, an index into [`ForestParts::terms`].
    pub first_term: u32,
    /// How many terms.
    pub n_terms: u32,
}

/// One summand of a [`LinearLeaf`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearTerm {
    /// The feature.
    pub feature: u32,
    /// Its factor.
    pub coefficient: f64,
}

/// How a tree's nodes lead to a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeShape {
    /// Follow children from the root. A tree that is one leaf has no node.
    Nodes {
        /// The root.
        root: ChildRef,
    },
    /// Every node of the tree's range is asked; the answer of the range's node `i` is bit `i` of the leaf's offset in the
    /// tree's leaf range, which holds two to the number of nodes. The child columns hold [`ChildRef::IMPLIED`].
    Oblivious,
}

/// One tree: its slices of the node and leaf columns. Trees lie one after the other and cover both columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// How its nodes lead to a leaf.
    pub shape: TreeShape,
    /// Its first node.
    pub first_node: u32,
    /// How many nodes.
    pub n_nodes: u32,
    /// Its first leaf.
    pub first_leaf: u32,
    /// How many leaves; at least one.
    pub n_leaves: u32,
}

/// How the trees' leaf weights become one number a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their sum divided by this number, which is not zero.
    Average(u32),
    /// The smallest; 0 for a target that no leaf reached.
    Min,
    /// The largest; 0 for a target that no leaf reached.
    Max,
}

/// Whether the base value is added before the trees or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BaseOrder {
    /// The sum starts from the base value (only with [`Aggregate::Sum`] and a scale of 1).
    First,
    /// The sum starts from +0; the base value comes last.
    Last,
}

/// A forest's columns, open to anyone who builds one; [`Forest::new`] checks and seals them.
///
/// **Meaning.** For each target: start from +0 (or the base value, by `base_order`); add the reached leaves' weights in
/// the order of trees, and of weights within a leaf; divide for an average; multiply by `scale`; add the base value if
/// it comes last. Every operation is rounded to `accumulate`. Min and Max take the extreme instead of the sum.
///
/// **Features** are f64. With `compare` F32 they are rounded to f32 first, and all thresholds are f32 values.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestParts {
    /// The width of a row.
    pub n_features: u32,
    /// The number of scores; at least one.
    pub n_targets: u32,
    /// The width in which features meet thresholds.
    pub compare: Precision,
    /// The width of sums.
    pub accumulate: Precision,
    /// How weights combine.
    pub aggregate: Aggregate,
    /// The base value of each target.
    pub base: Vec<f64>,
    /// When it is added.
    pub base_order: BaseOrder,
    /// What the aggregate is multiplied by; 1 changes no bit.
    pub scale: f64,
    /// All nodes.
    pub nodes: Nodes,
    /// All leaves.
    pub leaves: Vec<Leaf>,
    /// All leaves' weights.
    pub weights: Vec<LeafWeight>,
    /// Linear models of leaves.
    pub linear: Vec<LinearLeaf>,
    /// Their terms.
    pub terms: Vec<LinearTerm>,
    /// The sets that [`Mode::Member`] names.
    pub category_sets: Vec<CategorySet>,
    /// The trees, in the order of addition.
    pub trees: Vec<Tree>,
}

impl ForestParts {
    /// A forest without trees: sums from +0, base values 0 added last, f64 throughout.
    #[must_use]
    pub fn empty(n_features: u32, n_targets: u32) -> Self {
        Self {
            n_features,
            n_targets,
            compare: Precision::F64,
            accumulate: Precision::F64,
            aggregate: Aggregate::Sum,
            base: vec![0.0; n_targets as usize],
            base_order: BaseOrder::Last,
            scale: 1.0,
            nodes: Nodes::default(),
            leaves: Vec::new(),
            weights: Vec::new(),
            linear: Vec::new(),
            terms: Vec::new(),
            category_sets: Vec::new(),
            trees: Vec::new(),
        }
    }
}

/// A checked forest. It reads as its [`ForestParts`] and cannot be changed, so no evaluation can loop or point outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest(ForestParts);

impl Forest {
    /// Checks and seals `parts`.
    ///
    /// # Errors
    /// [`ForestError::Invalid`] as [`ForestParts::validate`] says.
    pub fn new(parts: ForestParts) -> Result<Self, ForestError> {
        parts.validate()?;
        Ok(Self(parts))
    }

    /// The columns, to change them and check again.
    #[must_use]
    pub fn into_parts(self) -> ForestParts {
        self.0
    }
}

impl Deref for Forest {
    type Target = ForestParts;

    fn deref(&self) -> &ForestParts {
        &self.0
    }
}
