"""Kernels that examples run on the outputs of models."""


def surprise(probability: f32, least: f32) -> f32:
    """The information of an event of this probability in nats; what is less likely than `least` counts as that."""
    return -log(max(probability, least))


def is_sure(probability: f32, least: f32) -> bool:
    """Whether a probability is at least so high."""
    return probability >= least
