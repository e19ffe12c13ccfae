def vector_div(a: f32, b: f32) -> f32:
    """The quotient, as IEEE 754 has it: a divisor of 0 gives an infinity or NaN."""
    return a / b
