def activation_leaky_relu(x: f32, slope: f32) -> f32:
    """The positive part, and the negative part times a slope."""
    return slope * x if x < 0.0 else x
