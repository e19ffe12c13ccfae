//! One tree over the masks of a block: which leaf each row reaches, and what that adds.

use super::{
    Mask, Number, ROWS,
    leaves::{self, Weights32},
    masks::Distinct,
    steps::{self, Step},
};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{ChildRef, Forest, Tree as Source, TreeShape};
use std::collections::HashMap;

/// Bits of the largest leaf number.
const PLANES_MAX: usize = 16;

/// Entries that a tree's tables may have for each of its weights, and besides: trees whose leaves name targets here and there
/// would fill memory with nothing.
const ENTRIES_A_WEIGHT: usize = 16;
const ENTRIES: usize = 4_096;

/// A tree whose leaves are numbered from 0 on.
#[derive(Debug)]
pub(super) struct Tree {
    steps: Vec<Step>,
    /// For each bit of a leaf's number the masks whose rows have it.
    planes: Vec<Vec<u32>>,
    /// One past the greatest mask that steps and planes name.
    end: u32,
    tables: Vec<Weights>,
}

/// What the leaves add to one target, once.
#[derive(Debug)]
struct Weights {
    target: usize,
    /// By leaf number, as long as a power of two, in the width of the sums.
    wide: Vec<f64>,
    narrow: Vec<f32>,
    /// The same for lookups in registers, where they are few.
    few: Option<Weights32>,
    is_full: bool,
}

/// How a weight joins a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adds {
    Sum,
    First,
    Min,
    Max,
}

/// A subtree while a tree is numbered: its slot, and the numbers of its leaves.
#[derive(Debug, Clone, Copy)]
struct Part {
    slot: u32,
    first: u32,
    end: u32,
    children: Option<(usize, usize)>,
}

impl Tree {
    /// A forest's tree; `None` where it has more than 65,536 leaves, or leaves that name targets here and there.
    pub(super) fn new(forest: &Forest, tree: &Source, tests: &mut Distinct) -> Option<Self> {
        let n_leaves = tree.n_leaves as usize;
        let n_planes = n_leaves.next_power_of_two().trailing_zeros() as usize;
        if n_planes > PLANES_MAX {
            return None;
        }
        let (mut steps, mut planes) = (Vec::new(), vec![Vec::new(); n_planes]);
        let mut order = Vec::with_capacity(n_leaves);
        match tree.shape {
            TreeShape::Nodes { root } => {
                let parts = number(forest, root, tests, &mut steps, &mut order);
                if order.len() != n_leaves {
                    // Nodes share a leaf, which bytes may say.
                    return None;
                }
                for (bit, plane) in planes.iter_mut().enumerate() {
                    cover(&parts, bit, plane);
                }
            }
            TreeShape::Oblivious => {
                order.extend(tree.first_leaf..tree.first_leaf + tree.n_leaves);
                for (bit, plane) in planes.iter_mut().enumerate() {
                    plane.push(tests.add(forest, tree.first_node as usize + bit));
                }
            }
        }
        let tables = tables(forest, &order, 1 << n_planes)?;
        let mut tree = Self { steps, planes, end: 0, tables };
        tree.find_end();
        Some(tree)
    }

    /// Puts the masks of nodes and leaves after those of the tests, of which there are so many.
    pub(super) fn place_after(&mut self, tests: u32) {
        for step in &mut self.steps {
            (step.from, step.yes, step.no) = (step.from + tests, step.yes + tests, step.no + tests);
        }
        if !self.steps.is_empty() {
            self.planes.iter_mut().flatten().for_each(|mask| *mask += tests);
        }
        self.find_end();
    }

    fn find_end(&mut self) {
        let greatest = self.planes.iter().flatten().max().map_or(0, |mask| mask + 1);
        self.end = greatest.max(steps::end(&self.steps));
    }

