def loss_squared(predicted: f32, actual: f32) -> f32:
    """The square of the error."""
    error = predicted - actual
    return error * error
