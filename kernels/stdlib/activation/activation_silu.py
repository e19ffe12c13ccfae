def activation_silu(x: f32) -> f32:
    """x times the logistic function of x (https://arxiv.org/abs/1702.03118)."""
    e = exp(-abs(x))
    return x * ((e if x < 0.0 else 1.0) / (1.0 + e))