    /// About the nanoseconds that a block of rows takes, beside its tests.
    pub(super) fn block_ns(&self) -> usize {
        let places: usize = self.planes.iter().map(Vec::len).sum();
        let lookups = |table: &Weights| if table.few.is_some() { ROWS / 3 } else { ROWS };
        5 * self.steps.len() + 2 * places + self.tables.iter().map(lookups).sum::<usize>()
    }

    /// About the nodes that a row visits when it follows the tree.
    pub(super) fn visits(&self) -> usize {
        self.planes.len() + 1
    }

    /// Masks that its nodes and leaves take.
    pub(super) fn n_slots(&self) -> usize {
        2 * self.steps.len() + 1
    }

    /// Whether each leaf has one weight for each target.
    pub(super) fn names_each_once(&self, targets: u32) -> bool {
        let mut named: Vec<usize> = self.tables.iter().map(|table| table.target).collect();
        named.sort_unstable();
        named.into_iter().eq(0..targets as usize) && self.tables.iter().all(|table| table.is_full)
    }

    /// Adds what each row's leaf adds to the sums `[targets][rows]`. The masks are those of the tests, and room for those of
    /// the tree's nodes from `root` on.
    pub(super) fn run<T: Number>(&self, isa: Isa, masks: &mut [Mask], root: usize, adds: Adds, sums: &mut [T]) {
        if let Some(root) = masks.get_mut(root) {
            *root = [u64::MAX; ROWS / 64];
        }
        steps::run(isa, masks, &self.steps, self.end);
        let mut planes = [[0_u64; ROWS / 64]; PLANES_MAX];
        for (out, places) in planes.iter_mut().zip(&self.planes) {
            *out = steps::any(isa, masks, places, self.end);
        }
        vectorized(
            isa,
            #[inline(always)]
            || self.add(isa, &planes, adds, sums),
        );
    }

    /// Puts the planes together to leaf numbers, a few rows at a time, and adds the weights of the leaves.
    #[inline(always)]
    fn add<T: Number>(&self, isa: Isa, planes: &[Mask; PLANES_MAX], adds: Adds, sums: &mut [T]) {
        match self.planes.len() {
            0 => self.add_planes::<0, T>(isa, planes, adds, sums),
            1 => self.add_planes::<1, T>(isa, planes, adds, sums),
            2 => self.add_planes::<2, T>(isa, planes, adds, sums),
            3 => self.add_planes::<3, T>(isa, planes, adds, sums),
            4 => self.add_planes::<4, T>(isa, planes, adds, sums),
            5 => self.add_planes::<5, T>(isa, planes, adds, sums),
            6 => self.add_planes::<6, T>(isa, planes, adds, sums),
            7 => self.add_planes::<7, T>(isa, planes, adds, sums),
            8 => self.add_planes::<8, T>(isa, planes, adds, sums),
            9 => self.add_planes::<9, T>(isa, planes, adds, sums),
            10 => self.add_planes::<10, T>(isa, planes, adds, sums),
            11 => self.add_planes::<11, T>(isa, planes, adds, sums),
            12 => self.add_planes::<12, T>(isa, planes, adds, sums),
            13 => self.add_planes::<13, T>(isa, planes, adds, sums),
            14 => self.add_planes::<14, T>(isa, planes, adds, sums),
            15 => self.add_planes::<15, T>(isa, planes, adds, sums),
            16 => self.add_planes::<16, T>(isa, planes, adds, sums),
            _ => {}
        }
    }

    #[inline(always)]
    fn add_planes<const K: usize, T: Number>(&self, isa: Isa, planes: &[Mask; PLANES_MAX], adds: Adds, sums: &mut [T]) {
        if adds == Adds::Sum && self.add_few::<K, T>(isa, planes, sums) {
            return;
        }
        for part in 0..ROWS / PART {
            let words: [u32; K] = std::array::from_fn(|k| (planes[k][part / 2] >> (PART * (part % 2))) as u32);
            let mut leaves = [0_u32; PART];
            for (row, leaf) in leaves.iter_mut().enumerate() {
                for (k, word) in words.iter().enumerate() {
                    *leaf |= ((word >> row) & 1) << k;
                }
            }
            for table in &self.tables {
                let sums = &mut sums[table.target * ROWS + part * PART..];
                if let Some(sums) = sums.first_chunk_mut() {
                    table.add(&leaves, adds, sums);
                }
            }
        }
    }
}

