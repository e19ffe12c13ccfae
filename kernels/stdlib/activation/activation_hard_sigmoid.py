def activation_hard_sigmoid(x: f32) -> f32:
    """A straight line through 1/2, held between 0 and 1."""
    if x <= -3.0:
        return 0.0
    elif x >= 3.0:
        return 1.0
    return x / 6.0 + 0.5
