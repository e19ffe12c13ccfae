//! The declared order of sums: sixteen chains and one fixed tree.

use super::Number;

/// The sum of `values`: element `i` goes to chain `i mod 16` in ascending order, then the chains are added as a halving
/// tree (`lane[i] += lane[i + 8]`, then `+ 4`, `+ 2`, `+ 1`).
///
/// Vector code of any width up to sixteen lanes gives the same bits. Narrow floats are summed by passing them as `f32`.
pub fn sum16<T: Number>(values: impl Iterator<Item = T>) -> T {
    fold16(values, T::ZERO, T::add)
}

/// The same order for any associative operation with a neutral element.
pub fn fold16<T: Copy>(values: impl Iterator<Item = T>, neutral: T, f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [neutral; 16];
    for (i, v) in values.enumerate() {
        lanes[i % 16] = f(lanes[i % 16], v);
    }
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_sixteen_chains_and_a_tree() {
        assert_eq!(sum16((0..100).map(|i| i64::from(i) * 3)), 14_850);
        assert_eq!(sum16(std::iter::empty::<f32>()), 0.0);
        // Element 0 and 16 share a chain; element 8 joins only in the tree: 1e8 + 1 is lost, -1e8 then leaves 0.
        let mut v = [0.0f32; 17];
        (v[0], v[16], v[8]) = (1e8, 1.0, -1e8);
        assert_eq!(sum16(v.iter().copied()), 0.0);
        let mut v = [0.0f32; 17];
        (v[0], v[8], v[1]) = (1e8, -1e8, 1.0);
        assert_eq!(sum16(v.iter().copied()), 1.0);
    }
}