impl Tree {
    /// Adds the weights of leaves that are few, in registers; whether it did.
    #[inline(always)]
    fn add_few<const K: usize, T: Number>(&self, isa: Isa, planes: &[Mask; PLANES_MAX], sums: &mut [T]) -> bool {
        let Some(sums) = T::narrow(sums) else { return false };
        let mut few = |table: &Weights| {
            let sums = &mut sums[table.target * ROWS..][..ROWS];
            table.few.as_ref().is_some_and(|few| leaves::add::<K>(isa, planes, few, sums))
        };
        // All tables are of one length: all are looked up so, or the first is not.
        self.tables.iter().all(&mut few)
    }
}

/// Rows that are numbered at a time.
const PART: usize = 32;

impl Weights {
    #[inline(always)]
    fn add<T: Number>(&self, leaves: &[u32; PART], adds: Adds, sums: &mut [T; PART]) {
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
fn add<W: Copy, T: Number>(table: &[W], leaves: &[u32; PART], adds: Adds, sums: &mut [T; PART], of: impl Fn(W) -> T) {
    // Leaf numbers are below the table's length, a power of two: the mask changes none and spares a check.
    let Some(last) = table.len().checked_sub(1) else { return };
    for (sum, leaf) in sums.iter_mut().zip(leaves) {
        let weight = of(table[*leaf as usize & last]);
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

/// Walks a tree depth first, true children first: nodes become steps in the order of their parents, leaves are numbered.
fn number(
    forest: &Forest,
    root: ChildRef,
    tests: &mut Distinct,
    steps: &mut Vec<Step>,
    order: &mut Vec<u32>,
) -> Vec<Part> {
    let mut parts = vec![Part { slot: 0, first: 0, end: 0, children: None }];
    let mut open = vec![(root, 0_usize)];
    while let Some((at, part)) = open.pop() {
        parts[part].first = order.len() as u32;
        if at.is_leaf() {
            order.push(at.index());
            continue;
        }
        let node = at.index() as usize;
        let slot = parts.len() as u32;
        steps.push(Step { test: tests.add(forest, node), from: parts[part].slot, yes: slot, no: slot + 1 });
        let children = (parts.len(), parts.len() + 1);
        parts[part].children = Some(children);
        parts.extend([slot, slot + 1].map(|slot| Part { slot, first: 0, end: 0, children: None }));
        open.push((forest.nodes.false_child[node], children.1));
        open.push((forest.nodes.true_child[node], children.0));
    }
    // Children come after their parents.
    for part in (0..parts.len()).rev() {
        parts[part].end = match parts[part].children {
            None => parts[part].first + 1,
            Some((_, no)) => parts[no].end,
        };
    }
    parts
}

/// The largest subtrees all of whose leaves have a bit in their numbers; together they hold every such leaf once.
fn cover(parts: &[Part], bit: usize, plane: &mut Vec<u32>) {
    let mut open = vec![0];
    while let Some(part) = open.pop() {
        let Part { slot, first, end, children } = parts[part];
        let is_one_run = first >> bit == (end - 1) >> bit;
        match children {
            _ if is_one_run && first >> bit & 1 == 1 => plane.push(slot),
            _ if is_one_run => {}
            Some((yes, no)) => open.extend([no, yes]),
            None => {}
        }
    }
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
        let narrow: Vec<f32> = wide.iter().map(|weight| *weight as f32).collect();
        let few = Weights32::new(&narrow);
        Weights { target: target as usize, narrow, few, wide, is_full: count == order.len() }
    };
    Some(tables.into_iter().map(weights).collect())
}
