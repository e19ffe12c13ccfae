"""Cases of Cast, CastLike and BitCast: every pair of types that is not undefined."""

from __future__ import annotations

import numpy as np
from own_base import FLOATS, INTEGERS, TINY, TYPES, UNSIGNED, onnx_case, onnx_type, sample, whole

KINDS = ("f32", *FLOATS, *INTEGERS, "bool", "string")


def castable(source: str, target: str) -> np.ndarray:
    """Numbers that both types hold, halves among them where only the target has none."""
    signed = not {source, target} & {*UNSIGNED, "bool"}
    values = [0.0, 1, 2, 3, 7, 100, 120, 5] if not signed else [0.0, -1, 2, -3, 7, -100, 120, 5]
    if source in ("f32", *FLOATS):
        values[2:4] = [2.5, 3.75] if not signed else [2.5, -3.75]
    if source == "string":
        texts = [f"{v:g}" if target in ("f32", *FLOATS) else f"{int(v)}" for v in values]
        if target in ("f32", *FLOATS):
            texts[1:3] = ["-1.5e1", "0.25"]
        return np.array(texts, object).reshape(2, 4)
    return whole(values, source).reshape(2, 4)


def casts() -> None:
    for source in KINDS:
        for target in KINDS:
            if {source, target} in ({"string", "bool"}, {"string"}) or source == target != "f64":
                continue
            if {source, target} == {"string", "bf16"}:
                continue  # nobody else reads or writes it
            # How a float is written and what spelling of a bool is read differ between implementations.
            if target == "string" and source in ("f32", *FLOATS, "bool"):
                continue
            onnx_case("Cast", target, [castable(source, target)], f"{source}_to", version=21, to=onnx_type(target))
    for source in ("f32", "f64"):
        for target in ("f16", "bf16"):
            # Between two neighbours of 1 (a tie), above and below it, and beyond the largest number.
            step = {"f16": 2.0**-10, "bf16": 2.0**-7}[target]
            values = [1 + step / 2, 1 + 1.5 * step, 1 + step / 2 + step / 64, 1e30, -1e30, np.inf, np.nan, 1e-30]
            onnx_case("Cast", target, [whole(values, source)], f"rounds_{source}_to", version=21, to=onnx_type(target))
    for source in ("f64", "f32", "f16", "bf16"):
        x = whole([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-5], source)
        onnx_case("Cast", "bool", [x], f"special_{source}_to", version=21, to=onnx_type("bool"))
    for source in INTEGERS:
        for target in INTEGERS:
            if TYPES[target].itemsize < TYPES[source].itemsize:
                # Only the low bits stay, as two's complement.
                least = 0 if source in UNSIGNED else -1
                x = np.array([2 ** (8 * TYPES[target].itemsize) + 3, least, 2 ** (8 * TYPES[target].itemsize - 1)])
                onnx_case("Cast", target, [whole(x, source)], f"wraps_{source}_to", version=21, to=onnx_type(target))
    for version in (6, 9, 13):
        for source, target in (("f32", "i32"), ("i64", "f64"), ("f64", "u8"), ("bool", "f32"), ("i32", "bool")):
            onnx_case("Cast", target, [castable(source, target)], f"{source}_to", version=version, to=onnx_type(target))


def tiny_casts() -> None:
    """Types of eight bits and fewer, to and from those of arithmetic."""
    for kind in TINY:
        version = 25 if kind in ("i2", "u2") else 24
        x = sample(kind, 1, 3, 5)
        others = ("f32", "f16", "bf16", "f64") + (
            ("i8", "u8", "i32", "i64") if kind in ("i4", "u4", "i2", "u2") else ()
        )
        for other in others:
            given = (
                np.abs(x.astype(np.float32)).astype(TYPES[kind]) if other in UNSIGNED and kind in ("i4", "i2") else x
            )
            onnx_case("Cast", other, [given], f"{kind}_to", version=version, to=onnx_type(other))
    for kind in ("f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"):
        x = whole([0.3, -1.7, 100, 1e5, -1e5, np.inf, np.nan, 1e-3, 0], "f32")
        for saturate in (0, 1):
            for source in ("f32", "f16", "bf16", "f64"):
                given = whole(np.clip(x, -6e4, 6e4) if source == "f16" else x, source)
                onnx_case("Cast", kind, [given], f"saturate{saturate}_{source}_to", version=19, to=onnx_type(kind),
                          saturate=saturate)  # fmt: skip
    for kind in ("i4", "u4"):
        low, high = {"i4": (-8, 7), "u4": (0, 15)}[kind]
        for source in ("f32", "i8", "u8", "i32"):
            x = np.arange(max(low, 0) if source == "u8" else low, high + 1)
            onnx_case("Cast", kind, [whole(x, source)], f"{source}_to", version=21, to=onnx_type(kind))


def cast_likes() -> None:
    for source, target in (("f32", "i16"), ("i64", "bool"), ("i32", "i8"), ("bool", "u16"), ("f64", "u32"), ("u8", "u64"),
                           ("i16", "f64"), ("u16", "i32"), ("u32", "f16"), ("u64", "bf16"), ("i8", "i64"),
                           ("string", "f32"), ("i64", "string")):  # fmt: skip
        onnx_case("CastLike", target, [castable(source, target), sample(target, 2, 1)], f"{source}_to", version=21)


def bit_casts() -> None:
    groups = (("f16", "bf16", "i16", "u16"), ("f32", "i32", "u32"), ("f64", "i64", "u64"),
              ("i8", "u8", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0"))  # fmt: skip
    for group in groups:
        for source in group[:2]:
            for target in group:
                if source != target:
                    onnx_case(
                        "BitCast", target, [sample(source, 3, 2, 4)], f"{source}_to", version=26, to=onnx_type(target)
                    )


for make in (casts, tiny_casts, cast_likes, bit_casts):
    make()
