"""Cases of operators that move elements or tell of a shape, for every type they take."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import INTEGERS, NUMBERS, PLAIN, TINY, TYPES, distinct, onnx_case, onnx_type, sample, whole
from onnx import helper

I64 = np.int64


def ints(*values: int) -> np.ndarray:
    """A list of 64-bit integers."""
    return np.array(values, I64)


def indexed() -> None:
    """Gather, Scatter and their kin."""
    for kind in PLAIN:
        x = sample(kind, 1, 3, 4, 5)
        # onnxruntime copies one string of each slice.
        words = "reference" if kind == "string" else ""
        onnx_case("Gather", kind, [x, np.array([[0, -1], [2, 1]], I64)], axis=1, peer=words)
        onnx_case("Gather", kind, [x, np.array(-2, np.int32)], "scalar", axis=-1, peer=words)
        at = np.random.default_rng(2).integers(-4, 4, (3, 2, 5))
        onnx_case("GatherElements", kind, [x, at], axis=1)
        onnx_case("GatherND", kind, [x, np.array([[0, 1], [-1, -4], [2, 3]], I64)])
        onnx_case("GatherND", kind, [x, np.array([[[1]], [[0]], [[-1]]], I64)], "batched", batch_dims=1)
        order = np.array([[2, 0, 1, 3], [3, 1, 0, 2], [0, 3, 2, 1]], I64)
        base, updates = sample(kind, 3, 3, 4), sample(kind, 4, 3, 4)
        onnx_case("ScatterElements", kind, [base, order, updates], version=18, axis=1)
        rows = np.array([[2], [-3]], I64)
        onnx_case("ScatterND", kind, [base, rows, sample(kind, 5, 2, 4)], version=18)
        if kind != "bf16":
            onnx_case("Scatter", kind, [base, order[:, :2], updates[:, :2]], version=9, axis=1)
            onnx_case("Compress", kind, [x, np.array([True, False, True])], version=11, axis=1)
            onnx_case("Compress", kind, [x, np.array([False, True, True, False, True])], "flat", version=11)
    for kind in ("f32", "f64", "f16", "bf16", "i32", "i64", "u8", "i8"):
        base, updates = sample(kind, 6, 3, 4), sample(kind, 7, 3, 4)
        order = np.array([[2, 0, 1, 3], [3, 1, 0, 2], [0, 3, 2, 1]], I64)
        repeated = np.array([[0, 0, 1, 3], [3, 3, 3, 2], [0, 3, 2, 1]], I64)
        for reduction in ("add", "mul", "max", "min"):
            onnx_case("ScatterElements", kind, [base, repeated if kind != "bf16" else order, updates], reduction,
                      version=18, axis=1, reduction=reduction)  # fmt: skip
            rows = np.array([[2], [-3]], I64)
            onnx_case("ScatterND", kind, [base, rows, updates[:2]], reduction, version=18, reduction=reduction)
    for kind in (*INTEGERS, "f64", "f16", "string"):
        at = whole([[0, 2], [1, -1]], "i64")
        onnx_case("OneHot", kind, [at, np.array(3, I64), sample(kind, 8, 2)], version=11)
    for at in ("i32", "f32", "u8", "f64"):
        indices = whole([0, 3, 1] if at == "u8" else [0, -1, 1], at)
        onnx_case("OneHot", "f32", [indices, whole(4, at), whole([0.5, 2], "f32")], f"at_{at}", version=11, axis=0)


def sliced() -> None:
    for kind in PLAIN:
        x = sample(kind, 9, 3, 4, 5)
        onnx_case("Slice", kind, [x, ints(2, -4), ints(-9, 9), ints(0, 2), ints(-1, 2)])
        onnx_case("Split", kind, [x, ints(1, 3)], version=18, outputs=2, axis=1)
        onnx_case("Split", kind, [x], "number", version=18, outputs=3, axis=-1, num_outputs=3)
        onnx_case("Concat", kind, [x, sample(kind, 10, 3, 1, 5), sample(kind, 11, 3, 0, 5)], axis=-2)
        onnx_case("Transpose", kind, [x], perm=[2, 0, 1])
        onnx_case("Transpose", kind, [x[0]], "default")
        onnx_case("Tile", kind, [x[:2, :2, 0], ints(2, 3)])
        onnx_case("Expand", kind, [x[:, :1, 0], ints(2, 1, 4)])
        onnx_case("Pad", kind, [x[0], ints(1, 0, 0, 2), sample(kind, 12)], version=18)
        if kind != "string":
            cut = 0 if kind in ("bf16", "i16", "u16") else -1  # where only the reference pads, which cannot cut
            onnx_case("Pad", kind, [x[0], ints(cut, 2, 0, cut)], "default", version=18)
            onnx_case("Trilu", kind, [x, np.array(1, I64)])
            onnx_case("Trilu", kind, [x], "lower", upper=0)
        for mode in ("edge", "reflect", "wrap"):
            onnx_case("Pad", kind, [x[0], ints(1, 2, 2, 1)], mode, version=19, mode=mode)
        size = (2, 2) if kind == "string" else (5, 2)  # no other implementation pads with words
        onnx_case("CenterCropPad", kind, [x, ints(*size)], version=18, axes=[0, -1])
        if kind != "bf16":
            onnx_case("ReverseSequence", kind, [x, ints(2, 3, 1)], version=10, batch_axis=0, time_axis=1)
            onnx_case("ReverseSequence", kind, [x, ints(2, 3, 1, 0)], "turned", version=10, batch_axis=1, time_axis=0)
        onnx_case("DepthToSpace", kind, [sample(kind, 13, 1, 8, 2, 3)], blocksize=2, mode="CRD")
        onnx_case("DepthToSpace", kind, [sample(kind, 13, 1, 8, 2, 3)], "dcr", blocksize=2)
        onnx_case("SpaceToDepth", kind, [sample(kind, 14, 1, 2, 4, 6)], blocksize=2)
    onnx_case("Trilu", "f32", [sample("f32", 9, 3, 4, 5), np.array(-1, I64)])
    for kind in (*PLAIN, "f32"):
        if kind not in ("bf16",):
            x = distinct(kind, 15, 6) if kind != "bool" else sample("bool", 15, 6)
            x = x[[0, 3, 0, 1, 3, 5, 2]] if kind != "bool" else x
            onnx_case("Unique", kind, [x], version=11, outputs=4)
            rows = sample(kind, 16, 2, 2)[[0, 1, 0, 0]]
            onnx_case("Unique", kind, [rows], "rows", version=11, outputs=4, axis=0)
            onnx_case("Unique", kind, [x], "unsorted", version=11, outputs=4, sorted=0)
        if kind != "string":
            onnx_case("NonZero", kind, [sample(kind, 17, 2, 3, 4) * sample("bool", 18, 2, 3, 4).astype(TYPES[kind])])


def shaped() -> None:
    for kind in (*PLAIN, *TINY):
        version = 25 if kind in ("i2", "u2") else 24 if kind in ("f4e2m1", "f8e8m0") else 23
        x = sample(kind, 19, 2, 1, 3, 1)
        onnx_case("Squeeze", kind, [x, ints(-1)], version=version)
        onnx_case("Unsqueeze", kind, [x, ints(0, -1)], version=version)
        onnx_case("Reshape", kind, [x, ints(0, -1, 1)], version=version)
        onnx_case("Flatten", kind, [x], version=version, axis=2)
        onnx_case("Identity", kind, [x], version=version)
        onnx_case("Shape", kind, [x], version=version, start=1, end=-1)
        onnx_case("Size", kind, [x], version=version)
        if kind in TINY:
            onnx_case("Transpose", kind, [x], version=version, perm=[2, 0, 1, 3])
            if kind not in ("i2", "u2"):
                around = ints(0, 0, 1, 0, 1, 0, 0, 0)
                onnx_case("Pad", kind, [x, around, x[0, 0, 0, 0:1].reshape(())], version=version)
    for kind in ("f32", "f64", "f16", "i32", "i64"):
        x = sample(kind, 20, 2, 1, 3, 1)
        for version in (1, 11):
            onnx_case("Squeeze", kind, [x], version=version, axes=[1])
            onnx_case("Unsqueeze", kind, [x], version=version, axes=[0, 3])
        onnx_case("Squeeze", kind, [x], "all", version=11)
        onnx_case("Slice", kind, [x], version=1, starts=[0, -2], ends=[1, 9], axes=[0, 2])
        onnx_case("Slice", kind, [x], "leading", version=1, starts=[1, 0], ends=[2, 1])
        onnx_case("Slice", kind, [x, ints(0), ints(-1), ints(2)], version=10)
        onnx_case("Split", kind, [sample(kind, 21, 4, 5)], version=2, outputs=2, split=[1, 3])
        onnx_case("Split", kind, [sample(kind, 21, 4, 5)], version=11, outputs=2, axis=0)
        if kind[0] == "f":
            onnx_case("Flatten", kind, [x], version=1, axis=2)
        onnx_case("Reshape", kind, [x, ints(3, -1)], version=5)
        onnx_case("Concat", kind, [x, x], version=4, axis=1)
        if kind[0] == "f":
            for mode in ("constant", "edge", "reflect"):
                held = {"value": 1.5} if mode == "constant" else {}
                onnx_case("Pad", kind, [sample(kind, 22, 3, 4)], mode, version=2, pads=[1, 0, 2, 2], mode=mode, **held)
    onnx_case("Reshape", "f32", [np.zeros((2, 0, 3), np.float32), ints(0, 4, 0)], "allowzero", version=14, allowzero=1)
    for axis in (-4, -1, 0, 3):
        onnx_case("Flatten", "f32", [sample("f32", 23, 2, 1, 3, 1)], f"axis{axis}", axis=axis)


def made() -> None:
    """Tensors made of attributes and scalars."""
    for kind in (*NUMBERS, "bool"):
        value = whole([3], kind)
        held = helper.make_tensor("value", onnx_type(kind), [1], value)
        onnx_case("ConstantOfShape", kind, [ints(2, 3)], version=20, value=held)
        onnx_case("ConstantOfShape", kind, [np.zeros(0, I64)], "scalar", version=20, value=held)
        onnx_case("EyeLike", kind, [np.zeros((3, 4), np.float32)], k=1, dtype=onnx_type(kind))
        onnx_case("EyeLike", kind, [sample(kind, 24, 3, 3)], "like", k=-1)
    for kind in TINY:
        version = 25 if kind in ("i2", "u2") else 24
        held = helper.make_tensor("value", onnx_type(kind), [1], sample(kind, 25, 1))
        onnx_case("ConstantOfShape", kind, [ints(2, 3)], version=version, value=held)
    for kind in (*PLAIN, *TINY):
        version = 25 if kind in ("i2", "u2") else 24
        x = sample(kind, 26, 2, 3)
        texts = [t.encode() for t in x.ravel()] if kind == "string" else x
        onnx_case(
            "Constant", kind, [], version=version, value=helper.make_tensor("value", onnx_type(kind), [2, 3], texts)
        )
    forms: dict[str, Any] = {"value_float": 1.5, "value_floats": [1.5, -2.0], "value_int": 7, "value_ints": [1, -2],
                             "value_string": "één", "value_strings": ["a", ""]}  # fmt: skip
    for form, value in forms.items():
        onnx_case("Constant", "f32", [], form, version=13, **{form: value})
    for kind in ("f32", "f64", "i16", "i32", "i64"):
        for what, values in (("up", (1, 8, 3)), ("down", (5, -4, -2)), ("none", (3, 3, 1))):
            onnx_case("Range", kind, [whole(v, kind) for v in values], what, version=11)


def cached() -> None:
    for kind in (*PLAIN, "f32"):
        if kind == "string":
            continue
        past, new = sample(kind, 27, 2, 5, 3), sample(kind, 28, 2, 2, 3)
        onnx_case("TensorScatter", kind, [past, new, ints(1, 3)], version=24)
        onnx_case("TensorScatter", kind, [past, new, ints(4, 2)], "circular", version=24, mode="circular")
    for kind in PLAIN:
        columns = sample(kind, 29, 1, 8, 4)
        if kind not in ("string", "bool"):
            onnx_case("Col2Im", kind, [columns, ints(3, 3), ints(2, 2)])


for make in (indexed, sliced, shaped, made, cached):
    make()
