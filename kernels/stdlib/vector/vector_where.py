def vector_where(test: bool, a: f32, b: f32) -> f32:
    """`a` where the test holds, `b` elsewhere."""
    return a if test else b
