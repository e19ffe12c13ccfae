"""Kernels that examples run on the outputs of models."""


def surprise(probability: f32, floor: f32) -> f32:
    """The information of an event of this probability in nats; less likely ones than the floor count as the floor."""
    return -log(max(probability, floor))


def is_sure(probability: f32, least: f32) -> bool:
    """Whether a probability is at least so high."""
    return probability >= least
