//! A few rows through a forest, tree by tree: the nodes of a tree are read once for all of them.
//!
//! Eight rows go through a tree together, or one row through eight trees, so that waiting for one of them is work on the
//! others. A step is the same few instructions for whatever node, without a jump to be guessed. Nodes are small, and what a
//! leaf adds lies beside the other leaves of its tree: a row alone reads each from memory, and this is most of its time.

use super::{
    Number, TARGETS_MAX, Table,
    split::{Real, Split},
    tops::{self, Begins},
};
use hologram_ops::forest::{
    Aggregate, BaseOrder, CategoryCast, ChildRef, Forest, MissingValues, Mode, Precision, Tree, TreeShape,
};
use std::collections::{HashMap, hash_map::Entry};

/// Rows, or trees, that are walked together.
const LANES: usize = 8;

/// Rows that go through a tree before the next tree, a block of the upper levels.
pub(super) const ROWS: usize = 64 * tops::WORDS;

/// In a node's feature: whether NaN goes to the first child, whether it is a leaf, and whether it asks for membership.
const NAN_FIRST: u16 = 1 << 15;
const LEAF: u16 = 1 << 14;
const SET: u16 = 1 << 13;
const FEATURE: u16 = SET - 1;

/// Words of all sets at most.
const SET_WORDS_MAX: usize = 1 << 20;

/// The trees of a forest in the widths of its comparisons and of its sums.
#[derive(Debug)]
pub(super) enum Few {
    F32F32(Trees<f32, f32>),
    F32F64(Trees<f32, f64>),
    F64F32(Trees<f64, f32>),
    F64F64(Trees<f64, f64>),
}

/// Trees, each of which adds to one target.
#[derive(Debug)]
pub(super) struct Trees<T, A> {
    nodes: Vec<Node<T>>,
    /// What leaves add, tree by tree.
    values: Vec<A>,
    trees: Vec<Place>,
    n_features: usize,
    /// How the features that sets are asked for become codes.
    coded: Vec<Coded>,
    /// A bit for each code of a set's feature, and a word without bits for what is no category; none without sets.
    sets: Vec<u32>,
}

/// Where the sets begin that are there already, by their words and codes.
type Known = HashMap<(u32, Codes), u32>;

/// The codes of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Codes {
    /// Those of a set of the forest.
    Set(u32),
    One(u32),
}

impl Codes {
    /// Rising.
    fn of<'a>(&'a self, forest: &'a Forest) -> &'a [u32] {
        match self {
            Self::Set(set) => &forest.category_sets[*set as usize].codes,
            Self::One(code) => std::slice::from_ref(code),
        }
    }
}

/// A feature of categories.
#[derive(Debug, Clone, Copy)]
struct Coded {
    feature: u16,
    cast: CategoryCast,
    /// Words that hold the codes of all its sets.
    words: u32,
}

/// A node. Children and leaves are numbered from their tree's first on.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    /// The threshold; or, in its low bits, where a set begins.
    threshold: T,
    feature: u16,
    /// The first child, the second lies after it; or the leaf's number.
    next: u16,
}

/// Where a tree begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    node: u32,
    value: u32,
    target: u32,
}

impl Few {
    /// The forest's trees; `None` where there are linear leaves, extremes, trees that are oblivious, test for equality with
    /// what is no small whole number, take zeros for missing or add to several targets, trees of more than 65,535 nodes and
    /// leaves, more than 8,191 features, more than 4,096 targets, a base that the width of the sums cannot hold, sets of
    /// different kinds on one feature, or sets of more than a million words.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        let is_sum = matches!(forest.aggregate, Aggregate::Sum | Aggregate::Average(_));
        let is_held = |base: &f64| forest.accumulate.round(*base).to_bits() == base.to_bits();
        let is_based = forest.base_order == BaseOrder::Last || forest.base.iter().all(is_held);
        let fits = forest.n_features <= u32::from(FEATURE) && forest.n_targets <= TARGETS_MAX;
        if !is_sum || !is_based || !fits || !forest.linear.is_empty() {
            return None;
        }
        match (forest.compare, forest.accumulate) {
            (Precision::F32, Precision::F32) => Trees::new(forest).map(Self::F32F32),
            (Precision::F32, Precision::F64) => Trees::new(forest).map(Self::F32F64),
            (Precision::F64, Precision::F32) => Trees::new(forest).map(Self::F64F32),
            (Precision::F64, Precision::F64) => Trees::new(forest).map(Self::F64F64),
        }
    }

    /// Bytes of scratch memory, a multiple of eight, for a forest of so many targets.
    pub(super) fn scratch_bytes(&self, targets: usize) -> usize {
        let features = match self {
            Self::F32F32(trees) => trees.n_features,
            Self::F32F64(trees) => trees.n_features,
            Self::F64F32(trees) => trees.n_features,
            Self::F64F64(trees) => trees.n_features,
        };
        let codes = if self.has_sets() { features.max(1) } else { 0 };
        8 * ROWS * (features.max(1) + targets) + 4 * ROWS * codes
    }

    /// Whether a node asks for membership.
    pub(super) fn has_sets(&self) -> bool {
        match self {
            Self::F32F32(trees) => !trees.sets.is_empty(),
            Self::F32F64(trees) => !trees.sets.is_empty(),
            Self::F64F32(trees) => !trees.sets.is_empty(),
            Self::F64F64(trees) => !trees.sets.is_empty(),
        }
    }

    /// The sums `[targets][ROWS]` of at most [`ROWS`] rows, before they are averaged, scaled and based.
    pub(super) fn sums<'a>(
        &self,
        forest: &Forest,
        table: Table<'_>,
        rows: std::ops::Range<usize>,
        begins: Option<Begins<'_>>,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        match self {
            Self::F32F32(trees) => trees.sums(forest, table, rows, begins, scratch),
            Self::F32F64(trees) => trees.sums(forest, table, rows, begins, scratch),
            Self::F64F32(trees) => trees.sums(forest, table, rows, begins, scratch),
            Self::F64F64(trees) => trees.sums(forest, table, rows, begins, scratch),
        }
    }
}

