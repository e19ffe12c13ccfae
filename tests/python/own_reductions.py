"""Cases of reductions over axes, of running sums and of the largest elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import FLOATS, HALVES, INTEGERS, NUMBERS, UNSIGNED, distinct, onnx_case, sample, whole

REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
              "ReduceLogSumExp", "ReduceSumSquare")  # fmt: skip
ROUNDED = ("ReduceMean", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp")
"""What of integers is no integer: the specification says nothing of rounding, so they get numbers without it."""
WIDE = ("i32", "i64", "u32", "u64")


def table(op: str, kind: str, seed: int) -> np.ndarray:
    """Numbers that the operator takes: positive for a logarithm, small for a product, even ones for a mean."""
    x = sample(kind, seed, 2, 3, 4)
    if op == "ReduceLogSum":
        return np.abs(x) + whole(1, kind)
    if op == "ReduceProd" and kind in INTEGERS:
        return whole(np.random.default_rng(seed).integers(0 if kind in UNSIGNED else -2, 3, (2, 3, 4)), kind)
    return x


def exact_integers(op: str, kind: str) -> list[Any] | None:
    """Integers of which the result over the last axis is an integer, or None where there are none."""
    match op:
        case "ReduceMean":
            return whole([[1, 3, 5, 7], [0, 4, 8, 8]], kind)
        case "ReduceL2":
            return whole([[2, 4, 5, 6], [1, 1, 1, 1]], kind)
        case "ReduceLogSum" if kind not in UNSIGNED:  # of unsigned integers nobody has a logarithm
            return whole([[1, 0, 0, 0], [0, 1, 0, 0]], kind)
        case _:
            return None


def reductions() -> None:
    for op in REDUCTIONS:
        for kind in (*FLOATS, *WIDE, *(("i8", "u8") if op in ("ReduceMax", "ReduceMin") else ())):
            peer = "float32" if kind == "bf16" else ""
            axes = np.array([1], np.int64)
            version = 13 if op == "ReduceSum" else 18
            if op in ROUNDED and kind in INTEGERS:
                x = exact_integers(op, kind)
                if x is not None:
                    onnx_case(op, kind, [x, axes], "exact", version=version)
                continue
            x = table(op, kind, 1)
            onnx_case(op, kind, [x, axes], version=version, peer=peer)
            onnx_case(op, kind, [x], "all", version=version, keepdims=0, peer=peer)
            onnx_case(op, kind, [x, np.array([-1, 0], np.int64)], "two", version=version, keepdims=0, peer=peer)
            onnx_case(op, kind, [x], "noop", version=version, noop_with_empty_axes=1,
                      peer="reference" if kind == "bf16" else "")  # fmt: skip
    for op in ("ReduceMax", "ReduceMin"):
        onnx_case(op, "bool", [sample("bool", 2, 2, 3, 4), np.array([2], np.int64)], version=20)
        onnx_case(op, "bool", [sample("bool", 3, 2, 3)], "all", version=20, keepdims=0)
        for kind in ("f32", "f64"):
            x = np.array([[1, np.inf, -np.inf], [0, -0.0, 2]], kind.replace("f", "float"))
            onnx_case(op, kind, [x, np.array([1], np.int64)], "infinite", version=18)


def old_reductions() -> None:
    """Axes as an attribute."""
    for op in REDUCTIONS:
        for kind in ("f32", "f64", "i32"):
            if op in ROUNDED and kind == "i32":
                continue
            x = table(op, kind, 4)
            for version in (11,) if op == "ReduceSum" else (11, 13):
                onnx_case(op, kind, [x], version=version, axes=[0, 2])
            onnx_case(op, kind, [x], "all", version=11, keepdims=0)
        onnx_case(op, "f32", [table(op, "f32", 5)], "negative", version=11, axes=[-1], keepdims=0)
        onnx_case(op, "f32", [table(op, "f32", 5)], version=1, axes=[1])


def empty() -> None:
    """Reductions of nothing: the value that leaves others alone."""
    for op in ("ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"):
        version = 13 if op == "ReduceSum" else 20
        for kind in ("f32", "f64", "i32"):
            if op == "ReduceL2" and kind == "i32":
                continue
            onnx_case(op, kind, [whole(np.zeros((2, 0, 3)), kind), np.array([1], np.int64)], "empty", version=version)


def positions() -> None:
    for op in ("ArgMax", "ArgMin"):
        for kind in NUMBERS:
            onnx_case(op, kind, [distinct(kind, 6, 2, 3, 4)], version=13, axis=1)
            onnx_case(op, kind, [distinct(kind, 7, 2, 3, 4)], "flat", version=13, axis=-1, keepdims=0)
        for kind in ("f32", "i32", "f64", "i8", "u8"):
            tied = whole([[3, 1, 3, 1], [2, 2, 2, 2]], kind)
            onnx_case(op, kind, [tied], "first", version=13, axis=1)
            onnx_case(op, kind, [tied], "last", version=13, axis=1, select_last_index=1)
        onnx_case(op, "f32", [distinct("f32", 8, 3, 4)], version=11, axis=0, keepdims=0)
        onnx_case(op, "f32", [distinct("f32", 8, 3, 4)], version=1, axis=1)


def running() -> None:
    for kind in ("f32", *FLOATS, *WIDE):
        x = sample(kind, 9, 2, 5)
        for what, more in (("", {}), ("exclusive", {"exclusive": 1}), ("reverse", {"reverse": 1}),
                           ("both", {"exclusive": 1, "reverse": 1})):  # fmt: skip
            peer = "float32" if kind == "bf16" else ""
            version = 14 if kind in HALVES else 11
            onnx_case("CumSum", kind, [x, np.array(1, np.int32)], what, version=version, peer=peer, **more)
            small = whole(np.random.default_rng(10).integers(1, 4, (2, 5)), kind)
            onnx_case("CumProd", kind, [small, np.array(-1, np.int64)], what, version=26, **more)
        onnx_case("CumSum", kind, [x, np.array(-2, np.int64)], "axis", version=version, peer=peer)


def largest() -> None:
    for kind in NUMBERS:
        x = distinct(kind, 11, 3, 7)
        version = 24 if kind == "bf16" else 11
        k = np.array([3], np.int64)
        onnx_case("TopK", kind, [x, k], version=version, outputs=2)
        onnx_case("TopK", kind, [x, k], "smallest", version=version, outputs=2, largest=0)
        onnx_case("TopK", kind, [x, np.array([2], np.int64)], "axis", version=version, outputs=2, axis=0)
    for kind in ("f32", "f64", "f16"):
        x = distinct(kind, 12, 2, 3, 4)
        onnx_case("TopK", kind, [x], version=1, outputs=2, k=2, axis=1)
        onnx_case("TopK", kind, [x, np.array([2], np.int64)], version=10, outputs=2, axis=1)
    for kind in ("f32", "i64"):
        tied = whole([[1, 2, 2, 1, 2, 0]], kind)
        onnx_case("TopK", kind, [tied, np.array([4], np.int64)], "tied", version=11, outputs=2)
        onnx_case("TopK", kind, [tied, np.array([0], np.int64)], "none", version=11, outputs=2)


for make in (reductions, old_reductions, empty, positions, running, largest):
    make()
