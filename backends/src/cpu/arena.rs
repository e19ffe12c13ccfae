//! The arena: where intermediate values lie, by lifetime.

use std::ptr::NonNull;

/// The alignment of every value in an arena, in bytes: a cache line, and the widest vector register.
pub(super) const ALIGN: usize = 64;

/// A value that needs a place from the step that writes it to the last step that reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) bytes: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Gives each request an offset so that no two that live at once overlap; returns the offsets and the arena's size.
///
/// Greedy by size, first fit: the largest value first, each at the lowest offset where it fits between those that live
/// at the same time (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
pub(super) fn plan(requests: &[Request]) -> (Vec<usize>, usize) {
    let mut by_size: Vec<usize> = (0..requests.len()).collect();
    by_size.sort_by_key(|i| (std::cmp::Reverse(requests[*i].bytes), *i));
    let mut offsets = vec![0usize; requests.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(requests.len());
    let mut total = 0;
    for i in by_size {
        let wanted = &requests[i];
        let bytes = wanted.bytes.next_multiple_of(ALIGN);
        let mut neighbours: Vec<(usize, usize)> = placed
            .iter()
            .filter(|p| requests[**p].first <= wanted.last && wanted.first <= requests[**p].last)
            .map(|p| (offsets[*p], requests[*p].bytes.next_multiple_of(ALIGN)))
            .collect();
        neighbours.sort_unstable();
        let mut offset = 0;
        for (start, size) in neighbours {
            if offset + bytes <= start {
                break;
            }
            offset = offset.max(start + size);
        }
        offsets[i] = offset;
        total = total.max(offset + bytes);
        placed.push(i);
    }
    (offsets, total)
}

/// A cache line, so that a vector of them is aligned.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; ALIGN]);

/// Aligned memory of a run.
pub(super) struct Arena(Vec<Line>);

impl Arena {
    /// An arena of at least so many bytes, zeroed.
    pub(super) fn new(bytes: usize) -> Self {
        Self(vec![Line([0; ALIGN]); bytes.div_ceil(ALIGN)])
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len() * ALIGN
    }

    /// Its start; valid for `len` bytes while the arena lives.
    pub(super) fn start(&mut self) -> NonNull<u8> {
        NonNull::from(self.0.as_mut_slice()).cast()
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_live_at_once_never_overlap() {
        let mut state = 7u64;
        let mut next = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..200 {
            let requests: Vec<Request> = (0..40)
                .map(|_| {
                    let first = next(50) as usize;
                    Request { bytes: next(5000) as usize, first, last: first + next(10) as usize }
                })
                .collect();
            let (offsets, total) = plan(&requests);
            for (i, a) in requests.iter().enumerate() {
                assert!(offsets[i] % ALIGN == 0 && offsets[i] + a.bytes <= total);
                for (j, b) in requests.iter().enumerate().skip(i + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    assert!(
                        !together || apart || a.bytes == 0 || b.bytes == 0,
                        "{a:?} at {} and {b:?} at {}",
                        offsets[i],
                        offsets[j]
                    );
                }
            }
        }
    }

    #[test]
    fn values_in_turn_share_a_place() {
        let chain: Vec<Request> = (0..10).map(|i| Request { bytes: 100, first: i, last: i + 1 }).collect();
        assert_eq!(plan(&chain).1, 256);
    }
}
