//! Decisions drawn from bytes: the same bytes give the same decisions, and bytes that run out give zeros.

/// A reader of decisions.
pub(crate) struct Bytes<'a>(&'a [u8]);

/// Integers at which arithmetic of sizes goes wrong, if it does anywhere.
const EDGES: [i64; 14] = [
    i64::MIN,
    i64::MIN + 1,
    i32::MIN as i64,
    -1,
    0,
    1,
    255,
    i32::MAX as i64,
    u32::MAX as i64,
    1 << 32,
    1 << 40,
    1 << 62,
    i64::MAX - 1,
    i64::MAX,
];

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `n`, which is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let wide = usize::from(self.byte()) << 8;
        if n > 256 { (wide | usize::from(self.byte())) % n } else { (wide >> 8) % n }
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A small integer, now and then one of the edges.
    pub(crate) fn int(&mut self) -> i64 {
        match self.byte() {
            b if b < 224 => i64::from(b % 14) - 4,
            b if b < 232 => i64::from(b - 220) * 7,
            _ => self.pick(&EDGES),
        }
    }

    pub(crate) fn ints(&mut self, most: usize) -> Vec<i64> {
        (0..self.below(most + 1)).map(|_| self.int()).collect()
    }

    pub(crate) fn float(&mut self) -> f32 {
        match self.byte() {
            b if b < 200 => f32::from(b % 40) / 4.0 - 4.0,
            b if b < 240 => f32::from(b - 200) / 20.0,
            b => {
                [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e9, -1e9, 1e-9, f32::MAX, 1e18][usize::from(b) % 9]
            }
        }
    }

    pub(crate) fn floats(&mut self, most: usize) -> Vec<f32> {
        (0..self.below(most + 1)).map(|_| self.float()).collect()
    }
}
