//! Transcendental functions that give the same bits on every platform.
//!
//! The standard library's differ between platforms, so operators and kernels use these. Those for `f32` run through
//! `libm` in double precision and round once.

/// `e^x`.
#[inline]
pub fn exp_f32(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}
