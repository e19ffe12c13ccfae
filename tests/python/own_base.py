"""One-node cases of our own: what an operator is asked, for `own.py` to have answered by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Case:
    """One node: `inputs` are arrays in the order of the operator's inputs, None where one is absent."""

    op: str
    domain: str
    inputs: Sequence[np.ndarray | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    version: int = 1
    rtol: float = 1e-4
    atol: float = 1e-5
    constants: Sequence[int] = ()
    absent: Sequence[int] = ()


CASES: dict[str, Case] = {}


def case(name: str, op: str, inputs: Sequence[np.ndarray | None], domain: str = "com.microsoft", **more: Any) -> None:
    """Adds a case. `constants` are the positions of inputs that the model holds as initialisers, `absent` those of
    outputs that the node does not give; the other fields are those of Case, and every other keyword is an attribute of
    the node."""
    own = ("outputs", "version", "rtol", "atol", "constants", "absent")
    fields = {key: more.pop(key) for key in own if key in more}
    if name in CASES:
        raise ValueError(f"two cases are named {name}")
    CASES[name] = Case(op, domain, inputs, more, **fields)


def random(seed: int, *shape: int, dtype: Any = np.float32, scale: float = 1.0) -> np.ndarray:
    """Normally distributed numbers; whole ones for integer types."""
    drawn = np.random.default_rng(seed).standard_normal(shape) * scale
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return np.clip(np.round(drawn), info.min, info.max).astype(dtype)
    return drawn.astype(dtype)
