"""One-node cases of our own: what an operator is asked, for `own.py` to have answered by another implementation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper

AI_ONNX = 21
"""The version of ai.onnx beside an operator of another domain."""

OPSET = 22
"""The version of ai.onnx of a case that names none."""


@dataclass
class Typed:
    """An input that is no tensor, or may be none: a sequence, map or optional, and its type."""

    value: Any
    type: onnx.TypeProto


@dataclass
class Case:
    """One node: `inputs` are arrays in the order of the operator's inputs, None where one is absent.

    `peer` names who answers: `onnxruntime`, `reference` (the evaluator of the onnx package) or `float32`: onnxruntime
    given the same numbers as float32, its answers brought back. Unnamed, the reference answers what onnxruntime has no
    kernel for.
    """

    op: str
    domain: str
    inputs: Sequence[Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    version: int = 1
    rtol: float = 1e-4
    atol: float = 1e-5
    constants: Sequence[int] = ()
    absent: Sequence[int] = ()
    peer: str = ""


CASES: dict[str, Case] = {}


def case(name: str, op: str, inputs: Sequence[Any], domain: str = "com.microsoft", **more: Any) -> None:
    """Adds a case. `constants` are the positions of inputs that the model holds as initialisers, `absent` those of
    outputs that the node does not give; the other fields are those of Case, and every other keyword is an attribute of
    the node."""
    own = ("outputs", "version", "rtol", "atol", "constants", "absent", "peer")
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


TYPES: dict[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in {
        "bool": np.bool_, "string": np.object_,
        "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
        "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
        "f16": np.float16, "f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16,
        "i2": ml_dtypes.int2, "u2": ml_dtypes.uint2, "i4": ml_dtypes.int4, "u4": ml_dtypes.uint4,
        "f4e2m1": ml_dtypes.float4_e2m1fn, "f8e8m0": ml_dtypes.float8_e8m0fnu,
        "f8e4m3fn": ml_dtypes.float8_e4m3fn, "f8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
        "f8e5m2": ml_dtypes.float8_e5m2, "f8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    }.items()
}  # fmt: skip

SIGNED = ("i8", "i16", "i32", "i64")
UNSIGNED = ("u8", "u16", "u32", "u64")
INTEGERS = SIGNED + UNSIGNED
HALVES = ("f16", "bf16")
FLOATS = ("f64", *HALVES)
"""The floating-point types of arithmetic but float32, which the official cases cover."""
NUMBERS = (*FLOATS, *INTEGERS)
PLAIN = (*NUMBERS, "bool", "string")
"""What most operators that move elements take; float32 is left to the official cases."""
TINY = ("i2", "u2", "i4", "u4", "f4e2m1", "f8e8m0", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz")

TOLERANCES = {"f16": (1e-3, 1e-3), "bf16": (8e-3, 8e-3), "f32": (1e-5, 1e-6), "f64": (1e-9, 1e-12)}
"""Half a step of a number and of one, a few times over; integers are compared exactly."""

WORDS = ("", "a", "b", "zebra", "Ünï", "日本", "two words", "c", "d", "e", "a b", "A", "0", "-1", "é", "end")


def onnx_type(kind: str) -> int:
    """The TensorProto.DataType of a type."""
    return onnx.TensorProto.STRING if kind == "string" else helper.np_dtype_to_tensor_dtype(TYPES[kind])


def tensor_type(kind: str, shape: Sequence[int | None] | None) -> onnx.TypeProto:
    """The type of tensors of this element type and shape."""
    return helper.make_tensor_type_proto(onnx_type(kind), shape)


def whole(values: Iterable[float] | np.ndarray, kind: str) -> np.ndarray:
    """These numbers in this type."""
    return np.asarray(values).astype(TYPES[kind])


def sample(kind: str, seed: int, *shape: int, scale: float = 2.0) -> np.ndarray:
    """Elements of a type: normally distributed numbers, non-negative ones where the type has no others, or words."""
    drawn = np.random.default_rng(seed)
    if kind == "string":
        return np.array([WORDS[i] for i in drawn.integers(0, len(WORDS), int(np.prod(shape)))], object).reshape(shape)
    if kind == "bool":
        return drawn.integers(0, 2, shape).astype(bool)
    numbers = drawn.standard_normal(shape) * scale
    if kind in ("i2", "u2", "i4", "u4"):
        low, high = {"i2": (-2, 2), "u2": (0, 4), "i4": (-8, 8), "u4": (0, 16)}[kind]
        return drawn.integers(low, high, shape).astype(TYPES[kind])
    if kind == "f8e8m0":
        return (2.0 ** drawn.integers(-6, 7, shape)).astype(TYPES[kind])
    if kind == "f4e2m1":
        return np.clip(numbers, -6, 6).astype(TYPES[kind])
    if kind in INTEGERS:
        numbers = np.round(numbers * 3)
        info = np.iinfo(TYPES[kind])
        return np.clip(np.abs(numbers) if kind in UNSIGNED else numbers, info.min, info.max).astype(TYPES[kind])
    return numbers.astype(TYPES[kind])


def distinct(kind: str, seed: int, *shape: int) -> np.ndarray:
    """Elements of which no two are equal (for types of eight bits, at most 120)."""
    count = int(np.prod(shape))
    order = np.random.default_rng(seed).permutation(count)
    if kind == "string":
        return np.array([f"w{i:03}" for i in order], object).reshape(shape)
    start = 0 if kind in UNSIGNED else count // 2
    values = order - start if kind in INTEGERS else (order - start) / 4
    return values.reshape(shape).astype(TYPES[kind])


def kind_of(array: Any) -> str:
    """The name of an array's type."""
    return next((k for k, t in TYPES.items() if t == array.dtype), "string")


ASKED: set[tuple[str, str, bytes]] = set()
"""The operators with their types, and the forms, that have a case."""


def onnx_case(op: str, kind: str, inputs: Sequence[Any], what: str = "", **more: Any) -> None:
    """A case of an operator of ai.onnx under the tolerance of its type; the version is told in the name if given.

    A form of the question that was asked already is left out for types that the operator was asked for already.
    """
    rtol, atol = TOLERANCES.get(kind, TOLERANCES["f32"])
    version = more.pop("version", 0)
    form = "_".join(filter(None, (op.lower(), f"v{version}" if version else "", what)))
    first = next((x.type.SerializeToString() for x in inputs if isinstance(x, Typed)), b"")
    question = {(op, kind, first), (form, "", b"")}
    if question <= ASKED and op != "Cast":
        return
    ASKED.update(question)
    name = f"{form}_{kind}"
    more = {"rtol": rtol, "atol": atol, **more}
    case(name, op, inputs, "", version=version or OPSET, **more)


def ml_case(op: str, what: str, inputs: Sequence[Any], version: int = 3, **more: Any) -> None:
    """A case of an operator of ai.onnx.ml."""
    case(f"{op.lower()}_{what}", op, inputs, "ai.onnx.ml", version=version, **more)
