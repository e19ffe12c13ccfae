//! Components with fewer samples than pixels, brought to pixels.
//!
//! By a factor of two this is a triangle filter: a pixel takes 3/4 of the nearer sample and 1/4 of the further one.
//! Where 0.5 is to be rounded, neighbours alternate between up and down. Everything else repeats samples, and so do
//! rows of one or two samples, as in libjpeg.

use super::idct::Plane;

/// Row `y` of the image, of at least as many values as the image has columns, left in `out`.
pub(super) fn row(plane: &Plane, expand: (usize, usize), y: usize, out: &mut Vec<u8>) {
    out.clear();
    let near = plane.row(y / expand.1);
    // The row on the other side of pixel row `y`; the first and the last row stand for what is outside.
    let far = || plane.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 });
    match expand {
        (1, 1) => out.extend_from_slice(near),
        (2, 1) if near.len() > 2 => across(near.iter().map(|s| u32::from(*s)), 2, [1, 2], out),
        (1, 2) => {
            let bias = if y.is_multiple_of(2) { 1 } else { 2 };
            out.extend(near.iter().zip(far()).map(|(n, f)| ((u32::from(*n) * 3 + u32::from(*f) + bias) >> 2) as u8));
        }
        (2, 2) if near.len() > 2 => {
            let sums = near.iter().zip(far()).map(|(n, f)| u32::from(*n) * 3 + u32::from(*f));
            across(sums, 4, [8, 7], out);
        }
        (h, _) => out.extend(near.iter().flat_map(|s| std::iter::repeat_n(*s, h))),
    }
}

/// Two pixels from each value: of its left side with the first bias, of its right side with the second, over `2^shift`.
fn across(values: impl Iterator<Item = u32>, shift: u32, bias: [u32; 2], out: &mut Vec<u8>) {
    let mut values = values.peekable();
    let mut last = None;
    while let Some(v) = values.next() {
        let (left, right) = (last.unwrap_or(v), values.peek().copied().unwrap_or(v));
        out.push(((v * 3 + left + bias[0]) >> shift) as u8);
        out.push(((v * 3 + right + bias[1]) >> shift) as u8);
        last = Some(v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_pixels() {
        let rows = |width: usize, height: usize, expand: (usize, usize), samples: &[u8]| {
            let plane = Plane { width, height, stride: width, samples: samples.to_vec() };
            let mut out = Vec::new();
            let row = |y| {
                row(&plane, expand, y, &mut out);
                out.clone()
            };
            (0..height * expand.1).map(row).collect::<Vec<_>>()
        };
        // Outermost pixels are the outermost samples; 3/4 and 1/4 in between, 0.5 down on the left and up on the right.
        assert_eq!(rows(3, 1, (2, 1), &[0, 2, 10]), [[0, 1, 1, 4, 8, 10]]);
        assert_eq!(rows(1, 3, (1, 2), &[0, 2, 10]), [[0], [1], [1], [4], [8], [10]]);
        // Sixteenths: 9 of the nearest sample, 3 of each neighbour, 1 of the one across.
        let table = rows(3, 2, (2, 2), &[0, 16, 160, 32, 48, 64]);
        assert_eq!(
            table,
            [[0, 4, 12, 52, 124, 160], [8, 12, 20, 52, 108, 136], [24, 28, 36, 52, 76, 88], [32, 36, 44, 52, 60, 64]]
                .map(Vec::from)
        );
        // Two samples are repeated, and so is everything by other factors.
        assert_eq!(rows(2, 1, (2, 1), &[0, 8]), [[0, 0, 8, 8]]);
        assert_eq!(rows(2, 1, (2, 2), &[0, 8]), [[0, 0, 8, 8]; 2]);
        assert_eq!(rows(2, 1, (1, 1), &[0, 8]), [[0, 8]]);
        assert_eq!(rows(3, 1, (4, 1), &[1, 2, 3]), [[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]]);
        assert_eq!(rows(3, 1, (1, 4), &[1, 2, 3]), [[1, 2, 3]; 4]);
    }
}
