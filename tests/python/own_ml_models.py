"""Cases of the linear and support vector models of ai.onnx.ml."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import ml_case, sample

KINDS = ("f32", "f64", "i64", "i32")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
WORDS = ["a", "b", "c", "d"]
FEATURES = 3


def table(kind: str) -> np.ndarray:
    """Rows of features."""
    return sample(kind, 60, 5, FEATURES, scale=1 if kind[0] == "f" else 0.5)


def floats(seed: int, count: int, scale: float = 0.5) -> list[float]:
    """Weights that are float32."""
    return [float(v) for v in sample("f32", seed, count, scale=scale)]


def peer(kind: str) -> dict[str, Any]:
    """Who answers a regressor: onnxruntime has it for float32 alone, and the answer is of that type for every table."""
    return {} if kind == "f32" else {"peer": "float32"}


def classes(count: int, words: bool) -> dict[str, Any]:
    """Labels of either type."""
    return {"classlabels_strings": WORDS[:count]} if words else {"classlabels_ints": [5, -2, 7, 0][:count]}


def linear() -> None:
    op = "LinearRegressor"
    for kind in KINDS:
        x = table(kind)
        for targets in (1, 2):
            ml_case(op, f"{targets}_targets_{kind}", [x], 1, coefficients=floats(1, targets * FEATURES),
                    intercepts=floats(2, targets), targets=targets, **peer(kind))  # fmt: skip
        ml_case(op, f"no_intercepts_{kind}", [x], 1, coefficients=floats(3, FEATURES), **peer(kind))
    for transform in TRANSFORMS:
        if transform != "PROBIT":
            ml_case(op, f"{transform.lower()}_f32", [table("f32")], 1, coefficients=floats(4, 3 * FEATURES),
                    intercepts=floats(5, 3), targets=3, post_transform=transform)  # fmt: skip
    op = "LinearClassifier"
    for kind in KINDS:
        x = table(kind)
        for words in (False, True):
            what = "words" if words else "ints"
            ml_case(op, f"three_{what}_{kind}", [x], 1, coefficients=floats(6, 3 * FEATURES), intercepts=floats(7, 3),
                    outputs=2, **classes(3, words))  # fmt: skip
            ml_case(op, f"two_{what}_{kind}", [x], 1, coefficients=floats(8, 2 * FEATURES), intercepts=floats(9, 2),
                    outputs=2, multi_class=0, **classes(2, words))  # fmt: skip
            ml_case(op, f"one_{what}_{kind}", [x], 1, coefficients=floats(10, FEATURES), intercepts=floats(11, 1),
                    outputs=2, **classes(2, words))  # fmt: skip
    for transform in TRANSFORMS:
        for weights, count in ((3, 3), (2, 2), (1, 2)):
            if transform == "PROBIT":
                continue
            ml_case(op, f"{transform.lower()}_{weights}_f32", [table("f32")], 1, outputs=2,
                    coefficients=floats(12, weights * FEATURES), intercepts=floats(13, weights), post_transform=transform,
                    **classes(count, weights == 3))  # fmt: skip
    ml_case(op, "row_f32", [table("f32")[0]], 1, coefficients=floats(6, 3 * FEATURES), intercepts=floats(7, 3), outputs=2,
            **classes(3, False))  # fmt: skip


def kernels() -> None:
    """Both support vector operators under every kernel."""
    vectors, kernel = 4, {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.5, 1.0, 2.0], "RBF": [0.25, 0.0, 3.0],
                          "SIGMOID": [0.25, 0.5, 3.0]}  # fmt: skip
    support = floats(20, vectors * FEATURES, scale=1)
    op = "SVMRegressor"
    for kind, params in kernel.items():
        more = {"kernel_type": kind, "kernel_params": params}
        for x in ("f32",) if kind != "RBF" else KINDS:
            ml_case(op, f"{kind.lower()}_{x}", [table(x)], 1, coefficients=floats(21, vectors), support_vectors=support,
                    n_supports=vectors, rho=[0.5], **more, **peer(x))  # fmt: skip
        ml_case(op, f"one_class_{kind.lower()}_f32", [table("f32")], 1, coefficients=floats(21, vectors), rho=[0.25],
                support_vectors=support, n_supports=vectors, one_class=1, **more)  # fmt: skip
    for x in KINDS:
        ml_case(op, f"weights_{x}", [table(x)], 1, coefficients=floats(22, FEATURES), rho=[-0.5], kernel_type="LINEAR",
                kernel_params=[0.0, 0.0, 0.0], **peer(x))  # fmt: skip
    op = "SVMClassifier"
    for kind, params in kernel.items():
        for count, per in ((2, [2, 2]), (3, [1, 2, 1])):
            pairs = count * (count - 1) // 2
            more = {"kernel_type": kind, "kernel_params": params, "vectors_per_class": per, "support_vectors": support,
                    "coefficients": floats(23, vectors * (count - 1)), "rho": floats(24, pairs), "outputs": 2}  # fmt: skip
            for x in ("f32",) if kind != "RBF" else KINDS:
                for words in (False, True) if kind == "RBF" else (False,):
                    what = f"{kind.lower()}_{count}_{'words' if words else 'ints'}_{x}"
                    ml_case(op, what, [table(x)], 1, **more, **classes(count, words))
                if kind == "RBF":
                    ml_case(op, f"probability_{count}_{x}", [table(x)], 1, prob_a=[-0.75, -0.5, -1.25][:pairs],
                            prob_b=[0.25, -0.125, 0.5][:pairs], **more, **classes(count, True))  # fmt: skip
            for transform in TRANSFORMS[1:4]:
                if kind == "POLY":
                    ml_case(op, f"{transform.lower()}_{count}_f32", [table("f32")], 1, post_transform=transform, **more,
                            **classes(count, False))  # fmt: skip
    for count in (2, 3):
        ml_case(op, f"weights_{count}_f32", [table("f32")], 1, coefficients=floats(25, count * FEATURES), outputs=2,
                rho=[0.25], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], **classes(count, False))  # fmt: skip


for make in (linear, kernels):
    make()
