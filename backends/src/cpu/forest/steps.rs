//! The masks of a tree's nodes and leaves, from those of its tests: the innermost loops of a block of rows.

use super::{Mask, ROWS};
use crate::cpu::simd::Isa;

/// A node: the rows of mask `from` that pass a test go to mask `yes`, the others to mask `no`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) test: u32,
    pub(super) from: u32,
    pub(super) yes: u32,
    pub(super) no: u32,
}

/// One past the greatest mask that steps name.
pub(super) fn end(steps: &[Step]) -> u32 {
    steps.iter().flat_map(|step| [step.test, step.from, step.yes, step.no]).map(|mask| mask + 1).max().unwrap_or(0)
}

/// Takes the steps of a tree. They name masks below `end`.
pub(super) fn run(isa: Isa, masks: &mut [Mask], steps: &[Step], end: u32) {
    assert!(end as usize <= masks.len());
    match isa {
        Isa::Portable => {
            for step in steps {
                let (from, test) = (masks[step.from as usize], masks[step.test as usize]);
                masks[step.yes as usize] = std::array::from_fn(|i| from[i] & test[i]);
                masks[step.no as usize] = std::array::from_fn(|i| from[i] & !test[i]);
            }
        }
        // SAFETY: this `Isa` exists only where the CPU has it, and all masks are there.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::run_avx2(masks.as_mut_ptr(), steps) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::run_avx512(masks.as_mut_ptr(), steps) },
    }
}

/// The rows of any of these masks, which are below `end`.
pub(super) fn any(isa: Isa, masks: &[Mask], places: &[u32], end: u32) -> Mask {
    assert!(end as usize <= masks.len());
    let mut found = [0; ROWS / 64];
    match isa {
        Isa::Portable => {
            for place in places {
                let mask = masks[*place as usize];
                found.iter_mut().zip(mask).for_each(|(found, word)| *found |= word);
            }
        }
        // SAFETY: this `Isa` exists only where the CPU has it, and all masks are there.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::any_avx2(masks.as_ptr(), places, &mut found) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::any_avx512(masks.as_ptr(), places, &mut found) },
    }
    found
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Mask, Step};
    use std::arch::x86_64::*;

    /// Registers of a mask.
    const HALVES: usize = size_of::<Mask>() / size_of::<__m256i>();
    const WHOLES: usize = size_of::<Mask>() / size_of::<__m512i>();

    /// # Safety
    /// The CPU has AVX2, and all masks that the steps name lie from `masks` on.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn run_avx2(masks: *mut Mask, steps: &[Step]) {
        let place = |mask: u32, half: usize| masks.wrapping_add(mask as usize).cast::<__m256i>().wrapping_add(half);
        // SAFETY: the caller promises the mask.
        let load = |mask: u32, half: usize| unsafe { _mm256_loadu_si256(place(mask, half)) };
        // SAFETY: as above.
        let store = |mask: u32, half: usize, x| unsafe { _mm256_storeu_si256(place(mask, half), x) };
        for step in steps {
            for half in 0..HALVES {
                let (from, test) = (load(step.from, half), load(step.test, half));
                store(step.yes, half, _mm256_and_si256(from, test));
                store(step.no, half, _mm256_andnot_si256(test, from));
            }
        }
    }

    /// # Safety
    /// As [`run_avx2`], with AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn run_avx512(masks: *mut Mask, steps: &[Step]) {
        let place = |mask: u32, part: usize| masks.wrapping_add(mask as usize).cast::<__m512i>().wrapping_add(part);
        // SAFETY: the caller promises the mask.
        let load = |mask: u32, part: usize| unsafe { _mm512_loadu_si512(place(mask, part)) };
        // SAFETY: as above.
        let store = |mask: u32, part: usize, x| unsafe { _mm512_storeu_si512(place(mask, part), x) };
        for step in steps {
            for part in 0..WHOLES {
                let (from, test) = (load(step.from, part), load(step.test, part));
                store(step.yes, part, _mm512_and_si512(from, test));
                store(step.no, part, _mm512_andnot_si512(test, from));
            }
        }
    }

    /// # Safety
    /// The CPU has AVX2, and all these masks lie from `masks` on.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn any_avx2(masks: *const Mask, places: &[u32], found: &mut Mask) {
        let place = |mask: u32, half: usize| masks.wrapping_add(mask as usize).cast::<__m256i>().wrapping_add(half);
        // SAFETY: the caller promises the mask.
        let load = |mask: u32, half: usize| unsafe { _mm256_loadu_si256(place(mask, half)) };
        let mut any = [_mm256_setzero_si256(); HALVES];
        for mask in places {
            for (half, any) in any.iter_mut().enumerate() {
                *any = _mm256_or_si256(*any, load(*mask, half));
            }
        }
        for (half, any) in any.into_iter().enumerate() {
            let at = std::ptr::from_mut(found).cast::<__m256i>().wrapping_add(half);
            // SAFETY: a mask has so many halves.
            unsafe { _mm256_storeu_si256(at, any) };
        }
    }

    /// # Safety
    /// As [`any_avx2`], with AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn any_avx512(masks: *const Mask, places: &[u32], found: &mut Mask) {
        let place = |mask: u32, part: usize| masks.wrapping_add(mask as usize).cast::<__m512i>().wrapping_add(part);
        // SAFETY: the caller promises the mask.
        let load = |mask: u32, part: usize| unsafe { _mm512_loadu_si512(place(mask, part)) };
        let mut any = [_mm512_setzero_si512(); WHOLES];
        for mask in places {
            for (part, any) in any.iter_mut().enumerate() {
                *any = _mm512_or_si512(*any, load(*mask, part));
            }
        }
        for (part, any) in any.into_iter().enumerate() {
            let at = std::ptr::from_mut(found).cast::<__m512i>().wrapping_add(part);
            // SAFETY: a mask has so many parts.
            unsafe { _mm512_storeu_si512(at, any) };
        }
    }
}
