//! The masks of a tree's nodes and leaves, from those of its tests: the innermost loops of a block of rows.

use super::{Mask, registers::Rows};
use crate::cpu::simd::{Isa, vectorized};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A node: the rows of mask `from` that pass a test go to mask `yes`, the others to mask `no`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) test: u32,
    pub(super) from: u32,
    pub(super) yes: u32,
    pub(super) no: u32,
}

/// A node of two leaves, of which the second has an odd number: the first's rows are not asked for, the second's only here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) test: u32,
    pub(super) from: u32,
}

/// Masks whose rows have a bit of their leaf's number.
#[derive(Debug, Clone, Copy)]
struct Group {
    masks: [u32; GROUP],
    plane: u32,
    /// Whether the plane has groups before this one.
    is_more: bool,
}

/// Masks of a group: no loop over them has an end that a processor must guess.
const GROUP: usize = 8;

/// Bits of the largest leaf number.
pub(super) const PLANES_MAX: usize = 16;

/// What leads from the tests of a tree to its leaves' numbers.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) nodes: Vec<Step>,
    pub(super) pairs: Vec<Pair>,
    /// For each bit of a leaf's number, one after the other, the masks whose rows have it, besides the pairs for the lowest.
    groups: Vec<Group>,
    n_planes: usize,
    /// One past the greatest mask that is named, once the masks have their places.
    end: Option<u32>,
}

impl Steps {
    /// Adds the masks whose rows have the next bit of their leaf's number, besides the pairs.
    pub(super) fn push_plane(&mut self, masks: &[u32]) {
        for (i, masks) in masks.chunks(GROUP).enumerate() {
            // What is joined twice is joined.
            let own = std::array::from_fn(|i| masks[i.min(masks.len() - 1)]);
            self.groups.push(Group { masks: own, plane: self.n_planes as u32, is_more: i > 0 });
        }
        self.n_planes += 1;
    }

    /// Puts each mask where `place` says.
    pub(super) fn place(&mut self, test: impl Fn(u32) -> u32, slot: impl Fn(u32) -> u32) {
        for step in &mut self.nodes {
            *step = Step { test: test(step.test), from: slot(step.from), yes: slot(step.yes), no: slot(step.no) };
        }
        self.pairs.iter_mut().for_each(|pair| *pair = Pair { test: test(pair.test), from: slot(pair.from) });
        self.groups.iter_mut().flat_map(|group| &mut group.masks).for_each(|mask| *mask = slot(*mask));
        let named = self.nodes.iter().flat_map(|step| [step.test, step.from, step.yes, step.no]);
        let named = named.chain(self.pairs.iter().flat_map(|pair| [pair.test, pair.from]));
        let named = named.chain(self.groups.iter().flat_map(|group| group.masks));
        self.end = Some(named.map(|mask| mask + 1).max().unwrap_or(0));
    }

    /// How many groups of masks are joined.
    pub(super) fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// Bits of the leaves' numbers.
    pub(super) fn n_planes(&self) -> usize {
        self.n_planes
    }

    /// Takes the steps, and gives each row's leaf number as a bit in each plane.
    pub(super) fn run<const W: usize>(&self, isa: Isa, masks: &mut [Mask<W>], planes: &mut [Mask<W>; PLANES_MAX]) {
        assert!(self.end.is_some_and(|end| end as usize <= masks.len()) && self.n_planes <= PLANES_MAX);
        let masks = masks.as_mut_ptr();
        let planes = planes.as_mut_ptr();
        vectorized(
            isa,
            #[inline(always)]
            || match (isa, W) {
                // SAFETY: all masks that are named lie there, and as many planes as there may be; the CPU has the set.
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx512, 8) => unsafe { self.run_at::<__m512i, 1>(masks.cast(), planes.cast()) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2, 8) => unsafe { self.run_at::<__m256i, 2>(masks.cast(), planes.cast()) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2 | Isa::Avx512, 4) => unsafe { self.run_at::<__m256i, 1>(masks.cast(), planes.cast()) },
                // SAFETY: as above.
                _ => unsafe { self.run_at::<u64, W>(masks.cast(), planes.cast()) },
            },
        );
    }

    /// # Safety
    /// The masks below `end` lie from `masks` on, and room for the planes from `planes` on. The CPU has the instructions of
    /// the rows' type.
    #[inline(always)]
    unsafe fn run_at<R: Rows, const N: usize>(&self, masks: *mut [R; N], planes: *mut [R; N]) {
        // SAFETY: the caller promises the mask.
        let load = |mask: u32| unsafe { read(masks, mask) };
        // SAFETY: as above.
        let store = |to: *mut [R; N], rows: [R; N]| unsafe { R::store(to, rows) };
        for step in &self.nodes {
            let (from, test) = (load(step.from), load(step.test));
            store(masks.wrapping_add(step.yes as usize), std::array::from_fn(|i| from[i].and(test[i])));
            store(masks.wrapping_add(step.no as usize), std::array::from_fn(|i| from[i].and_not(test[i])));
        }
        let mut any = [R::none(); N];
        for pair in &self.pairs {
            let (from, test) = (load(pair.from), load(pair.test));
            any = std::array::from_fn(|i| any[i].or(from[i].and_not(test[i])));
        }
        let pairs = any;
        store(planes, pairs);
        for group in &self.groups {
            let keep = R::all(group.is_more);
            any = any.map(
                #[inline(always)]
                |any| any.and(keep),
            );
            for mask in group.masks {
                // SAFETY: as above.
                let own = unsafe { read(masks, mask) };
                any = std::array::from_fn(
                    #[inline(always)]
                    |i| any[i].or(own[i]),
                );
            }
            store(planes.wrapping_add(group.plane as usize), any);
        }
        if !self.pairs.is_empty() {
            // SAFETY: the caller promises a first plane.
            let lowest = unsafe { R::load(planes) };
            store(planes, std::array::from_fn(|i| lowest[i].or(pairs[i])));
        }
    }
}

/// A mask. A function, since a closure is inlined only where its calls are few, and a call a mask takes several times as long.
///
/// # Safety
/// It lies there; the CPU has the instructions of its type.
#[inline(always)]
unsafe fn read<R: Rows, const N: usize>(masks: *const [R; N], mask: u32) -> [R; N] {
    // SAFETY: the caller promises it.
    unsafe { R::load(masks.wrapping_add(mask as usize)) }
}
