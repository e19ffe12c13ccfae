def activation_gelu(x: f32) -> f32:
    """x times the normal distribution function of x (https://arxiv.org/abs/1606.08415)."""
    return 0.5 * x * (1.0 + erf(x * 0.70710678118654752))
