def vector_mul(a: f32, b: f32) -> f32:
    """The product."""
    return a * b
