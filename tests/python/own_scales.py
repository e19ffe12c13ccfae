"""Cases of QuantizeLinear, DequantizeLinear and what multiplies quantised numbers, in types without official ones."""

from __future__ import annotations

import numpy as np
from own_base import TOLERANCES, TYPES, onnx_case, onnx_type, sample, whole

CODES = ("i8", "u8", "i16", "u16", "i4", "u4", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz")
SUBBYTE = ("i2", "u2")
LIMITS = {"i8": (-63, 63), "u8": (0, 255), "i16": (-32768, 32767), "u16": (0, 65535), "i4": (-8, 7), "u4": (0, 15),
          "i2": (-2, 1), "u2": (0, 3)}  # fmt: skip


def codes(kind: str, seed: int, *shape: int) -> np.ndarray:
    """Codes of a quantised type; signed weights of eight bits stay under 64, as in own_quantized.py."""
    if kind in LIMITS:
        low, high = LIMITS[kind]
        return np.random.default_rng(seed).integers(low, high + 1, shape).astype(TYPES[kind])
    return sample(kind, seed, *shape)


def linear() -> None:
    for kind in (*CODES, *SUBBYTE, "i32"):
        x = codes(kind, 1, 3, 4) if kind != "i32" else sample("i32", 1, 3, 4, scale=300)
        version = 25 if kind in SUBBYTE else 21
        for scale_kind in ("f32", "f16", "bf16"):
            scale = whole(0.125, scale_kind)
            zero = codes(kind, 2) if kind in LIMITS else whole(0, kind)
            what = f"by_{scale_kind}"
            rtol, atol = TOLERANCES[scale_kind]
            near = {"version": version, "rtol": rtol, "atol": atol}
            onnx_case("DequantizeLinear", kind, [x, scale, zero], what, **near)
            row = whole([0.25, 0.5, 1, 2], scale_kind)
            zeros = codes(kind, 3, 4) if kind in LIMITS else whole([0] * 4, kind)
            onnx_case("DequantizeLinear", kind, [x, row, zeros], f"axis_{what}", axis=1, **near)
            if kind == "i32":
                continue
            y = sample(scale_kind, 4, 3, 4)
            onnx_case("QuantizeLinear", kind, [y, scale, zero], what, version=version)
            onnx_case("QuantizeLinear", kind, [y, row, zeros], f"axis_{what}", version=version, axis=1)
        blocks = whole(np.random.default_rng(5).choice([0.25, 0.5, 1.0], (3, 2)), "f32")
        points = codes(kind, 6, 3, 2) if kind in LIMITS else whole(np.zeros((3, 2)), kind)
        onnx_case("DequantizeLinear", kind, [x, blocks, points], "blocks", version=version, axis=1, block_size=2)
        if kind != "i32":
            onnx_case("QuantizeLinear", kind, [sample("f32", 7, 3, 4), blocks, points], "blocks", version=version, axis=1,
                      block_size=2)  # fmt: skip
            onnx_case("QuantizeLinear", kind, [sample("f32", 8, 3, 4), whole(0.25, "f32")], "named", version=version,
                      output_dtype=onnx_type(kind))  # fmt: skip
    for kind in ("i8", "u8"):
        for version in (10, 13, 19):
            x, scale, zero = sample("f32", 9, 3, 4), whole(0.0625, "f32"), codes(kind, 10)
            onnx_case("QuantizeLinear", kind, [x, scale, zero], version=version)
            onnx_case("DequantizeLinear", kind, [codes(kind, 11, 3, 4), scale, zero], version=version)
    onnx_case("QuantizeLinear", "i8", [whole([-1, 1, 3, 5, 7, 1000, -1000], "f32") / np.float32(2), whole(1, "f32"),
                                       whole(1, "i8")], "ties")  # fmt: skip
    onnx_case("QuantizeLinear", "u8", [sample("i32", 12, 3, 4, scale=50), whole(2, "f32"), whole(128, "u8")], "of_i32",
              version=13, peer="reference")  # fmt: skip
    onnx_case("DynamicQuantizeLinear", "u8", [sample("f32", 13, 3, 4)], outputs=3, version=11)
    onnx_case("DynamicQuantizeLinear", "u8", [np.abs(sample("f32", 14, 3, 4)) + 1], "positive", outputs=3, version=11)
    onnx_case("DynamicQuantizeLinear", "u8", [-np.abs(sample("f32", 14, 3, 4)) - 1], "negative", outputs=3, version=11)


def products() -> None:
    for left in ("i8", "u8"):
        for right in ("i8", "u8"):
            a, b = codes(left, 15, 3, 4), codes(right, 16, 4, 5)
            settings = [whole(0.0625, "f32"), codes(left, 17)], [whole(0.125, "f32"), codes(right, 18)]
            inputs = [a, *settings[0], b, *settings[1], whole(0.75, "f32"), whole(3, left)]
            onnx_case("QLinearMatMul", left, inputs, f"by_{right}", version=21)
    for right in ("i8", "u8"):
        for bias in (False, True):
            x, w = codes("u8", 19, 1, 2, 5, 5), codes(right, 20, 3, 2, 3, 3)
            inputs = [x, whole(0.0625, "f32"), whole(120, "u8"), w, whole(0.125, "f32"), whole(2, right),
                      whole(1.5, "f32"), whole(100, "u8")]  # fmt: skip
            inputs += [np.array([10, -200, 3000], np.int32)] if bias else []
            onnx_case(
                "QLinearConv", "u8", inputs, f"by_{right}{'_bias' if bias else ''}", version=10, pads=[1, 0, 1, 0]
            )
    x, w = codes("i8", 21, 1, 2, 5, 5), codes("i8", 22, 3, 2, 3, 3)
    onnx_case("QLinearConv", "i8", [x, whole(0.0625, "f32"), whole(4, "i8"), w, whole([0.125, 0.25, 0.0625], "f32"),
                                    whole([0, 0, 0], "i8"), whole(1.5, "f32"), whole(-5, "i8"),
                                    np.array([10, -200, 3000], np.int32)], version=10, strides=[2, 1])  # fmt: skip


for make in (linear, products):
    make()
