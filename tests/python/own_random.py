"""Cases of operators that draw: their types, shapes and distributions are compared, not the numbers."""

from __future__ import annotations

import numpy as np
from own_base import FLOATS, INTEGERS, onnx_case, onnx_type, sample, whole


def drawn() -> None:
    for kind in ("f32", "f64", "f16", "bf16"):
        peer, version = ("reference", 22) if kind == "bf16" else ("", 15)
        normal, uniform = {"mean": 1.5, "scale": 0.5}, {"low": -2.0, "high": 1.0}
        for op, more in (("RandomNormal", normal), ("RandomUniform", uniform)):
            onnx_case(op, kind, [], version=version, shape=[20, 30], dtype=onnx_type(kind), seed=5.0, peer=peer, **more)
            onnx_case(f"{op}Like", kind, [sample(kind, 1, 20, 30)], version=version, seed=7.0, peer=peer, **more)
            onnx_case(f"{op}Like", kind, [sample("i32", 2, 20, 30)], "typed", version=version, dtype=onnx_type(kind),
                      seed=8.0, peer=peer, **more)  # fmt: skip
            if kind != "bf16":
                onnx_case(op, kind, [], "default", version=1, shape=[600], dtype=onnx_type(kind), seed=5.0)
    for kind in ("bool", "string", *INTEGERS):
        for op in ("RandomNormalLike", "RandomUniformLike"):
            onnx_case(op, kind, [sample(kind, 3, 20, 30)], "shaped", version=15, dtype=1, seed=1.0)
    for kind in ("f32", "f64", "f16", "bf16"):
        chance = whole(np.random.default_rng(4).uniform(0.2, 0.8, (20, 30)), kind)
        onnx_case("Bernoulli", kind, [chance], seed=3.0)
    for kind in (*FLOATS, *INTEGERS, "bool"):
        chance = np.random.default_rng(5).uniform(0.2, 0.8, (20, 30)).astype(np.float32)
        onnx_case("Bernoulli", kind, [chance], "typed", version=15, dtype=onnx_type(kind), seed=3.0)
    for kind in ("f32", "f16"):
        scores = sample(kind, 6, 3, 5)
        for target in ("i32", "i64"):
            onnx_case(
                "Multinomial",
                kind,
                [scores],
                f"to_{target}",
                version=7,
                sample_size=300,
                dtype=onnx_type(target),
                seed=2.0,
            )


drawn()
