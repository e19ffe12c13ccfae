//! Tiles of sums, kept in registers while k goes by.

use super::unit::{COLUMNS, Dot, GROUP, GROUP_BYTES};

/// Rows of a tile at most.
const ROWS_MAX: usize = 12;

/// Panels of a tile at most.
const PANELS_MAX: usize = 4;

/// The sums of a tile: by rows, by panels.
type Tile = [[[i32; COLUMNS]; PANELS_MAX]; ROWS_MAX];

/// Weights in the order in which they are read.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Groups of k, the last one filled up with zeros.
    groups: usize,
    /// Columns.
    n: usize,
    /// For each panel, for each group, four numbers of k a column.
    panels: Vec<i8>,
    /// The sum of each column's weights.
    sums: Vec<i32>,
}

impl Packed {
    /// Packs `weight(k, column)`.
    pub(crate) fn new(k: usize, n: usize, weight: impl Fn(usize, usize) -> i8) -> Self {
        let groups = k.div_ceil(GROUP);
        let mut panels = vec![0; n.div_ceil(COLUMNS) * groups * GROUP_BYTES];
        let mut sums = vec![0_i32; n];
        for (panel, bytes) in panels.chunks_exact_mut((groups * GROUP_BYTES).max(1)).enumerate() {
            for (column, sum) in sums.iter_mut().enumerate().skip(panel * COLUMNS).take(COLUMNS) {
                for l in 0..k {
                    let w = weight(l, column);
                    bytes[l / GROUP * GROUP_BYTES + column % COLUMNS * GROUP + l % GROUP] = w;
                    *sum = sum.wrapping_add(i32::from(w));
                }
            }
        }
        Self { groups, n, panels, sums }
    }

    /// Columns.
    pub(crate) fn columns(&self) -> usize {
        self.n
    }

    /// Bytes from one row of codes to the next: so many that whole panels can be written.
    pub(crate) fn stride(&self) -> usize {
        (self.groups * GROUP).next_multiple_of(COLUMNS)
    }

    /// For each panel, what its columns' sums have too much where this code stands for zero.
    pub(crate) fn excess(&self, zero: u8) -> Vec<[i32; COLUMNS]> {
        let excess: Vec<i32> = self.sums.iter().map(|sum| sum.wrapping_mul(i32::from(zero))).collect();
        panels(&excess, 0)
    }
}

/// The numbers of columns by panels, the last one filled up.
pub(crate) fn panels<T: Copy>(columns: &[T], rest: T) -> Vec<[T; COLUMNS]> {
    let panel = |own: &[T]| std::array::from_fn(|i| own.get(i).copied().unwrap_or(rest));
    columns.chunks(COLUMNS).map(panel).collect()
}

/// Multiplies rows of codes, each [`Packed::stride`] bytes of which those behind k are any, with the weights, and hands
/// out the sums: `each(row, panel, sums of its columns)`, where columns behind the last one have sums of zero.
///
/// # Safety
/// The CPU has the instructions of `D`.
#[inline(always)]
pub(crate) unsafe fn product<D: Dot>(
    rows: usize,
    codes: &[u8],
    weights: &Packed,
    mut each: impl FnMut(usize, usize, &[i32; COLUMNS]),
) {
    let groups = weights.groups;
    let stride = weights.stride();
    assert!(codes.len() >= rows * stride, "{rows} rows of {stride} codes are given {}", codes.len());
    let all = weights.n.div_ceil(COLUMNS);
    assert!(weights.panels.len() == all * groups * GROUP_BYTES, "weights of another size");
    let mut sums: Tile = [[[0; COLUMNS]; PANELS_MAX]; ROWS_MAX];
    // Panels outside, so that they stay in the nearest cache while all rows go by.
    let mut rows_done = 0;
    while rows_done < rows {
        // Rows of one height go by together.
        let height = D::HEIGHTS.iter().copied().find(|h| *h <= rows - rows_done).unwrap_or(1);
        let tiles = (rows - rows_done) / height;
        let mut panel = 0;
        while panel < all {
            let wide = D::panels(height);
            let panels = if all - panel >= wide { wide } else { 1 };
            let at = &weights.panels[panel * groups * GROUP_BYTES..];
            for tile in 0..tiles {
                let first = rows_done + tile * height;
                let rows = &codes[first * stride..];
                // SAFETY: the caller has the instructions; so many rows and panels are there, by the assertions.
                unsafe { sum::<D>(height, panels, rows, [stride, groups], at, &mut sums) };
                for (r, sums) in sums[..height].iter().enumerate() {
                    sums[..panels].iter().enumerate().for_each(|(p, sums)| each(first + r, panel + p, sums));
                }
            }
            panel += panels;
        }
        rows_done += tiles * height;
    }
}

