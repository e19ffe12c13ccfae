def activation_sigmoid(x: f32) -> f32:
    """The logistic function. The exponent is never positive, so nothing overflows."""
    e = exp(-abs(x))
    return (e if x < 0.0 else 1.0) / (1.0 + e)
