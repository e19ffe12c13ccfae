def vector_clip(a: f32, low: f32, high: f32) -> f32:
    """The value held between two bounds; `high` wins where they cross."""
    return min(max(a, low), high)
