"""Cases of operators of two and more tensors, element by element, in the types that the official cases leave out."""

from __future__ import annotations

import numpy as np
from own_base import FLOATS, HALVES, INTEGERS, NUMBERS, SIGNED, TYPES, UNSIGNED, onnx_case, sample, whole

ARITHMETIC = ("Add", "Sub", "Mul", "Div")
COMPARISONS = ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")


def no_zero(x: np.ndarray) -> np.ndarray:
    """The same with one for every zero, to divide by."""
    return np.where(x == 0, np.ones_like(x), x)


def arithmetic() -> None:
    for kind in NUMBERS:
        a, b, row = sample(kind, 1, 2, 3, 4), no_zero(sample(kind, 2, 2, 3, 4)), no_zero(sample(kind, 3, 4))
        for op in ARITHMETIC:
            onnx_case(op, kind, [a, b])
            onnx_case(op, kind, [a[:, :1], row], "broadcast")
        onnx_case("Max", kind, [a, row])
        onnx_case("Min", kind, [a, row])
        fmod = 1 if kind in FLOATS else 0
        onnx_case("Mod", kind, [a, b], fmod=fmod)
        if not fmod:
            onnx_case("Mod", kind, [a, b], "fmod", fmod=1)
    for kind in FLOATS:
        a, b, c = sample(kind, 4, 2, 3), sample(kind, 5, 1, 3), sample(kind, 6, 2, 1)
        for op in ("Sum", "Mean", "Max", "Min"):
            onnx_case(op, kind, [a, b, c], "three")
            onnx_case(op, kind, [a], "one")
        onnx_case("Div", kind, [whole([1, -1, 0, 2], kind), whole([0, 0, 0, -0.0], kind)], "zero")
        onnx_case("Max", kind, [whole([1, np.nan, 3], kind), whole([np.nan, 2, -np.inf], kind)], "nan")
        onnx_case("Min", kind, [whole([1, np.nan, 3], kind), whole([np.nan, 2, -np.inf], kind)], "nan")
    for kind, least in (("i8", -128), ("i16", -(2**15)), ("i32", -(2**31)), ("i64", -(2**63))):
        ends = np.array([least, -least - 1, least, 5], TYPES[kind])
        for op in ("Add", "Sub", "Mul"):
            onnx_case(op, kind, [ends, np.array([-1, 1, least, 3], TYPES[kind])], "wraps")
    for kind in UNSIGNED:
        most = np.iinfo(TYPES[kind]).max
        for op in ("Add", "Sub", "Mul"):
            onnx_case(
                op, kind, [np.array([0, most, most, 5], TYPES[kind]), np.array([1, 1, most, 7], TYPES[kind])], "wraps"
            )


def old() -> None:
    """The first versions that broadcast as now (no other implementation runs those before)."""
    a = sample("f32", 7, 2, 3, 4)
    for op in (*ARITHMETIC, "Pow"):
        left = np.abs(a) + np.float32(0.5)
        onnx_case(op, "f32", [left, no_zero(sample("f32", 8, 4))], version=7)
    for kind in ("f32", "f64", "f16"):
        x, y = sample(kind, 9, 2, 3), sample(kind, 10, 2, 3)
        for version in (6, 8, 12):
            for op in ("Sum", "Mean", "Max", "Min"):
                onnx_case(op, kind, [x, y], version=version)
    for op in COMPARISONS[:3]:
        for kind in ("i32", "i64", "bool") if op == "Equal" else ("f32", "f64"):
            onnx_case(op, kind, [sample(kind, 11, 3, 4), sample(kind, 12, 4)], version=7)


