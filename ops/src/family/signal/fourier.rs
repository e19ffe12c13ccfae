//! The Fourier transform of any length in `f64`.

/// A complex number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

/// The transform (or, without its division, the inverse), by decimation in time over the prime factors of the length.
pub(super) fn transform(signal: &[Complex], inverse: bool) -> Vec<Complex> {
    let n = signal.len();
    let roots: Vec<Complex> = (0..n)
        .map(|k| {
            let angle = std::f64::consts::TAU * k as f64 / n as f64;
            let im = libm::sin(angle);
            Complex { re: libm::cos(angle), im: if inverse { im } else { -im } }
        })
        .collect();
    split(signal, 0, 1, n, &roots)
}

/// The transform of the `n` elements from `first` on, `stride` apart.
fn split(x: &[Complex], first: usize, stride: usize, n: usize, roots: &[Complex]) -> Vec<Complex> {
    if n <= 1 {
        return x.get(first).copied().into_iter().collect();
    }
    let p = (2..=n).take_while(|p| p * p <= n).find(|p| n.is_multiple_of(*p)).unwrap_or(n);
    let m = n / p;
    let parts: Vec<Vec<Complex>> = (0..p).map(|r| split(x, first + r * stride, stride * p, m, roots)).collect();
    let turn = roots.len() / n;
    (0..n)
        .map(|k| {
            parts.iter().enumerate().fold(Complex::default(), |sum, (r, part)| {
                let (w, v) = (roots[(r * k) % n * turn], part[k % m]);
                Complex { re: sum.re + (v.re * w.re - v.im * w.im), im: sum.im + (v.re * w.im + v.im * w.re) }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_gives_the_plain_sum() {
        for n in 1..40usize {
            let signal: Vec<Complex> =
                (0..n).map(|i| Complex { re: (i * i % 7) as f64, im: (i % 3) as f64 - 1.0 }).collect();
            let found = transform(&signal, false);
            for (k, f) in found.iter().enumerate() {
                let plain = signal.iter().enumerate().fold((0.0, 0.0), |s, (i, v)| {
                    let a = -std::f64::consts::TAU * (i * k) as f64 / n as f64;
                    let (c, d) = (libm::cos(a), libm::sin(a));
                    (s.0 + v.re * c - v.im * d, s.1 + v.re * d + v.im * c)
                });
                assert!((f.re - plain.0).abs() + (f.im - plain.1).abs() < 1e-9, "length {n}, frequency {k}");
            }
        }
    }
}
