def vector_add(a: f32, b: f32) -> f32:
    """The sum."""
    return a + b
