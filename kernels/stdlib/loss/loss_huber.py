def loss_huber(predicted: f32, actual: f32, delta: f32) -> f32:
    """Squared for errors up to delta, straight beyond (Huber, 1964)."""
    error = abs(predicted - actual)
    if error <= delta:
        return 0.5 * error * error
    return delta * (error - 0.5 * delta)