impl<T: Real, A: Number> Trees<T, A> {
    fn new(forest: &Forest) -> Option<Self> {
        let mut trees = Self {
            nodes: Vec::new(),
            values: Vec::new(),
            trees: Vec::new(),
            n_features: forest.n_features as usize,
            coded: coded(forest)?,
            sets: Vec::new(),
        };
        let mut known = Known::new();
        // Copies of what nodes share are bounded.
        let most = 2 * (forest.nodes.len() + forest.leaves.len()) + forest.trees.len();
        for tree in &forest.trees {
            trees.push(forest, tree, &mut known)?;
            if trees.nodes.len() > most {
                return None;
            }
        }
        Some(trees)
    }

    fn push(&mut self, forest: &Forest, tree: &Tree, known: &mut Known) -> Option<()> {
        let TreeShape::Nodes { root } = tree.shape else { return None };
        let place = |n: usize| u32::try_from(n).ok();
        let mut own = Place { node: place(self.nodes.len())?, value: place(self.values.len())?, target: u32::MAX };
        // Breadth first: what is visited first lies together. Nodes may share children, which are copied.
        let mut open = vec![root];
        let (mut next, mut leaves) = (0, 0);
        while let Some(at) = open.get(next).copied() {
            next += 1;
            if at.is_leaf() {
                let leaf = forest.leaves[at.index() as usize];
                if leaf.n_weights != 1 {
                    return None;
                }
                let weight = forest.weights[leaf.first_weight as usize];
                if own.target != u32::MAX && own.target != weight.target {
                    return None;
                }
                own.target = weight.target;
                self.values.push(A::of(weight.weight));
                self.nodes.push(Node { threshold: T::of(0.0), feature: LEAF, next: u16::try_from(leaves).ok()? });
                leaves += 1;
                continue;
            }
            let node = at.index() as usize;
            let feature =
                u16::try_from(forest.nodes.feature[node]).ok().filter(|f| usize::from(*f) < self.n_features)?;
            let (threshold, kind, nan_first, children) = match Membership::of(forest, node) {
                Some(membership) => {
                    let coded = self.coded.iter().find(|coded| coded.feature == feature)?.words;
                    let set = self.set(forest, membership.codes, coded, known)?;
                    (T::of_bits(set), SET, membership.nan_first, membership.children)
                }
                None => {
                    let split = Split::of(forest, node)?;
                    (split.threshold, 0, split.nan_first, split.children(forest, node))
                }
            };
            let feature = feature | kind | if nan_first { NAN_FIRST } else { 0 };
            self.nodes.push(Node { threshold, feature, next: u16::try_from(open.len()).ok()? });
            open.extend(children);
        }
        self.trees.push(own);
        Some(())
    }

    /// Where a set's words begin, so many and one without bits.
    fn set(&mut self, forest: &Forest, codes: Codes, words: u32, known: &mut Known) -> Option<u32> {
        let place = u32::try_from(self.sets.len()).ok()?;
        let end = self.sets.len() + words as usize + 1;
        match known.entry((words, codes)) {
            Entry::Occupied(found) => Some(*found.get()),
            Entry::Vacant(_) if end > SET_WORDS_MAX => None,
            Entry::Vacant(new) => {
                self.sets.resize(end, 0);
                let bits = &mut self.sets[place as usize..];
                codes.of(forest).iter().for_each(|code| bits[*code as usize / 32] |= 1 << (code % 32));
                new.insert(place);
                Some(place)
            }
        }
    }

