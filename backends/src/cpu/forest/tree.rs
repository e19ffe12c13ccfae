//! One tree over the masks of a block: which leaf each row reaches, and what that adds.

use super::{
    Mask, Number,
    leaves::{self, Weights32},
    masks::{Asked, Distinct},
    steps::{PLANES_MAX, Pair, Step, Steps},
};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{ChildRef, Forest, Precision, Tree as Source, TreeShape};
use std::collections::HashMap;

/// Entries that a tree's tables may have for each of its weights, and besides: trees whose leaves name targets here and there
/// would fill memory with nothing.
const ENTRIES_A_WEIGHT: usize = 16;
const ENTRIES: usize = 4_096;

/// A tree whose leaves are numbered from 0 on.
#[derive(Debug)]
pub(super) struct Tree {
    steps: Steps,
    n_leaves: usize,
    visits: f32,
    /// Whether the masks that give the numbers are those of tests.
    is_oblivious: bool,
    tables: Vec<Weights>,
}

/// Entries of a table of weights at least: as many as registers look up at once.
const LENGTH_MIN: usize = 16;

/// What the leaves add to one target, once.
#[derive(Debug)]
struct Weights {
    target: usize,
    /// By leaf number, as long as a power of two, where sums are f64; empty else.
    wide: Vec<f64>,
    /// The same where sums are f32.
    narrow: Vec<f32>,
    /// These for lookups in registers, where they are few.
    few: Option<Weights32>,
    is_full: bool,
}

/// What a tree takes, by the kinds of work that it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cost {
    pub(super) nodes: usize,
    pub(super) pairs: usize,
    pub(super) groups: usize,
    /// Tables whose weights are looked up in memory, row by row.
    pub(super) lookups: usize,
    /// Tables whose weights are looked up in registers.
    pub(super) few: usize,
}

/// How a weight joins a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adds {
    Sum,
    First,
    Min,
    Max,
}

/// A subtree while a tree is numbered: its slot, the leaves that it has, and their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    slot: u32,
    level: u32,
    at: ChildRef,
    pub(super) n_leaves: u32,
    pub(super) first: u32,
    pub(super) children: Option<(usize, usize)>,
}

impl Tree {
    /// A forest's tree; `None` where it has more than 65,536 leaves, or leaves that name targets here and there.
    pub(super) fn new(forest: &Forest, tree: &Source, tests: &mut Distinct) -> Option<Self> {
        let n_leaves = tree.n_leaves as usize;
        let n_planes = n_leaves.next_power_of_two().trailing_zeros() as usize;
        if n_planes > PLANES_MAX {
            return None;
        }
        let mut steps = Steps::default();
        let mut visits = n_planes as f32 + 1.0;
        let order = match tree.shape {
            TreeShape::Nodes { root } => {
                let parts = number(forest, root, u32::MAX, tests, &mut steps);
                if parts[0].n_leaves != tree.n_leaves {
                    // Nodes share a leaf, which bytes may say.
                    return None;
                }
                for bit in 0..n_planes {
                    steps.push_plane(&cover(&parts, bit));
                }
                // A node lies on the way to each of its leaves.
                visits = parts.iter().map(|part| part.n_leaves as f32).sum::<f32>() / n_leaves as f32;
                let mut order = vec![0; n_leaves];
                for part in parts.iter().filter(|part| part.children.is_none()) {
                    order[part.first as usize] = part.at.index();
                }
                order
            }
            TreeShape::Oblivious => {
                let mut swapped = 0;
                for bit in 0..n_planes {
                    let asked = tests.add(forest, tree.first_node as usize + bit);
                    swapped |= u32::from(asked.is_swapped) << bit;
                    steps.push_plane(&[asked.test]);
                }
                (0..tree.n_leaves).map(|number| tree.first_leaf + (number ^ swapped)).collect()
            }
        };
        let tables = tables(forest, &order, LENGTH_MIN.max(1 << n_planes))?;
        Some(Self { steps, n_leaves, visits, is_oblivious: tree.shape == TreeShape::Oblivious, tables })
    }

    /// Puts the tests' masks where `tests` says, and those of nodes and leaves after them.
    pub(super) fn place(&mut self, tests: &[u32]) {
        let test = |test: u32| tests[test as usize];
        let slot = |slot: u32| if self.is_oblivious { test(slot) } else { slot + tests.len() as u32 };
        self.steps.place(test, slot);
    }

    /// What it takes, where its weights are added in this width.
    pub(super) fn cost(&self, isa: Isa, width: Precision) -> Cost {
        let is_few = leaves::are_in_registers(isa, width, self.steps.n_planes());
        Cost {
            nodes: self.steps.nodes.len(),
            pairs: self.steps.pairs.len(),
            groups: self.steps.n_groups(),
            lookups: if is_few { 0 } else { self.tables.len() },
            few: if is_few { self.tables.len() } else { 0 },
        }
    }

