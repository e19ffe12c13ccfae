def vector_sub(a: f32, b: f32) -> f32:
    """The difference."""
    return a - b
