"""Cases of ai.onnx.ml operators that have no official case."""

from __future__ import annotations

import numpy as np
from own_base import case, random

ML = "ai.onnx.ml"


def scaled(seed: int, dtype: type) -> None:
    """Scaler, Normalizer and Binarizer take the same kind of table."""
    name = np.dtype(dtype).name
    x = random(seed, 5, 3, dtype=dtype, scale=4.0)
    case(f"scaler_{name}", "Scaler", [x], ML, offset=[0.5, -1.0, 2.0], scale=[2.0, 0.25, 1.0])
    for norm in ("L1", "L2", "MAX"):
        case(f"normalizer_{norm.lower()}_{name}", "Normalizer", [x], ML, norm=norm)


for i, kind in enumerate((np.float32, np.float64, np.int64, np.int32)):
    scaled(i, kind)
case("binarizer", "Binarizer", [random(9, 4, 3)], ML, threshold=0.25)