    /// The nodes and the leaf that a row visits when it follows the tree, in the mean over leaves.
    pub(super) fn visits(&self) -> f32 {
        self.visits
    }

    /// Masks that its nodes and leaves take.
    pub(super) fn n_slots(&self) -> usize {
        if self.is_oblivious { 0 } else { 2 * self.n_leaves }
    }

    /// Whether each leaf has one weight for each target.
    pub(super) fn names_each_once(&self, targets: u32) -> bool {
        let mut named: Vec<usize> = self.tables.iter().map(|table| table.target).collect();
        named.sort_unstable();
        named.into_iter().eq(0..targets as usize) && self.tables.iter().all(|table| table.is_full)
    }

    /// Adds what each row's leaf adds to the sums `[targets][rows]`. The masks are those of the tests, that of a root, which all
    /// rows reach and which stays, and room for those of other nodes.
    pub(super) fn run<T: Number, const W: usize>(
        &self,
        isa: Isa,
        masks: &mut [Mask<W>],
        planes: &mut [Mask<W>; PLANES_MAX],
        adds: Adds,
        sums: &mut [T],
    ) {
        self.steps.run(isa, masks, planes);
        if adds == Adds::Sum && self.add_few(isa, planes, sums) {
            return;
        }
        vectorized(
            isa,
            #[inline(always)]
            || self.add(isa, planes, adds, sums),
        );
    }

    /// Adds the weights of leaves that are few, in registers; whether it did.
    fn add_few<T: Number, const W: usize>(&self, isa: Isa, planes: &[Mask<W>; PLANES_MAX], sums: &mut [T]) -> bool {
        let planes = &planes[..self.steps.n_planes()];
        let Some(sums) = T::narrow(sums) else {
            let Some(sums) = T::unrounded(sums) else { return false };
            let mut few = |table: &Weights| {
                let sums = &mut sums[table.target * 64 * W..][..64 * W];
                leaves::add_wide(isa, planes, &table.wide, sums)
            };
            return self.tables.iter().all(&mut few);
        };
        let mut few = |table: &Weights| {
            let sums = &mut sums[table.target * 64 * W..][..64 * W];
            table.few.as_ref().is_some_and(|few| leaves::add(isa, planes, few, sums))
        };
        // All tables are of one length: all are looked up so, or the first is not.
        self.tables.iter().all(&mut few)
    }

    /// Puts the planes together to leaf numbers, a few rows at a time, and adds the weights of the leaves.
    #[inline(always)]
    fn add<T: Number, const W: usize>(&self, isa: Isa, planes: &[Mask<W>; PLANES_MAX], adds: Adds, sums: &mut [T]) {
        let planes = &planes[..self.steps.n_planes()];
        for word in 0..W {
            let mut add = |leaves: &[u16; 64]| {
                for table in &self.tables {
                    let sums = &mut sums[(table.target * W + word) * 64..];
                    if let Some(sums) = sums.first_chunk_mut() {
                        table.add(leaves, adds, sums);
                    }
                }
            };
            let (low, high) = planes.split_at(planes.len().min(8));
            let numbers = leaves::numbers(isa, low, word);
            if high.is_empty() {
                add(&numbers.map(u16::from));
            } else {
                let high = leaves::numbers(isa, high, word);
                add(&std::array::from_fn(|i| u16::from(numbers[i]) | u16::from(high[i]) << 8));
            }
        }
    }
}

impl Weights {
    #[inline(always)]
    fn add<T: Number>(&self, leaves: &[u16; 64], adds: Adds, sums: &mut [T; 64]) {
        if T::IS_NARROW {
            add(
                &self.narrow,
                leaves,
                adds,
                sums,
                #[inline(always)]
                |weight| T::of(f64::from(weight)),
            );
        } else {
            add(&self.wide, leaves, adds, sums, T::of);
        }
    }
}

#[inline(always)]
fn add<W: Copy, T: Number>(table: &[W], leaves: &[u16; 64], adds: Adds, sums: &mut [T; 64], of: impl Fn(W) -> T) {
    // Leaf numbers are below the table's length, a power of two: the mask changes none and spares a check.
    let Some(last) = table.len().checked_sub(1) else { return };
    for (sum, leaf) in sums.iter_mut().zip(leaves) {
        let weight = of(table[usize::from(*leaf) & last]);
        *sum = match adds {
            Adds::Sum => *sum + weight,
            Adds::First => weight,
            Adds::Min => {
                if weight < *sum {
                    weight
                } else {
                    *sum
                }
            }
            Adds::Max => {
                if weight > *sum {
                    weight
                } else {
                    *sum
                }
            }
        };
    }
}

