def vector_abs(a: f32) -> f32:
    """The absolute value."""
    return abs(a)
