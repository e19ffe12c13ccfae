"""Cases of convolutions, pools, normalisations, products and recurrent layers, in the types that the official cases
leave out. Sums of bfloat16 are answered by onnxruntime in float32: the reference rounds after every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import FLOATS, HALVES, distinct, onnx_case, onnx_type, sample, whole

I64 = np.int64


def add(op: str, kind: str, inputs: list[Any], what: str = "", **more: Any) -> None:
    """A case under a tolerance for sums, of which the order is open; bfloat16 is answered in float32."""
    sums = {"f16": (4e-3, 4e-3), "bf16": (1.6e-2, 1.6e-2), "f32": (1e-4, 1e-5), "f64": (1e-9, 1e-11)}
    rtol, atol = sums.get(kind, (0, 0))
    peer = "float32" if kind == "bf16" else ""
    onnx_case(op, kind, inputs, what, **{"rtol": rtol, "atol": atol, "peer": peer, **more})


def approximate(kind: str) -> dict[str, Any]:
    """How a case is answered that nobody else computes in this type: by float32, and as near as that is."""
    return {"peer": "float32"} | ({"rtol": 1e-5, "atol": 1e-5} if kind == "f64" else {})


def products() -> None:
    for kind in (*FLOATS, "i32", "i64", "u32", "u64"):
        add("MatMul", kind, [sample(kind, 1, 2, 3, 4), sample(kind, 2, 4, 5)])
        add("MatMul", kind, [sample(kind, 1, 4), sample(kind, 2, 2, 4, 3)], "vector")
        a, b, c = sample(kind, 3, 3, 4), sample(kind, 4, 4, 5), sample(kind, 5, 5)
        add("Gemm", kind, [a, b, c])
        add("Gemm", kind, [a, b], "bare")
        if kind in FLOATS:
            add("Gemm", kind, [a.T.copy(), b.T.copy(), sample(kind, 6, 3, 1)], "turned", transA=1, transB=1, alpha=0.5,
                beta=2.0)  # fmt: skip
        for version in (1, 7, 9, 11) if kind in ("f64", "f16") else (9, 11) if kind in ("i32", "i64", "u32") else ():
            if version > 1:
                add("Gemm", kind, [a, b, c], version=version)
    for kind in ("f32", *FLOATS, "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"):
        if kind != "bf16":
            a, b = sample(kind, 7, 2, 3, 4), sample(kind, 8, 2, 4, 5)
            add("Einsum", kind, [a, b], version=12, equation="bij,bjk->bik")
            add("Einsum", kind, [a], "sum", version=12, equation="bij->i")
            add("Einsum", kind, [sample(kind, 9, 3, 3)], "trace", version=12, equation="ii")
            add("Einsum", kind, [a, sample(kind, 8, 4)], "dots", version=12, equation="...j,j->...")
    for kind in FLOATS:
        add("Det", kind, [sample(kind, 10, 2, 3, 3)])
    for kind in ("i8", "u8"):
        a, b = sample(kind, 11, 3, 4, scale=6), sample(kind, 12, 4, 5, scale=6)
        for other in ("i8", "u8"):
            b = sample(other, 12, 4, 5, scale=6)
            add("MatMulInteger", kind, [a, b], f"by_{other}")
            add("MatMulInteger", kind, [a, b, whole(3, kind), whole(5, other)], f"points_by_{other}")


def convolutions() -> None:
    for kind in FLOATS:
        x, w, b = sample(kind, 13, 1, 4, 6, 5, scale=1), sample(kind, 14, 6, 2, 3, 3, scale=0.5), sample(kind, 15, 6)
        add("Conv", kind, [x, w, b], group=2, pads=[1, 0, 1, 2], strides=[2, 1])
        add("Conv", kind, [x, sample(kind, 16, 3, 4, 2, 2)], "same", auto_pad="SAME_LOWER")
        add("Conv", kind, [x[:, :, 0], sample(kind, 17, 3, 4, 2)], "line", dilations=[2])
        add("Conv", kind, [x[:, :, :, :, None], sample(kind, 18, 3, 4, 2, 2, 1)], "volume")
        add("ConvTranspose", kind, [x, sample(kind, 19, 4, 3, 3, 3, scale=0.5), b[:3]], strides=[2, 1], pads=[1, 1, 0, 1],
            output_padding=[1, 0])  # fmt: skip
        add("ConvTranspose", kind, [x, sample(kind, 20, 4, 2, 2, 2, scale=0.5)], "group", group=2, dilations=[2, 1],
            **approximate(kind))  # fmt: skip
        offset = sample(kind, 21, 1, 8, 5, 4, scale=0.5)
        if kind == "f64":
            add("DeformConv", kind, [x, sample(kind, 22, 3, 4, 2, 2), offset], version=19)
    for version in (1, 11):
        x, w = sample("f32", 23, 1, 2, 5, 5), sample("f32", 24, 3, 2, 3, 3)
        add("Conv", "f32", [x, w], version=version)
        add("ConvTranspose", "f32", [x, w.transpose(1, 0, 2, 3).copy()], version=version)
    for kind in ("i8", "u8"):
        x, w = sample(kind, 25, 1, 2, 5, 5, scale=6), sample(kind, 26, 3, 2, 3, 3, scale=6)
        points = [whole(4, "u8"), whole([2], kind)]
        add("ConvInteger", "u8", [sample("u8", 25, 1, 2, 5, 5, scale=6), w, *points], f"by_{kind}", pads=[1, 1, 1, 1])
        if kind == "i8":
            add("ConvInteger", kind, [x, w], peer="reference")


def pools() -> None:
    for kind in (*FLOATS, "i8", "u8"):
        x = distinct(kind, 27, 1, 2, 6, 5)
        flat = kind in ("i8", "u8")
        add("MaxPool", kind, [x], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
        add("MaxPool", kind, [x], "places", kernel_shape=[2, 2], outputs=2, ceil_mode=1, strides=[2, 2])
        add("MaxPool", kind, [x], "dilated", kernel_shape=[2, 2], dilations=[2, 1])
        if flat:
            continue
        add("AveragePool", kind, [x], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
        add("AveragePool", kind, [x], "padded", kernel_shape=[3, 2], pads=[1, 0, 1, 1], count_include_pad=1)
        add("AveragePool", kind, [x], "ceil", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
        for op in ("GlobalAveragePool", "GlobalMaxPool"):
            add(op, kind, [x])
        if kind != "bf16":
            add("LpPool", kind, [x], version=18, kernel_shape=[2, 2], p=1)
            add("LpPool", kind, [x], "padded", version=18, kernel_shape=[3, 2], p=2, pads=[1, 1, 1, 1], strides=[2, 2])
        small = distinct(kind, 28, 1, 1, 2, 2)
        places = np.array([[[[5, 7], [13, 15]]]], I64)
        add("MaxUnpool", kind, [small, places], kernel_shape=[2, 2], strides=[2, 2])
    for p in (1, 2, 3):
        add("GlobalLpPool", "f32", [sample("f32", 29, 2, 3, 4, 5)], f"p{p}", version=2, p=p)
        add("LpPool", "f32", [sample("f32", 29, 2, 3, 4, 5)], f"p{p}", version=11, p=p, kernel_shape=[2, 3])
    add("GlobalLpPool", "f32", [sample("f32", 29, 2, 3, 7)], "line", version=2)
    for kind in ("f16", "f64"):
        add("GlobalLpPool", kind, [sample(kind, 29, 2, 3, 4, 5)], version=21, **approximate(kind))
    for version in (1, 7, 8, 10, 12):
        x = distinct("f32", 30, 1, 2, 5, 5)
        add("MaxPool", "f32", [x], version=version, kernel_shape=[2, 2], strides=[2, 2])
        if version in (7, 10):
            add("AveragePool", "f32", [x], version=version, kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1)
    regions = [[0, 0, 0, 3, 3], [1, 1, 2, 4, 5], [0, 2, 2, 5, 4]]
    for kind in ("f32", "f16", "f64"):
        x = distinct(kind, 31, 2, 2, 6, 6)
        boxes = whole(regions, kind)
        add("MaxRoiPool", kind, [x, boxes], version=21, pooled_shape=[2, 2], **approximate(kind))
        add("MaxRoiPool", kind, [x, whole(np.array(regions) * [1, 2, 2, 2, 2], kind)], "scaled", version=21,
            pooled_shape=[3, 2], spatial_scale=0.5, **approximate(kind))  # fmt: skip
    for kind in ("f64", "f16"):
        boxes, picks = whole([[0, 0, 3, 3], [1, 2, 4.5, 5]], kind), np.array([0, 1], I64)
        for mode in ("avg", "max"):
            for form in ("half_pixel", "output_half_pixel"):
                if kind == "f64":
                    add("RoiAlign", kind, [sample(kind, 32, 2, 2, 6, 6), boxes, picks], f"{mode}_{form}", version=16,
                        output_height=2, output_width=3, sampling_ratio=2 if mode == "avg" else 1, mode=mode,
                        coordinate_transformation_mode=form)  # fmt: skip


def normalisations() -> None:
    for kind in FLOATS:
        x = sample(kind, 33, 2, 4, 3, 2)
        scale, bias = sample(kind, 34, 4), sample(kind, 35, 4)
        mean, var = sample(kind, 36, 4), np.abs(sample(kind, 37, 4)) + whole(0.5, kind)
        add("BatchNormalization", kind, [x, scale, bias, mean, var], version=15, epsilon=1e-3)
        add("BatchNormalization", kind, [x, scale, bias, mean, var], "training", version=15, outputs=3, training_mode=1)
        add("InstanceNormalization", kind, [x, scale, bias], epsilon=1e-3)
        # Its first stage is in float32.
        more = {"rtol": 1e-6, "atol": 1e-6} if kind == "f64" else {}
        add("GroupNormalization", kind, [x, scale, bias], version=21, num_groups=2, **more)
        add("GroupNormalization", kind, [x, scale[:2], bias[:2]], version=18, num_groups=2)
        add("LayerNormalization", kind, [x, sample(kind, 38, 2), sample(kind, 39, 2)], version=17)
        add("LayerNormalization", kind, [x, sample(kind, 38, 3, 2)], "axis", version=17, axis=2)
        add("RMSNormalization", kind, [x, sample(kind, 38, 2)], version=23)
        add("RMSNormalization", kind, [x, sample(kind, 38, 3, 2)], "axis", version=23, axis=2, epsilon=1e-3)
        add("MeanVarianceNormalization", kind, [x], version=13, **approximate(kind))
        add("MeanVarianceNormalization", kind, [x], "axes", version=13, axes=[0, 1], **approximate(kind))
        add("LRN", kind, [x], version=13, size=3, alpha=0.5, beta=0.75, bias=1.5, **approximate(kind))
    for version in (7, 9, 14):
        for kind in ("f32", "f64"):
            x, s = sample(kind, 40, 2, 3, 4), np.abs(sample(kind, 41, 4, 3)) + whole(0.5, kind)
            add("BatchNormalization", kind, [x, *s], version=version)


def recurrent() -> None:
    for kind in (*FLOATS, "f32"):
        x, lengths = sample(kind, 42, 4, 2, 3, scale=1), np.array([4, 2], np.int32)
        for op, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
            for direction in ("forward", "bidirectional", "reverse") if kind == "f32" else ("forward", "bidirectional"):
                n = 2 if direction == "bidirectional" else 1
                w, r = sample(kind, 43, n, gates * 5, 3, scale=0.5), sample(kind, 44, n, gates * 5, 5, scale=0.5)
                b, h = sample(kind, 45, n, gates * 10, scale=0.5), sample(kind, 46, n, 2, 5, scale=0.5)
                state = [h, sample(kind, 47, n, 2, 5, scale=0.5)] if op == "LSTM" else [h]
                more = approximate(kind) if kind == "f64" else {}
                add(op, kind, [x, w, r, b, lengths, *state], direction, version=22 if kind == "bf16" else 14,
                    direction=direction, hidden_size=5, outputs=len(state) + 1, **more)  # fmt: skip
    for what, op, more in (
        ("linear_before", "GRU", {"linear_before_reset": 1}), ("clip", "LSTM", {"clip": 0.25}),
        ("relu", "RNN", {"activations": ["Relu"]}), ("coupled", "LSTM", {"input_forget": 1}),
        ("affine", "RNN", {"activations": ["Affine"], "activation_alpha": [0.5], "activation_beta": [0.25]}),
        ("leaky", "GRU", {"activations": ["Sigmoid", "LeakyRelu"], "activation_alpha": [0.125]}),
        ("soft", "LSTM", {"activations": ["HardSigmoid", "Softsign", "Softplus"], "activation_alpha": [0.25],
                          "activation_beta": [0.5]}),
    ):  # fmt: skip
        gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[op]
        for kind in ("f32", "f64"):
            w, r = sample(kind, 43, 1, gates * 5, 3, scale=0.5), sample(kind, 44, 1, gates * 5, 5, scale=0.5)
            add(op, kind, [sample(kind, 42, 4, 2, 3, scale=1), w, r], what, version=14, hidden_size=5, outputs=2,
                **more, **approximate(kind) if kind == "f64" else {})  # fmt: skip


def losses() -> None:
    for kind in FLOATS:
        scores, target = sample(kind, 48, 3, 5, 2), np.array([[1, 4], [0, -1], [3, 2]], I64)
        weight = np.abs(sample(kind, 49, 5)) + whole(0.25, kind)
        for reduction in ("mean", "sum", "none"):
            for labels in (target, target.astype(np.int32)):
                wide = str(labels.dtype)
                if (wide == "int32") == (reduction == "sum"):
                    add("NegativeLogLikelihoodLoss", kind, [scores, labels, weight], f"{reduction}_{wide}", version=22,
                        reduction=reduction, ignore_index=-1, peer="reference" if kind in HALVES else "")  # fmt: skip
                    add("SoftmaxCrossEntropyLoss", kind, [scores, labels, weight], f"{reduction}_{wide}", version=13,
                        reduction=reduction, ignore_index=-1, outputs=2,
                        peer="reference" if kind in HALVES else "")  # fmt: skip


def windows() -> None:
    for op in ("BlackmanWindow", "HannWindow", "HammingWindow"):
        for kind in ("f32", "f64", "f16", "bf16", "i32", "i64", "i8", "i16", "u8", "u16", "u32", "u64"):
            # Others compute the cosine in float32.
            more = {"bf16": {"peer": "reference"}, "f64": {"rtol": 1e-6, "atol": 1e-6}}.get(kind, {})
            if kind in ("f32", "f64", "f16", "bf16"):
                for size in ("i32", "i64"):
                    add(op, kind, [whole(10, size)], f"of_{size}", version=17, output_datatype=onnx_type(kind), **more)
                add(op, kind, [whole(10, "i64")], "symmetric", version=17, output_datatype=onnx_type(kind), periodic=0,
                    **more)  # fmt: skip
    for kind in ("f32", "f64", "f16"):
        mel = [whole(v, "i64") for v in (8, 16, 8192)] + [whole(v, "f32") for v in (0, 4096)]
        add("MelWeightMatrix", kind, mel, version=17, output_datatype=onnx_type(kind))
    for kind in FLOATS:
        signal = sample(kind, 50, 1, 8, 1)
        add("DFT", kind, [signal], version=17, axis=1)
        add("DFT", kind, [signal, whole(6, "i64"), whole(1, "i64")], version=20, onesided=1)
        add(
            "DFT", kind, [sample(kind, 51, 1, 8, 2), whole(8, "i32"), whole(1, "i64")], "inverse", version=20, inverse=1
        )
        add("STFT", kind, [sample(kind, 52, 1, 16, 1), whole(4, "i32"), None, whole(8, "i32")], version=17)
        window = np.abs(sample(kind, 53, 8))
        add("STFT", kind, [sample(kind, 52, 1, 16, 1), whole(4, "i64"), window], "window", version=17, onesided=0)


for make in (products, convolutions, pools, normalisations, recurrent, losses, windows):
    make()