    fn sums<'a>(
        &self,
        forest: &Forest,
        table: Table<'_>,
        rows: std::ops::Range<usize>,
        begins: Option<Begins<'_>>,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        let targets = forest.n_targets as usize;
        let width = self.n_features.max(1);
        let (features, rest) = scratch.split_at_mut(8 * ROWS * width);
        let (sums, codes) = rest.split_at_mut(8 * ROWS * targets);
        let features: &mut [T] = &mut bytemuck::cast_slice_mut(features)[..ROWS * width];
        let sums = bytemuck::cast_slice_mut::<u8, f64>(sums);
        let count = rows.len();
        // Lanes without a row of their own repeat the last one.
        let filled = if count < LANES / 2 { count } else { count.next_multiple_of(LANES) };
        let mut has_nan = false;
        for (lane, out) in features.chunks_exact_mut(width).take(filled).enumerate() {
            let row = rows.start + lane.min(count - 1);
            out[0] = T::of(0.0);
            for (feature, out) in out[..self.n_features].iter_mut().enumerate() {
                *out = T::of(table.at(row, feature));
                has_nan |= out.is_nan();
            }
        }
        for (sums, base) in sums.chunks_exact_mut(ROWS).zip(&forest.base) {
            sums[..filled].fill(if forest.base_order == BaseOrder::First { *base } else { 0.0 });
        }
        let features = &features[..filled * width];
        if self.sets.is_empty() {
            match (count < LANES / 2, has_nan) {
                (true, true) => self.by_trees::<true, false>(features, &[], sums),
                (true, false) => self.by_trees::<false, false>(features, &[], sums),
                (false, true) => self.by_rows::<true, false>(features, &[], begins, sums),
                (false, false) => self.by_rows::<false, false>(features, &[], begins, sums),
            }
            return sums;
        }
        let codes = &mut bytemuck::cast_slice_mut::<u8, u32>(codes)[..filled * width];
        codes.fill(0);
        for (codes, row) in codes.chunks_exact_mut(width).zip(features.chunks_exact(width)) {
            for coded in &self.coded {
                let code = coded.cast.category(row[usize::from(coded.feature)].wide());
                let none = coded.words * 32;
                codes[usize::from(coded.feature)] = code.map_or(none, |code| code.min(none));
            }
        }
        match count < LANES / 2 {
            true => self.by_trees::<true, true>(features, codes, sums),
            false => self.by_rows::<true, true>(features, codes, begins, sums),
        }
        sums
    }

    /// Each row through all trees, some at a time.
    fn by_trees<const NAN: bool, const SETS: bool>(&self, features: &[T], codes: &[u32], sums: &mut [f64]) {
        let width = self.n_features.max(1);
        for (lane, row) in features.chunks_exact(width).enumerate() {
            let codes = if SETS { &codes[lane * width..][..width] } else { &[] };
            let (eights, rest) = self.trees.as_chunks::<LANES>();
            for trees in eights {
                let rows = (&[row; LANES], &[codes; LANES]);
                self.walk::<LANES, NAN, SETS>(trees, [0; LANES], rows, |tree, value| add::<A>(sums, tree, lane, value));
            }
            for tree in rest {
                let rows = (&[row], &[codes]);
                self.walk::<1, NAN, SETS>(&[*tree], [0], rows, |tree, value| add::<A>(sums, tree, lane, value));
            }
        }
    }

    /// All rows through each tree, some at a time.
    fn by_rows<const NAN: bool, const SETS: bool>(
        &self,
        features: &[T],
        codes: &[u32],
        mut begins: Option<Begins<'_>>,
        sums: &mut [f64],
    ) {
        let width = self.n_features.max(1);
        for (number, tree) in self.trees.iter().enumerate() {
            let begin = begins.as_mut().map_or([0; ROWS], |begins| begins.of(number));
            for (group, rows) in features.chunks_exact(LANES * width).enumerate() {
                let rows: [&[T]; LANES] = std::array::from_fn(|lane| &rows[lane * width..][..width]);
                let mut lane = group * LANES;
                let own = |at: usize| if SETS { &codes[(lane + at) * width..][..width] } else { &[] };
                let codes: [&[u32]; LANES] = std::array::from_fn(own);
                let at: [u16; LANES] = std::array::from_fn(|at| begin[lane + at]);
                self.walk::<LANES, NAN, SETS>(&[*tree; LANES], at, (&rows, &codes), |tree, value| {
                    add::<A>(sums, tree, lane, value);
                    lane += 1;
                });
            }
        }
    }

    /// Each row through its tree, from a node on; gives what the leaves add, in order. A row has `n_features` numbers, or one, and as many
    /// codes where there are sets.
    #[inline(always)]
    fn walk<const N: usize, const NAN: bool, const SETS: bool>(
        &self,
        trees: &[Place; N],
        begin: [u16; N],
        (rows, codes): (&[&[T]; N], &[&[u32]; N]),
        mut each: impl FnMut(&Place, A),
    ) {
        assert!(rows.iter().all(|row| row.len() >= self.n_features.max(1)));
        let mut at: [u32; N] = std::array::from_fn(|lane| trees[lane].node + u32::from(begin[lane]));
        assert!(at.iter().all(|at| (*at as usize) < self.nodes.len()));
        loop {
            let mut all = LEAF;
            for (((at, tree), row), codes) in at.iter_mut().zip(trees).zip(rows).zip(codes) {
                // SAFETY: a tree's first node is one, and so are the children of each.
                let node = unsafe { *self.nodes.get_unchecked(*at as usize) };
                let feature = usize::from(node.feature & FEATURE);
                // SAFETY: nodes name features of the forest, leaves the first number of a row, which has all of them.
                let x = unsafe { *row.get_unchecked(feature) };
                let mut is_first = x <= node.threshold;
                if SETS {
                    let is_set = node.feature & SET != 0;
                    let (set, code) = (node.threshold.low_bits(), codes[feature]);
                    // What is no set asks the first one, and does not listen.
                    let word = self.sets[if is_set { (set + code / 32) as usize } else { 0 }];
                    is_first = if is_set { word >> (code % 32) & 1 != 0 } else { is_first };
                }
                if NAN {
                    is_first |= x.is_nan() & (node.feature >= NAN_FIRST);
                }
                let next = tree.node + u32::from(node.next) + u32::from(!is_first);
                *at = if node.feature & LEAF == 0 { next } else { *at };
                all &= node.feature;
            }
            if all != 0 {
                break;
            }
        }
        for (at, tree) in at.iter().zip(trees) {
            let leaf = self.nodes[*at as usize].next;
            each(tree, self.values[tree.value as usize + usize::from(leaf)]);
        }
    }
}

