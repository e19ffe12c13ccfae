"""Cases of the `com.microsoft` operators of quantised exports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ml_dtypes
import numpy as np
from own_base import case, random

F32, U8, I8 = np.float32, np.uint8, np.int8
BOTH = (U8, I8)


def scalar(value: float, dtype: Any = F32) -> np.ndarray:
    return np.array(value, dtype)


def codes(seed: int, *shape: int, dtype: Any = U8, spread: int = 0) -> np.ndarray:
    """Evenly distributed codes, up to `spread` away from the middle of the type.

    Signed ones are 63 at most unless told: without VNNI, onnxruntime adds two products of u8 and i8 in sixteen bits, and
    more than that saturates.
    """
    info = ml_dtypes.iinfo(dtype)
    spread = spread or (63 if dtype is I8 else 128)
    middle = (int(info.max) + int(info.min) + 1) // 2
    low, high = max(int(info.min), middle - spread), min(int(info.max), middle + spread)
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)


def zero(value: int, dtype: Any) -> np.ndarray:
    """A zero point, given as of unsigned codes."""
    return np.array(value - (0 if np.iinfo(dtype).min == 0 else 128), dtype)


def name_of(dtype: Any) -> str:
    return np.dtype(dtype).name


def named(*parts: object) -> str:
    return "_".join(str(p) for p in ("quantized", *parts))


def linear() -> None:
    """QuantizeLinear and DequantizeLinear."""
    small = [(ml_dtypes.int4, 2), (ml_dtypes.uint4, 7), (U8, 120), (I8, -3), (np.int16, -300), (np.uint16, 30_000)]
    for i, (dtype, point) in enumerate(small):
        x = random(i, 3, 4, 5, scale=40.0)
        step = 0.37 if np.dtype(dtype).itemsize == 1 else 0.0013
        # onnxruntime neither takes integers of four bits from outside nor gives them back.
        narrow = "int4" in name_of(dtype)
        steps = np.abs(random(i + 20, 4, scale=step)) + F32(0.1 * step)
        points = codes(i + 40, 4, dtype=dtype, spread=5)
        if not narrow:
            inputs = [x, scalar(step), np.array(point, dtype)]
            case(named("quantize", name_of(dtype)), "QuantizeLinear", inputs)
            case(named("quantize_axis", name_of(dtype)), "QuantizeLinear", [x, steps, points], axis=1)
        held = [0, 2] if narrow else []
        y = codes(i, 3, 4, 5, dtype=dtype, spread=70_000)
        inputs = [y, scalar(step), np.array(point, dtype)]
        case(named("dequantize", name_of(dtype)), "DequantizeLinear", inputs, constants=held)
        case(named("dequantize_axis", name_of(dtype)), "DequantizeLinear", [y, steps, points], constants=held, axis=-2)
    case(named("quantize_default"), "QuantizeLinear", [random(9, 7, scale=90.0), scalar(0.7)])
    case(named("dequantize_default"), "DequantizeLinear", [codes(9, 7), scalar(0.7)])
    case(named("dequantize_int32"), "DequantizeLinear", [random(8, 7, dtype=np.int32, scale=9e4), scalar(0.01)])


def products() -> None:
    """MatMulIntegerToFloat and DynamicQuantizeMatMul."""
    for i, (left, right) in enumerate([(U8, U8), (U8, I8), (I8, I8)]):
        a, b = codes(i, 2, 5, 12, dtype=left), codes(i + 10, 12, 7, dtype=right)
        pair = f"{name_of(left)}_{name_of(right)}"
        op = "MatMulIntegerToFloat"
        case(named("to_float", pair), op, [a, b, scalar(0.02), scalar(0.3)])
        points = [zero(120, left), zero(131, right)]
        bias = random(i, 7)
        case(named("to_float_bias", pair), op, [a, b, scalar(0.02), scalar(0.3), *points, bias])
        columns = np.abs(random(i + 3, 7)) + F32(0.01)
        wide = codes(i + 5, 7, dtype=right, spread=9)
        case(named("to_float_columns", pair), op, [a[0], b, scalar(0.02), columns, points[0], wide])
    a, b = codes(6, 3, 2, 4), codes(7, 3, 4, 3, dtype=I8)
    case(named("to_float_stack"), "MatMulIntegerToFloat", [a, b, np.array([0.5], F32), scalar(0.1)])
    for i, dtype in enumerate(BOTH):
        op, kind = "DynamicQuantizeMatMul", name_of(dtype)
        a, b = random(i, 2, 5, 12, scale=3.0), codes(i + 10, 12, 7, dtype=dtype)
        columns, points = np.abs(random(i + 3, 7)) + F32(0.01), codes(i + 5, 7, dtype=dtype, spread=9)
        case(named("dynamic_matmul", kind), op, [a, b, scalar(0.02)])
        case(named("dynamic_matmul_bias", kind), op, [a, b, scalar(0.02), zero(130, dtype), random(i, 7)])
        case(named("dynamic_matmul_columns", kind), op, [a, b, columns, points])
        case(named("dynamic_matmul_held", kind), op, [a, b, columns, None, random(i, 7)], constants=[1])
    case(named("dynamic_matmul_positive"), op, [np.abs(a[0]), b, scalar(0.02)])
    case(named("dynamic_matmul_zeros"), op, [np.zeros((2, 12), F32), b, scalar(0.02)])
    case(named("dynamic_matmul_stack"), op, [random(4, 3, 2, 4), codes(7, 3, 4, 3), scalar(0.1)])


def pairs() -> None:
    """QLinearAdd and QLinearMul."""
    scales = {"QLinearAdd": (0.031, 0.0173, 0.0377), "QLinearMul": (0.031, 0.0173, 0.0277)}
    for op, (sa, sb, sc) in scales.items():
        for dtype in BOTH:
            kind = f"{op[7:].lower()}_{name_of(dtype)}"
            points = [zero(p, dtype) for p in (110, 140, 90)]
            shapes: Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
                ("same", (3, 4, 50), (3, 4, 50)),
                ("scalar", (3, 5), ()),
                ("left", (1,), (4, 5)),
                ("rows", (2, 1, 5), (3, 1)),
                ("channels", (2, 3, 4, 4), (3, 1, 1)),
            ]
            for i, (what, p, q) in enumerate(shapes):
                a, b = codes(i, *p, dtype=dtype), codes(i + 10, *q, dtype=dtype)
                inputs = [a, scalar(sa), points[0], b, scalar(sb), points[1], scalar(sc), points[2]]
                case(named(kind, what), op, inputs)
            a, b = codes(8, 6, 30, dtype=dtype), codes(9, 6, 30, dtype=dtype)
            case(named(kind, "no_zero"), op, [a, scalar(sa), points[0], b, scalar(sb), points[1], scalar(sc)])
            # Quotients of scales that are halves: which code is even matters.
            inputs = [a, scalar(0.25), points[0], b, scalar(0.5), points[1], scalar(0.5), zero(91, dtype)]
            case(named(kind, "halves"), op, inputs)


def functions() -> None:
    """QLinearSigmoid, QLinearLeakyRelu and QLinearSoftmax."""
    for dtype in BOTH:
        kind = name_of(dtype)
        every = np.arange(256).astype(np.uint8).view(dtype)
        for what, sx, zx, sy, zy in [
            ("fine", 0.05, 128, 1 / 256, 0),
            ("coarse", 0.11, 90, 0.009, 20),
            ("shifted", 0.02, 200, 0.0043, 30),
        ]:
            inputs = [every, scalar(sx), zero(zx, dtype), scalar(sy), zero(zy, dtype)]
            case(named("sigmoid", what, kind), "QLinearSigmoid", inputs)
            inputs = [every.reshape(4, 64), scalar(sx), zero(zx, dtype), scalar(sx * 0.83), zero(zy + 60, dtype)]
            case(named("leaky_relu", what, kind), "QLinearLeakyRelu", inputs, alpha=0.13)
        case(named("sigmoid_no_zeros", kind), "QLinearSigmoid", [every, scalar(0.04), None, scalar(1 / 127), None])
        case(named("leaky_relu_no_zeros", kind), "QLinearLeakyRelu", [every, scalar(0.04), None, scalar(0.05), None])
        case(named("leaky_relu_same", kind), "QLinearLeakyRelu",
             [every, scalar(0.04), zero(77, dtype), scalar(0.04), zero(77, dtype)], alpha=0.37)
        for opset in (12, 13):
            for axis in (-1, 0, 1, 2):
                x = codes(opset + axis, 2, 5, 7, dtype=dtype)
                inputs = [x, scalar(0.043), zero(3, dtype), scalar(1 / 256), zero(0, dtype)]
                at = str(axis).replace("-", "m")
                case(named("softmax", opset, at, kind), "QLinearSoftmax", inputs, opset=opset, axis=axis)
        inputs = [codes(30, 4, 9, dtype=dtype), scalar(0.021), zero(0, dtype), scalar(0.0031), zero(40, dtype)]
        case(named("softmax_uneven", kind), "QLinearSoftmax", inputs, opset=13)
        case(named("softmax_default", kind), "QLinearSoftmax", inputs, opset=9)


def joins() -> None:
    """QLinearConcat and QLinearWhere."""
    for dtype in BOTH:
        kind = name_of(dtype)
        a, b, c = (codes(i, *s, dtype=dtype) for i, s in enumerate([(2, 3, 4), (2, 1, 4), (2, 2, 4)]))
        parts = [a, scalar(0.03), zero(100, dtype), b, scalar(0.041), zero(128, dtype)]
        out = [scalar(0.0373), zero(120, dtype)]
        same = [c, out[0], out[1]]
        case(named("concat", kind), "QLinearConcat", [*out, *parts, *same], axis=1)
        case(named("concat_one", kind), "QLinearConcat", [*out, *parts[:3]], axis=-1)
        case(named("concat_first", kind), "QLinearConcat", [*out, *parts[:3], a, *parts[4:]], axis=0)
        case(named("concat_held", kind), "QLinearConcat", [*out, *parts, *same], axis=-2,
             constants=[0, 1, 3, 4, 6, 7, 9, 10])
        every = np.arange(256).astype(np.uint8).view(dtype)
        case(named("concat_every", kind), "QLinearConcat", [scalar(0.05), zero(60, dtype), every, *parts[1:3]], axis=0)
        condition = np.random.default_rng(4).random((3, 1, 5)) < 0.5
        x, y = codes(5, 3, 4, 5, dtype=dtype), codes(6, 4, 1, dtype=dtype)
        for what, cond, p, q in [
            ("broadcast", condition, x, y),
            ("same", np.random.default_rng(5).random((3, 4, 5)) < 0.5, x, codes(7, 3, 4, 5, dtype=dtype)),
            ("scalar", np.array(False), x, y),
            ("scalars", condition, x[0, 0, 0], y[0, 0]),
        ]:
            inputs = [cond, np.asarray(p), *parts[1:3], np.asarray(q), *parts[4:], *out]
            case(named("where", what, kind), "QLinearWhere", inputs)
        inputs = [condition, x, *parts[1:3], y, *parts[4:], *parts[1:3]]
        case(named("where_copy", kind), "QLinearWhere", inputs)


def pools() -> None:
    """QLinearAveragePool, QLinearGlobalAveragePool and NhwcMaxPool."""
    for dtype in BOTH:
        kind = name_of(dtype)
        ends = [scalar(0.031), zero(100, dtype), scalar(0.0173), zero(120, dtype)]
        like = [scalar(0.02), zero(100, dtype), scalar(0.02), zero(101, dtype)]
        x1, x2, x3 = (codes(i, *s, dtype=dtype) for i, s in enumerate([(2, 3, 11), (2, 3, 9, 8), (1, 2, 5, 4, 6)]))
        for what, x, settings in [
            ("line", x1, {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
            ("plane", x2, {"kernel_shape": [3, 2]}),
            ("padded", x2, {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 2, 0, 1]}),
            ("counted", x2, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
            ("ceil", x2, {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
            ("upper", x2, {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
            ("volume", x3, {"kernel_shape": [2, 3, 2], "strides": [1, 1, 2]}),
        ]:
            case(named("average", what, kind), "QLinearAveragePool", [x, *ends], **settings)
            if what in ("line", "padded"):
                last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
                turned = {"channels_last": 1, **settings}
                case(named("average", what, "last", kind), "QLinearAveragePool", [last, *ends], **turned)
        case(named("average_halves", kind), "QLinearAveragePool", [x2, *like], kernel_shape=[2, 2])
        for what, x in (("line", x1), ("plane", x2), ("volume", x3), ("channels", codes(5, 2, 40, 7, 5, dtype=dtype))):
            last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            case(named("global", what, kind), "QLinearGlobalAveragePool", [x, *ends])
            case(named("global", what, "last", kind), "QLinearGlobalAveragePool", [last, *ends], channels_last=1)
        case(named("global_halves", kind), "QLinearGlobalAveragePool", [x2[:, :, :2, :2].copy(), *like])
        for what, x, settings in [
            ("line", x1, {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
            ("plane", x2, {"kernel_shape": [3, 2]}),
            ("dilated", x2, {"kernel_shape": [2, 3], "dilations": [3, 2], "strides": [1, 2]}),
            ("ceil", x2, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
            ("lower", x2, {"kernel_shape": [2, 3], "strides": [2, 1], "auto_pad": "SAME_LOWER"}),
            ("volume", x3, {"kernel_shape": [2, 3, 2]}),
        ]:
            last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            case(named("max", what, kind), "NhwcMaxPool", [last], **settings)


def convolutions() -> None:
    """QLinearConv."""
    for i, (left, right) in enumerate([(U8, U8), (U8, I8), (I8, I8)]):
        pair = f"{name_of(left)}_{name_of(right)}"
        for what, shape, weight, settings in [
            ("plane", (2, 4, 7, 6), (5, 4, 3, 2), {"pads": [1, 0, 1, 1], "strides": [2, 1]}),
            ("groups", (1, 6, 5, 5), (6, 1, 3, 3), {"group": 6}),
            ("line", (2, 3, 12), (4, 3, 3), {"dilations": [2]}),
            ("points", (1, 8, 4, 4), (3, 8, 1, 1), {"kernel_shape": [1, 1]}),
        ]:
            x, w = codes(i, *shape, dtype=left), codes(i + 9, *weight, dtype=right)
            n = weight[0]
            scales = np.abs(random(i + 4, n, scale=0.01)) + F32(0.002)
            point = np.zeros(n, I8) if right is I8 else np.array(131, right)
            weights = [w, scales if right is I8 else scalar(0.011), point]
            out = [scalar(0.19), zero(110, left)]
            bias = random(i, n, dtype=np.int32, scale=900.0)
            first = [x, scalar(0.021), zero(120, left)]
            case(named("conv", what, pair), "QLinearConv", [*first, *weights, *out, bias], **settings)
            if what in ("plane", "groups"):
                first[0] = np.ascontiguousarray(np.moveaxis(x, 1, -1))
                inputs = [*first, *weights, *out]
                case(named("conv", what, "last", pair), "QLinearConv", inputs, channels_last=1, **settings)


def gemms() -> None:
    """QGemm."""
    for i, (left, right) in enumerate([(U8, U8), (U8, I8), (I8, I8)]):
        pair = f"{name_of(left)}_{name_of(right)}"
        a, b = codes(i, 5, 12, dtype=left), codes(i + 10, 12, 7, dtype=right)
        first = [a, scalar(0.021), zero(120, left)]
        second = [b, scalar(0.013), zero(131, right)]
        columns = [b, np.abs(random(i, 7, scale=0.02)) + F32(0.003), codes(i + 5, 7, dtype=right, spread=6)]
        out = [scalar(0.37), zero(100, left)]
        c = random(i, 7, dtype=np.int32, scale=4000.0)
        case(named("gemm_float", pair), "QGemm", [*first, *second, None, None, None])
        case(named("gemm_float_columns", pair), "QGemm", [*first, *columns, c, None, None], alpha=0.5)
        case(named("gemm", pair), "QGemm", [*first, *second, None, *out])
        case(named("gemm_columns", pair), "QGemm", [*first, *columns, c, *out])
        turned = [np.ascontiguousarray(a.T), *first[1:], np.ascontiguousarray(b.T), *columns[1:]]
        full = random(i + 1, 5, 7, dtype=np.int32, scale=4000.0)
        case(named("gemm_turned", pair), "QGemm", [*turned, full, *out], transA=1, transB=1, alpha=0.7)
        case(named("gemm_rows", pair), "QGemm", [*first, *second, full[:, :1].copy(), *out])


def attentions() -> None:
    """QAttention."""
    batch, length, width, heads, size = 2, 5, 12, 3, 4
    hidden = heads * size

    def qattention(what: str, seed: int, mask: np.ndarray | None = None, past: int = 0, **more: Any) -> None:
        dtype = more.pop("dtype", I8)
        columns = more.pop("columns", False)
        scales = np.abs(random(seed, 3 * hidden, scale=0.004)) + F32(0.003) if columns else scalar(0.006)
        points = codes(seed + 3, 3 * hidden, dtype=dtype, spread=4) if columns else zero(130, dtype)
        held = random(seed + 4, 2, batch, heads, past, size) if past else None
        weight = codes(seed + 1, width, 3 * hidden, dtype=dtype)
        inputs = [codes(seed, batch, length, width), weight, random(seed + 2, 3 * hidden), scalar(0.02), scales]
        inputs += [mask, zero(124, U8), points, held]
        while inputs[-1] is None:
            inputs.pop()
        case(named("attention", what), "QAttention", inputs, num_heads=heads, outputs=2 if past else 1, **more)

    qattention("plain", 0)
    qattention("u8", 1, dtype=U8)
    qattention("columns", 2, columns=True)
    qattention("causal", 3, unidirectional=1)
    qattention("ends", 4, np.array([3, 5], np.int32))
    qattention("spans", 5, np.array([4, 5, 1, 2], np.int32))
    raw = np.random.default_rng(6).integers(0, 2, (batch, length)).astype(np.int32)
    raw[:, 0] = 1
    qattention("raw", 6, raw)
    qattention("raw_causal", 7, raw, unidirectional=1)
    each = np.random.default_rng(8).integers(0, 2, (batch, length, length)).astype(np.int32)
    qattention("each", 8, each)
    qattention("dummy", 9, np.zeros((batch, 1), np.int32))
    qattention("filter", 10, raw, mask_filter_value=-2.5)
    qattention("scale", 11, scale=0.2)
    qattention("past", 12, past=3)
    qattention("past_causal", 13, past=3, unidirectional=1)
    qattention("past_raw", 14, np.tile(np.array([1, 0, 1, 1, 0, 1, 1, 1], np.int32), (batch, 1)), past=3)


def few_bits() -> None:
    """MatMulNBits and GatherBlockQuantized."""
    n, k = 9, 40
    for bits in (2, 4, 8):
        for block in (16, 64):
            blocks = -(-k // block)
            blob = block * bits // 8
            b = np.random.default_rng(bits + block).integers(0, 256, (n, blocks, blob)).astype(np.uint8)
            scales = np.abs(random(bits, n, blocks, scale=0.1)) + F32(0.01)
            zeros = np.random.default_rng(block).integers(0, 256, (n, -(-blocks * bits // 8))).astype(np.uint8)
            a = random(block, 2, 3, k)
            settings = {"N": n, "K": k, "bits": bits, "block_size": block}
            held = {"constants": [1, 2, 3]}
            what = named("nbits", bits, block)
            case(what, "MatMulNBits", [a, b, scales], constants=[1, 2], **settings)
            case(f"{what}_zeros", "MatMulNBits", [a, b, scales, zeros], **held, **settings)
            if block == 16:
                inputs = [a[0], b, scales, zeros, None, random(3, n)]
                case(f"{what}_bias", "MatMulNBits", inputs, **held, **settings)
    b = np.random.default_rng(7).integers(0, 256, (n, 2, 16)).astype(np.uint8)
    scales, a = np.abs(random(5, n, 2, scale=0.1)) + F32(0.01), random(6, 4, 64)
    settings = {"N": n, "K": 64, "bits": 4, "block_size": 32}
    points = random(8, n, 2) + F32(8)
    case(named("nbits_float_zeros"), "MatMulNBits", [a, b, scales, points], constants=[1, 2, 3], **settings)
    case(named("nbits_row"), "MatMulNBits", [a[:1], b, scales], constants=[1, 2], **settings)
    case(named("nbits_given"), "MatMulNBits", [a, b, scales], **settings)
    case(named("nbits_flat"), "MatMulNBits", [a, b, scales.reshape(-1)], constants=[1, 2], **settings)
    case(named("nbits_fp32"), "MatMulNBits", [a, b, scales], constants=[1, 2], accuracy_level=1, **settings)

    op, block = "GatherBlockQuantized", 16
    at = np.array([[3, -1], [0, 3], [-5, 99]], np.int64)
    for bits in (2, 4, 8):
        data = np.random.default_rng(bits).integers(0, 256, (5, 2, 40 * bits // 8)).astype(np.uint8)
        scales = random(bits, 5, 2, 3)
        zeros = np.random.default_rng(bits + 1).integers(0, 256, (5, 2, -(-3 * bits // 8))).astype(np.uint8)
        settings = {"bits": bits, "block_size": block, "quantize_axis": 2}
        case(named("gather", bits), op, [data, at, scales], **settings)
        case(named("gather_zeros", bits), op, [data, at.astype(np.int32), scales, zeros], **settings)
        case(named("gather_half", bits), op, [data, at, scales.astype(np.float16)], **settings)
    for dtype in (ml_dtypes.int4, ml_dtypes.uint4):
        kind = name_of(dtype)
        data = codes(1, 4, 20, 6, dtype=dtype)
        for gather in (0, 1, -1):
            for quantize in (1, 2) if gather else (0, 1):
                shape = [4, 20, 6]
                shape[quantize] = -(-shape[quantize] // block)
                scales, zeros = random(gather + 5, *shape), codes(gather + 9, *shape, dtype=dtype)
                settings = {"block_size": block, "gather_axis": gather, "quantize_axis": quantize}
                what = named("gather", kind, str(gather).replace("-", "m"), quantize)
                inputs = [data, np.array([1, -2, 7], np.int64), scales]
                held = [0] if gather == 0 else [0, 3]
                case(what, op, inputs if gather == 0 else [*inputs, zeros], constants=held, **settings)


def layers() -> None:
    """DynamicQuantizeLSTM."""
    length, size, hidden = 4, 5, 6

    def lstm(what: str, seed: int, batch: int = 1, dtype: Any = I8, columns: bool = False, **more: Any) -> None:
        directions = 2 if more.get("direction") == "bidirectional" else 1
        given = more.pop("given", ())
        shape = (directions, 4 * hidden) if columns else (directions,)
        w = codes(seed, directions, size, 4 * hidden, dtype=dtype)
        r = codes(seed + 1, directions, hidden, 4 * hidden, dtype=dtype)

        def quantisation(at: int) -> list[np.ndarray]:
            point = 0 if dtype is I8 else 127
            return [np.abs(random(at, *shape, scale=0.003)) + F32(0.002), np.full(shape, point, dtype)]

        optional = {
            "b": random(seed + 2, directions, 8 * hidden, scale=0.3),
            "lengths": np.array([length, 2][:batch], np.int32),
            "h": random(seed + 3, directions, batch, hidden, scale=0.5),
            "c": random(seed + 4, directions, batch, hidden),
            "p": random(seed + 5, directions, 3 * hidden),
        }
        inputs = [random(seed + 6, length, batch, size), w, r]
        inputs += [value if key in given else None for key, value in optional.items()]
        inputs += quantisation(seed + 7) + quantisation(seed + 8)
        case(named("lstm", what), "DynamicQuantizeLSTM", inputs, outputs=3, hidden_size=hidden, **more)

    lstm("plain", 0)
    lstm("u8", 10, dtype=U8)
    lstm("columns", 20, columns=True, given=("b",))
    lstm("columns_u8", 30, dtype=U8, columns=True)
    lstm("state", 40, given=("b", "h", "c"))
    lstm("peephole", 50, given=("b", "p"))
    lstm("reverse", 60, direction="reverse", given=("b", "h"))
    lstm("both", 70, direction="bidirectional", given=("b", "h", "c"))
    lstm("both_columns", 80, direction="bidirectional", columns=True)
    lstm("coupled", 90, input_forget=1)
    lstm("clip", 100, clip=0.4, given=("b",))
    lstm("relu", 110, activations=["HardSigmoid", "Relu", "Tanh"])
    lstm("held", 120, given=("b",), constants=[1, 2])
    # onnxruntime quantises the states of a batch apart where it has two threads or more.
    lstm("batch", 130, batch=2, given=("b",))
    lstm("lengths", 140, batch=2, given=("b", "lengths"))


for make in (linear, products, pairs, functions, joins, pools, convolutions, gemms, attentions, few_bits, layers):
    make()
