"""Cases of operators of one tensor, element by element, in the types that the official cases leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import FLOATS, INTEGERS, NUMBERS, SIGNED, TYPES, onnx_case, sample, whole

UNIT = np.linspace(-0.9, 0.9, 13)
WIDE = np.array([-7.5, -3.0, -1.5, -1.0, -0.625, -0.25, 0.0, 0.125, 0.5, 1.0, 1.25, 2.75, 6.0])
POSITIVE = np.array([0.0625, 0.125, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0, 3.25, 7.0, 19.0, 100.0])
HALFWAY = np.array([-2.5, -1.5, -0.5, -0.25, 0.0, 0.5, 0.75, 1.5, 2.5, 3.5, 4.0, -3.75])
LEAST = {"i8": -128, "i16": -(2**15), "i32": -(2**31), "i64": -(2**63)}

FLOAT_OPERATORS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "Acos": (UNIT, {}), "Acosh": (POSITIVE + 1, {}), "Asin": (UNIT, {}), "Asinh": (WIDE, {}), "Atan": (WIDE, {}),
    "Atanh": (UNIT, {}), "Cos": (WIDE, {}), "Cosh": (WIDE, {}), "Sin": (WIDE, {}), "Sinh": (WIDE, {}),
    "Tan": (UNIT, {}), "Tanh": (WIDE, {}), "Exp": (WIDE, {}), "Log": (POSITIVE, {}), "Sqrt": (POSITIVE, {}),
    "Reciprocal": (POSITIVE, {}), "Ceil": (WIDE, {}), "Floor": (WIDE, {}), "Round": (HALFWAY, {}),
    "Sigmoid": (WIDE, {}), "Softplus": (WIDE, {}), "Softsign": (WIDE, {}), "HardSwish": (WIDE, {}), "Mish": (WIDE, {}),
    "Elu": (WIDE, {"alpha": 0.5}), "Selu": (WIDE, {"alpha": 1.5, "gamma": 1.25}),
    "LeakyRelu": (WIDE, {"alpha": 0.125}), "HardSigmoid": (WIDE, {"alpha": 0.25, "beta": 0.375}),
    "ThresholdedRelu": (WIDE, {"alpha": 0.75}), "Gelu": (WIDE, {}), "Erf": (WIDE, {}),
}  # fmt: skip

SINGLE = ("Erf", "Gelu", "HardSwish")
"""What others compute in float32 whatever the type."""


def peer_of(op: str, kind: str) -> dict[str, Any]:
    """How near a float64 can be to who computes in float32."""
    return {"rtol": 1e-6, "atol": 1e-7} if op in SINGLE and kind == "f64" else {}


def floats() -> None:
    for op, (values, attributes) in FLOAT_OPERATORS.items():
        for kind in FLOATS:
            onnx_case(op, kind, [whole(values, kind)], **attributes, **peer_of(op, kind))
    for kind in FLOATS:
        onnx_case("Gelu", kind, [whole(WIDE, kind)], "tanh", approximate="tanh", **peer_of("Gelu", kind))
    for kind in FLOATS:
        onnx_case("Swish", kind, [whole(WIDE, kind)], version=24, alpha=0.5)
        onnx_case("Celu", kind, [whole(WIDE, kind)], version=28, alpha=0.75)
    special = [-np.inf, np.inf, np.nan, 0.0, -0.0, 1.0, -2.5]
    for kind in FLOATS:
        for op in ("Abs", "Ceil", "Sigmoid", "Tanh", "Relu", "Sign", "Exp"):
            values = special if op != "Sign" else special[:2] + special[3:]
            onnx_case(op, kind, [whole(values, kind)], "special")
    for kind in (*FLOATS, "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"):
        onnx_case("IsNaN", kind, [whole([[np.nan, 0.0, -1.5], [2.0, -0.0, np.nan]], kind)], version=20)
    for kind in (*FLOATS, "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"):
        x = whole([-np.inf, 0.0, 1.5, np.nan, np.inf] if kind in (*FLOATS, "f8e5m2") else [0.0, 1.5, -4.0], kind)
        onnx_case("IsInf", kind, [x], version=20)
        if kind in FLOATS:
            onnx_case("IsInf", kind, [x], "negative", version=20, detect_positive=0)
            onnx_case("IsInf", kind, [x], "positive", version=20, detect_negative=0)


def numbers() -> None:
    for kind in NUMBERS:
        x = sample(kind, 1, 3, 4)
        onnx_case("Abs", kind, [x])
        onnx_case("Sign", kind, [x])
        if kind != "bf16":
            onnx_case("Shrink", kind, [x], lambd=1.5, bias=0.5 if kind in FLOATS else 1.0,
                      peer="reference" if kind == "f64" else "")  # fmt: skip
        if kind in (*FLOATS, *SIGNED):
            onnx_case("Neg", kind, [x])
            onnx_case("Relu", kind, [x])
        if kind in INTEGERS:
            onnx_case("Erf", kind, [whole([0, 20, 9], kind)], version=9)
            onnx_case("BitwiseNot", kind, [x])
    for kind, least in LEAST.items():
        onnx_case("Abs", kind, [np.array([least, least + 1, -least - 1], TYPES[kind])], "least")
        onnx_case("Neg", kind, [np.array([least, least + 1, -least - 1], TYPES[kind])], "least")
    for kind in ("u8", "i8", "u32"):
        onnx_case("Shrink", kind, [sample(kind, 2, 7)], "default")


def shapes() -> None:
    """The scalar, an empty tensor and many axes."""
    for op in ("Abs", "Exp", "Floor", "Sigmoid", "Tanh", "Sqrt"):
        onnx_case(op, "f64", [np.array(0.5)], "scalar")
        onnx_case(op, "f64", [np.zeros((0, 3))], "empty")
        onnx_case(op, "f32", [np.abs(sample("f32", 3, 2, 1, 2, 3, 1))], "axes")


def normalised() -> None:
    """Softmax and what is like it, over an axis of the new versions and over the flattened rest of the old ones."""
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for kind in FLOATS:
            peer = "float32" if kind == "bf16" else ""
            x = sample(kind, 4, 2, 3, 4)
            onnx_case(op, kind, [x], peer=peer)
            onnx_case(op, kind, [x], "axis", axis=1, peer=peer)
            if kind != "bf16" and (op, kind) != ("Hardmax", "f64"):
                onnx_case(op, kind, [x], version=11, axis=1)
        for version in (1, 11):
            for axis in (0, 2):
                onnx_case(op, "f32", [sample("f32", 5, 2, 3, 4)], f"axis{axis}", version=version, axis=axis)
        onnx_case(op, "f32", [sample("f32", 5, 2, 3, 4)], "default", version=11)
        onnx_case(op, "f32", [sample("f32", 5, 2, 3, 4)], "last", version=11, axis=-1)
    for kind in FLOATS:
        for p in (1, 2):
            onnx_case(
                "LpNormalization",
                kind,
                [sample(kind, 6, 2, 3, 4)],
                f"p{p}",
                p=p,
                axis=1,
                peer="float32" if kind == "bf16" else "",
            )
        onnx_case("LpNormalization", kind, [sample(kind, 6, 2, 3, 4)], "default", version=22,
                  peer="float32" if kind == "bf16" else "")  # fmt: skip


def old() -> None:
    """Versions that say the same with attributes: what of it another implementation still runs."""
    x = sample("f32", 7, 3, 4)
    for kind in ("f32", "f64", "f16"):
        given = x.astype(TYPES[kind])
        for version in (6, 11):
            if kind == "f32" or version == 6:
                low_high = [given] if version == 6 else [given, whole(-0.5, kind), whole(1.25, kind)]
                more = {"min": -0.5, "max": 1.25} if version == 6 else {}
                onnx_case("Clip", kind, low_high, version=version, **more)
        onnx_case("Clip", kind, [given], "min", version=6, min=0.25)
        for version in (7, 10):
            onnx_case("Dropout", kind, [given], version=version, ratio=0.25)
    for op in ("Relu", "Abs", "Neg", "Exp", "Sigmoid", "Tanh", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "Softplus"):
        for version in (6, 8, 12) if op != "Softplus" else (1, 8, 12):
            onnx_case(op, "f32", [x], version=version)


for make in (floats, numbers, shapes, normalised, old):
    make()