/// Walks a tree breadth first, so many levels of it, and numbers its leaves, or the nodes where the levels end. Nodes become
/// steps, parents before their children.
///
/// A subtree of an even number of leaves begins at an even number: where one child's number of leaves is odd and the other's
/// even, the even one comes first if the subtree begins at an even number, else the odd one. So the two leaves of a node
/// differ in the lowest bit alone.
pub(super) fn number(
    forest: &Forest,
    root: ChildRef,
    levels: u32,
    tests: &mut Distinct,
    steps: &mut Steps,
) -> Vec<Part> {
    let part = |slot, level, at| Part { slot, level, at, n_leaves: 0, first: 0, children: None };
    let mut parts = vec![part(0, 0, root)];
    let mut asked: Vec<(usize, Asked)> = Vec::new();
    let mut own = 0;
    while own < parts.len() {
        let Part { at, level, .. } = parts[own];
        own += 1;
        if at.is_leaf() || level == levels {
            continue;
        }
        let test = tests.add(forest, at.index() as usize);
        let slot = parts.len();
        parts[own - 1].children = Some((slot, slot + 1));
        asked.push((own - 1, test));
        let children = test.children(forest, at.index() as usize);
        parts.extend([part(slot as u32, level + 1, children[0]), part(slot as u32 + 1, level + 1, children[1])]);
    }
    // Children come after their parents.
    for own in (0..parts.len()).rev() {
        parts[own].n_leaves = match parts[own].children {
            None => 1,
            Some((yes, no)) => parts[yes].n_leaves + parts[no].n_leaves,
        };
    }
    for own in 0..parts.len() {
        let Some((yes, no)) = parts[own].children else { continue };
        let first = parts[own].first;
        let is_even = |part: usize| parts[part].n_leaves % 2 == 0;
        let no_first = is_even(yes) != is_even(no) && is_even(no) == (first % 2 == 0);
        let (one, other) = if no_first { (no, yes) } else { (yes, no) };
        parts[one].first = first;
        parts[other].first = first + parts[one].n_leaves;
    }
    for (own, asked) in asked {
        let Some((yes, no)) = parts[own].children else { continue };
        let from = parts[own].slot;
        if parts[own].n_leaves == 2 {
            steps.pairs.push(Pair { test: asked.test, from });
        } else {
            steps.nodes.push(Step { test: asked.test, from, yes: parts[yes].slot, no: parts[no].slot });
        }
    }
    parts
}

/// The largest subtrees all of whose leaves have a bit in their numbers, without those of pairs; together they hold every
/// such leaf once.
pub(super) fn cover(parts: &[Part], bit: usize) -> Vec<u32> {
    let (mut open, mut places) = (vec![0], Vec::new());
    while let Some(part) = open.pop() {
        let Part { slot, first, n_leaves, children, .. } = parts[part];
        let is_one_run = first >> bit == (first + n_leaves - 1) >> bit;
        let is_pair = bit == 0 && n_leaves == 2;
        match children {
            _ if is_one_run && first >> bit & 1 == 1 => places.push(slot),
            Some((yes, no)) if !is_one_run && !is_pair => open.extend([no, yes]),
            _ => {}
        }
    }
    places
}

/// The weights of leaves, by target and by how often a leaf has named it before.
fn tables(forest: &Forest, order: &[u32], length: usize) -> Option<Vec<Weights>> {
    let count = |leaf: &u32| forest.leaves[*leaf as usize].n_weights as usize;
    let most = ENTRIES + ENTRIES_A_WEIGHT * order.iter().map(count).sum::<usize>();
    let mut tables: Vec<(u32, Vec<f64>, usize)> = Vec::new();
    let mut places: HashMap<(u32, usize), usize> = HashMap::new();
    for (number, leaf) in order.iter().enumerate() {
        let leaf = forest.leaves[*leaf as usize];
        let mut named: HashMap<u32, usize> = HashMap::new();
        for weight in &forest.weights[leaf.first_weight as usize..][..leaf.n_weights as usize] {
            let times = named.entry(weight.target).or_default();
            if (tables.len() + 1).saturating_mul(length) > most {
                return None;
            }
            let place = *places.entry((weight.target, *times)).or_insert_with(|| {
                // Adding -0 changes no number, not even -0.
                tables.push((weight.target, vec![-0.0; length], 0));
                tables.len() - 1
            });
            *times += 1;
            tables[place].1[number] = forest.accumulate.round(weight.weight);
            tables[place].2 += 1;
        }
    }
    let weights = |(target, wide, count): (u32, Vec<f64>, usize)| {
        let (target, is_full) = (target as usize, count == order.len());
        if forest.accumulate == Precision::F64 {
            return Weights { target, wide, narrow: Vec::new(), few: None, is_full };
        }
        let narrow: Vec<f32> = wide.iter().map(|weight| *weight as f32).collect();
        let few = Weights32::new(&narrow);
        Weights { target, wide: Vec::new(), narrow, few, is_full }
    };
    Some(tables.into_iter().map(weights).collect())
}