/// Sums a tile of one of the sizes that there are.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn sum<D: Dot>(rows: usize, panels: usize, codes: &[u8], size: [usize; 2], weights: &[i8], sums: &mut Tile) {
    match (rows, panels) {
        // SAFETY: as the caller promises.
        (12, 2) => unsafe { tile::<D, 12, 2>(codes, size, weights, sums) },
        // SAFETY: as above.
        (12, _) => unsafe { tile::<D, 12, 1>(codes, size, weights, sums) },
        // SAFETY: as above.
        (4, 4) => unsafe { tile::<D, 4, 4>(codes, size, weights, sums) },
        // SAFETY: as above.
        (4, _) => unsafe { tile::<D, 4, 1>(codes, size, weights, sums) },
        // SAFETY: as above.
        (3, _) => unsafe { tile::<D, 3, 1>(codes, size, weights, sums) },
        // SAFETY: as above.
        (2, 4) => unsafe { tile::<D, 2, 4>(codes, size, weights, sums) },
        // SAFETY: as above.
        (2, _) => unsafe { tile::<D, 2, 1>(codes, size, weights, sums) },
        // SAFETY: as above.
        (_, 4) => unsafe { tile::<D, 1, 4>(codes, size, weights, sums) },
        // SAFETY: as above.
        _ => unsafe { tile::<D, 1, 1>(codes, size, weights, sums) },
    }
}

/// One tile of `M` rows and `P` panels.
///
/// # Safety
/// The CPU has the instructions of `D`; `codes` has `M` rows of `groups` groups, each `stride` bytes
/// after the one before, `weights` `P` panels of them.
#[inline(always)]
unsafe fn tile<D: Dot, const M: usize, const P: usize>(
    codes: &[u8],
    [stride, groups]: [usize; 2],
    weights: &[i8],
    out: &mut Tile,
) {
    debug_assert!(
        codes.len() >= (M - 1) * stride + groups * GROUP && weights.len() >= P * groups * GROUP_BYTES,
        "a tile too large"
    );
    // SAFETY: the caller has the instructions.
    let mut sums = [[unsafe { D::zero() }; P]; M];
    for group in 0..groups {
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: row r has so many groups.
            let at = unsafe { codes.as_ptr().add(r * stride + group * GROUP) };
            // SAFETY: as above; four bytes are there.
            let four = u32::from_le(unsafe { at.cast::<u32>().read_unaligned() });
            for (p, sum) in sums.iter_mut().enumerate() {
                // SAFETY: panel p has so many groups.
                let weights = unsafe { weights.as_ptr().add((p * groups + group) * GROUP_BYTES) };
                // SAFETY: the caller has the instructions.
                *sum = unsafe { D::dot(*sum, four, weights) };
            }
        }
    }
    for (row, sums) in out.iter_mut().zip(&sums) {
        for (columns, sum) in row.iter_mut().zip(sums) {
            // SAFETY: the caller has the instructions.
            *columns = unsafe { D::columns(*sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Body, Unit},
        *,
    };

    struct Whole<'a> {
        rows: usize,
        codes: &'a [u8],
        weights: &'a Packed,
        out: &'a mut [i32],
    }

    impl Body for Whole<'_> {
        #[inline(always)]
        unsafe fn run<D: Dot>(self) {
            let Self { rows, codes, weights, out } = self;
            let n = weights.columns();
            // SAFETY: the caller has the instructions.
            unsafe {
                product::<D>(rows, codes, weights, |row, panel, sums| {
                    let own = &mut out[row * n..][..n][panel * COLUMNS..];
                    for (at, sum) in own.iter_mut().zip(sums) {
                        // A second answer for a place would show.
                        *at = at.wrapping_add(*sum);
                    }
                });
            }
        }
    }

    #[test]
    fn each_unit_gives_the_plain_sums() {
        let mut state = 1_u64;
        let mut draw = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let mut sizes: Vec<[usize; 3]> = vec![[0, 3, 5], [3, 0, 5], [5, 3, 0], [12, 65_536, 3], [48, 256, 96]];
        sizes.extend((0..150).map(|_| [draw() % 31, draw() % 70, draw() % 140]));
        for [rows, k, n] in sizes {
            // The ends are frequent: there a sum of pairs in sixteen bits would saturate.
            let codes: Vec<u8> = (0..rows * k).map(|_| [0, 255, draw() as u8][draw() % 3]).collect();
            let weights: Vec<i8> = (0..k * n).map(|_| [-128, 127, draw() as i8][draw() % 3]).collect();
            let mut want = vec![0_i32; rows * n];
            for (i, want) in want.iter_mut().enumerate() {
                let (row, column) = (i / n, i % n);
                *want = (0..k).map(|l| i32::from(codes[row * k + l]) * i32::from(weights[l * n + column])).sum();
            }
            let packed = Packed::new(k, n, |l, column| weights[l * n + column]);
            let stride = packed.stride();
            // What lies behind k has no weight.
            let mut padded = vec![0xa5; rows * stride];
            for row in 0..rows {
                padded[row * stride..][..k].copy_from_slice(&codes[row * k..][..k]);
            }
            let sum = |column: usize| (0..k).map(|l| i32::from(weights[l * n + column])).sum::<i32>();
            assert_eq!(packed.excess(3), panels(&(0..n).map(|column| sum(column) * 3).collect::<Vec<_>>(), 0));
            for unit in Unit::available() {
                let mut out = vec![0; rows * n];
                unit.run(Whole { rows, codes: &padded, weights: &packed, out: &mut out });
                assert_eq!(out, want, "{unit:?}: {rows} x {k} x {n}");
            }
        }
    }
}