/// A node that asks whether its feature is one of some categories.
struct Membership {
    codes: Codes,
    /// Whether NaN goes to the first child, that of what is a member.
    nan_first: bool,
    children: [ChildRef; 2],
}

impl Membership {
    /// The question of a node; `None` where it asks another one. Equality with a whole number is one.
    fn of(forest: &Forest, node: usize) -> Option<Self> {
        let nodes = &forest.nodes;
        let (number, missing) = (nodes.threshold[node], nodes.missing[node]);
        let (codes, is_swapped) = match nodes.mode[node] {
            Mode::Member(set) => (Codes::Set(set), false),
            mode @ (Mode::Equal | Mode::NotEqual) => {
                (Codes::One(CategoryCast::Whole.category(number)?), mode == Mode::NotEqual)
            }
            _ => return None,
        };
        let nan_is_true = match missing.values {
            // NaN is no member, and equals nothing.
            MissingValues::None => is_swapped,
            MissingValues::Nan => missing.to_true,
            MissingValues::ZeroOrNan => return None,
        };
        let mut children = [nodes.true_child[node], nodes.false_child[node]];
        if is_swapped {
            children.reverse();
        }
        Some(Self { codes, nan_first: nan_is_true != is_swapped, children })
    }
}

/// The features that sets are asked for; `None` where those of one feature become codes in different ways.
fn coded(forest: &Forest) -> Option<Vec<Coded>> {
    let mut coded: Vec<Coded> = Vec::new();
    for node in 0..forest.nodes.len() {
        let Some(membership) = Membership::of(forest, node) else { continue };
        let cast = match forest.nodes.mode[node] {
            Mode::Member(set) => forest.category_sets[set as usize].cast,
            _ => CategoryCast::Whole,
        };
        let feature = u16::try_from(forest.nodes.feature[node]).ok()?;
        let words = membership.codes.of(forest).last().map_or(0, |code| code / 32 + 1);
        match coded.iter_mut().find(|coded| coded.feature == feature) {
            Some(known) if known.cast != cast => return None,
            Some(known) => known.words = known.words.max(words),
            None => coded.push(Coded { feature, cast, words }),
        }
    }
    // So that a code without a category fits, and no set is larger than all of them may be.
    coded.iter().all(|coded| (coded.words as usize) < SET_WORDS_MAX).then_some(coded)
}

/// Adds to a row's sum in the width of sums.
#[inline(always)]
fn add<A: Number>(sums: &mut [f64], tree: &Place, lane: usize, value: A) {
    let sum = &mut sums[tree.target as usize * ROWS + lane];
    *sum = (A::of(*sum) + value).wide();
}
