def activation_relu(x: f32) -> f32:
    """The positive part; NaN stays."""
    return 0.0 if x < 0.0 else x
