def vector_lerp(a: f32, b: f32, t: f32) -> f32:
    """The point between `a` (t is 0) and `b` (t is 1)."""
    return a + (b - a) * t