def comparisons() -> None:
    for kind in NUMBERS:
        a, b = np.sign(sample(kind, 13, 3, 4).astype(np.float64)), np.sign(sample(kind, 14, 1, 4).astype(np.float64))
        for op in COMPARISONS:
            onnx_case(op, kind, [a.astype(TYPES[kind]), b.astype(TYPES[kind])])
    for kind in FLOATS:
        for op in COMPARISONS:
            onnx_case(
                op, kind, [whole([np.nan, 1, np.inf, -0.0], kind), whole([np.nan, np.nan, np.inf, 0], kind)], "special"
            )
    onnx_case("Equal", "bool", [sample("bool", 15, 3, 4), sample("bool", 16, 4)])
    onnx_case("Equal", "string", [sample("string", 17, 3, 4), sample("string", 18, 4)])
    wide = np.array([2**63 - 1, 2**53 + 1, -(2**63), 2**53], np.int64)
    for op in COMPARISONS:
        onnx_case(op, "i64", [wide, np.array([2**63 - 2, 2**53, -(2**63), 2**53 + 1], np.int64)], "wide")
        onnx_case(op, "u64", [wide.view(np.uint64), np.array([2**63, 2**53, 2**63, 1], np.uint64)], "wide")


def logic() -> None:
    for op in ("And", "Or", "Xor"):
        onnx_case(op, "bool", [sample("bool", 19, 2, 3, 1), sample("bool", 20, 4)], version=7)
        onnx_case(op, "bool", [sample("bool", 21, 0, 3), sample("bool", 22, 3)], "empty", version=7)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        for kind in INTEGERS:
            onnx_case(op, kind, [sample(kind, 23, 2, 3, 4, scale=9), sample(kind, 24, 3, 1, scale=9)])
    for direction in ("LEFT", "RIGHT"):
        for kind in UNSIGNED:
            shift = np.array([0, 1, 5], TYPES[kind])
            onnx_case(
                "BitShift", kind, [sample(kind, 25, 4, 3, scale=20), shift], direction.lower(), direction=direction
            )
        for kind in SIGNED:
            a = np.array([[1, 5, 100], [7, 0, 64]], TYPES[kind])
            shift = np.array([0, 1, 3], TYPES[kind])
            onnx_case("BitShift", kind, [a, shift], direction.lower(), version=28, direction=direction)


def powers() -> None:
    """The exponent has a type of its own."""
    for kind in (*FLOATS, "f32", "i32", "i64"):
        base = whole([1, 2, 3, 4, 5, 7], kind)
        exponents = ("f32", "f64", "i32", "i64", "f16", "u8", "i16", "u64", "i8", "u16", "u32", "bf16")
        for other in exponents:
            exponent = whole([0, 1, 2, 3, 2, 1], other)
            peer = "reference" if other == "bf16" or kind == "bf16" else ""
            onnx_case("Pow", kind, [base, exponent], f"to_{other}", version=15, peer=peer)
    for kind in FLOATS:
        onnx_case("Pow", kind, [whole([0.5, 2, 4, 2.25], kind), whole([[-1], [0.5]], kind)], "broadcast", version=15)


def chosen() -> None:
    for kind in (*NUMBERS, "bool", "string"):
        cond = sample("bool", 26, 2, 1, 4)
        onnx_case("Where", kind, [cond, sample(kind, 27, 3, 1), sample(kind, 28, 2, 3, 4)])
    for kind in NUMBERS:
        x = sample(kind, 29, 3, 5)
        low, high = (whole(v, kind) for v in ((1, 4) if kind in UNSIGNED else (-2, 3)))
        onnx_case("Clip", kind, [x, low, high])
        onnx_case("Clip", kind, [x, None, high], "max")
        onnx_case("Clip", kind, [x, low], "min")
        onnx_case("Clip", kind, [x, high, low], "crossed")
    for kind in (*FLOATS, "i32", "i64", "u32", "u64"):
        slope = whole([[2], [3], [1]], kind) if kind in INTEGERS else whole([[0.25], [0.5], [-1]], kind)
        onnx_case("PRelu", kind, [sample(kind, 30, 2, 3, 4), slope])
        onnx_case("PRelu", kind, [sample(kind, 30, 2, 3, 4), slope[0]], "one")
    for kind in HALVES:
        onnx_case("PRelu", kind, [sample(kind, 31, 2, 3), sample(kind, 32, 2, 3)], "each")


for make in (arithmetic, old, comparisons, logic, powers, chosen):
    make()
