"""Cases of com.microsoft operators, which have no official ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import case, random


def contrib(name: str, op: str, inputs: list[np.ndarray | None], **more: Any) -> None:
    """A case whose tolerance is that of its type."""
    if any(x is not None and x.dtype == np.float16 for x in inputs):
        more = {"rtol": 1e-3, "atol": 1e-3, **more}
    case(f"contrib_{name}", op, inputs, **more)


def elementwise() -> None:
    special = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0, 1e-30, 88.0, -88.0], np.float32)
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        name = op.lower()
        for i, shape in enumerate([(7,), (2, 3), (2, 3, 4), (1,), (0, 3)]):
            contrib(f"{name}_{i}", op, [random(i, *shape, scale=3.0)])
        if op != "FastGelu":
            contrib(f"{name}_scalar", op, [np.array(1.5, np.float32)])
        contrib(f"{name}_special", op, [special[3:]])
    for alpha in (0.0, 0.5, -1.0, 1.0):
        contrib(f"quickgelu_alpha_{alpha}", "QuickGelu", [random(1, 3, 5)], alpha=alpha)
    for op in ("BiasGelu", "FastGelu"):
        for i, shape in enumerate([(2, 3, 4), (5, 16), (7,), (1, 1, 3), (2, 3, 4, 5)]):
            contrib(f"{op.lower()}_bias_{i}", op, [random(i, *shape), random(i + 9, shape[-1])])


def products() -> None:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ((2, 3), (3, 4), {}),
        ((3, 2), (3, 4), {"transA": 1}),
        ((2, 3), (4, 3), {"transB": 1, "alpha": 0.125}),
        ((3, 2), (4, 3), {"transA": 1, "transB": 1, "alpha": -2.0}),
        ((5, 2, 3), (5, 4, 3), {"transB": 1}),
        ((2, 1, 3, 2), (5, 3, 4), {"transA": 1}),
        ((3,), (3, 4), {"transA": 1}),
        ((2, 3), (3,), {"transB": 1}),
        ((3,), (3,), {"transA": 1, "transB": 1, "alpha": 3.0}),
        ((2, 5, 3), (5, 3, 4), {"transBatchA": 1}),
        ((5, 2, 3), (3, 5, 4), {"transBatchB": 1}),
        ((3, 5, 2), (5, 3, 4), {"transBatchA": 1, "transA": 1, "alpha": 0.5}),
        ((2, 5, 6, 3), (4, 5, 6, 3), {"transBatchA": 1, "transBatchB": 1, "transB": 1}),
        ((5, 6, 2, 3), (3, 5, 6, 4), {"transBatchB": 1}),
    ]
    shapes[13] = ((5, 6, 2, 3), (4, 5, 6, 3), {"transBatchB": 1, "transB": 1})
    for i, (a, b, attributes) in enumerate(shapes):
        contrib(f"fusedmatmul_{i}", "FusedMatMul", [random(i, *a), random(i + 50, *b)], **attributes)
    double = [random(1, 2, 3, dtype=np.float64), random(2, 3, 4, dtype=np.float64)]
    contrib("fusedmatmul_double", "FusedMatMul", double, alpha=0.5)

    a, b, c = random(1, 2, 3), random(2, 3, 4), random(3, 4)
    activations: dict[str, dict[str, float]] = {
        "Relu": {},
        "Sigmoid": {},
        "Tanh": {},
        "Softplus": {},
        "Softsign": {},
        "LeakyRelu": {"activation_alpha": 0.25},
        "Elu": {"activation_alpha": 0.5},
        "ThresholdedRelu": {"activation_alpha": 0.5},
        "HardSigmoid": {"activation_alpha": 0.25, "activation_beta": 0.4},
        "Selu": {"activation_alpha": 1.5, "activation_gamma": 1.1},
        "Celu": {"activation_alpha": 0.7},
    }
    for name, parameters in activations.items():
        contrib(f"fusedgemm_{name.lower()}", "FusedGemm", [a, b, c], activation=name, **parameters)
    contrib("fusedgemm_transposed", "FusedGemm", [a.T.copy(), b.T.copy(), random(4, 2, 1)], activation="Relu",
            transA=1, transB=1, alpha=0.5, beta=2.0)
    contrib("fusedgemm_no_c", "FusedGemm", [a, b], activation="Tanh", alpha=0.5)

    x, w, bias = random(1, 2, 4, 5, 6), random(2, 6, 4, 3, 3, scale=0.3), random(3, 6)
    z = random(4, 2, 6, 5, 6)
    pads = {"pads": [1, 1, 1, 1]}
    contrib("fusedconv_none", "FusedConv", [x, w])
    contrib("fusedconv_bias", "FusedConv", [x, w, bias], activation="Relu")
    contrib("fusedconv_residual", "FusedConv", [x, w, bias, z], activation="Relu", **pads)
    contrib("fusedconv_residual_no_bias", "FusedConv", [x, w, None, z], **pads)
    contrib("fusedconv_residual_tanh", "FusedConv", [x, w, bias, z], activation="Tanh", **pads)
    convs: dict[str, list[float]] = {
        "Tanh": [],
        "Sigmoid": [],
        "LeakyRelu": [0.2],
        "Clip": [-0.5, 0.75],
        "HardSigmoid": [0.3, 0.4],
    }
    for name, values in convs.items():
        given = {"activation_params": values} if values else {}
        contrib(f"fusedconv_{name.lower()}", "FusedConv", [x, w, bias], activation=name, **given)
    contrib("fusedconv_strided", "FusedConv", [x, w, bias], activation="Relu", strides=[2, 1],
            auto_pad="SAME_UPPER")
    contrib("fusedconv_dilated", "FusedConv", [x, w, bias], activation="Relu", strides=[1, 2], dilations=[1, 2])
    contrib("fusedconv_group", "FusedConv", [x, random(5, 6, 2, 1, 3), bias], activation="Relu", group=2,
            kernel_shape=[1, 3])
    contrib("fusedconv_1d", "FusedConv", [random(6, 1, 2, 9), random(7, 3, 2, 4)], activation="Sigmoid")


def norms() -> None:
    for name, dtype in (("f32", np.float32), ("f16", np.float16), ("f64", np.float64)):
        x, scale, bias = (random(i, *s, dtype=dtype) for i, s in enumerate([(2, 3, 8), (8,), (8,)]))
        contrib(f"layernorm_{name}", "LayerNormalization", [x, scale, bias], domain="", version=16, outputs=1)
        contrib(f"rms_{name}", "SimplifiedLayerNormalization", [x, scale], domain="", version=16)
        if dtype == np.float64:
            continue
        contrib(f"skip_{name}", "SkipLayerNormalization", [x, random(5, 2, 3, 8, dtype=dtype), scale, bias])
        contrib(f"skip_rms_{name}", "SkipSimplifiedLayerNormalization", [x, random(5, 2, 3, 8, dtype=dtype), scale])
        given = [x, random(5, 2, 3, 8, dtype=dtype), scale, None, bias]
        contrib(f"skip_sum_{name}", "SkipLayerNormalization", given, outputs=4, absent=[1, 2])
        given = [x, random(5, 2, 3, 8, dtype=dtype), scale, bias]
        contrib(f"skip_rms_sum_{name}", "SkipSimplifiedLayerNormalization", given, outputs=4, absent=[1, 2])
    x, scale, bias = random(1, 4, 3, 5), random(2, 5), random(3, 5)
    contrib("layernorm_outputs", "LayerNormalization", [x, scale, bias], domain="", version=16, outputs=3)
    contrib("layernorm_axis", "LayerNormalization", [x, random(4, 3, 5)], domain="", version=16, axis=1, epsilon=0.01)
    contrib("rms_axis", "SimplifiedLayerNormalization", [x, random(4, 3, 5)], domain="", version=16, axis=-2)
    contrib("rms_epsilon", "SimplifiedLayerNormalization", [x, scale], domain="", version=16, epsilon=0.5)
    contrib("rms_outputs", "SimplifiedLayerNormalization", [x, scale], domain="", version=16, outputs=2, stash_type=1)
    x, skip, scale, beta, bias = random(1, 2, 3, 7), random(2, 2, 3, 7), random(3, 7), random(4, 7), random(5, 7)
    for op in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"):
        name = "skip" if op == "SkipLayerNormalization" else "skip_rms"
        rest = [scale, beta, bias] if name == "skip" else [scale, bias]
        contrib(f"{name}_all", op, [x, skip, *rest], epsilon=1e-5)
        contrib(f"{name}_only_scale", op, [x, skip, scale], epsilon=0.1)
        contrib(f"{name}_one_row", op, [x, skip[:1], *rest])
        contrib(f"{name}_flat_row", op, [x, skip[0], *rest])
        contrib(f"{name}_tokens", op, [x[0], skip[0], *rest])
        contrib(f"{name}_sum", op, [x, skip[:1], *rest], outputs=4, absent=[1, 2])
        contrib(f"{name}_sum_no_bias", op, [x, skip, scale], outputs=4, absent=[1, 2])
        contrib(f"{name}_statistics", op, [x, skip, *rest], outputs=4)


def embeddings() -> None:
    drawn = np.random.default_rng(5)
    ids = drawn.integers(0, 20, (2, 6)).astype(np.int32)
    segments = drawn.integers(0, 2, (2, 6)).astype(np.int32)
    mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 0, 1, 1, 2]], np.int32)
    word, position, segment = random(1, 20, 8), random(2, 9, 8), random(3, 2, 8)
    gamma, beta = random(4, 8), random(5, 8)
    places = drawn.integers(0, 9, (2, 6)).astype(np.int32)
    op = "EmbedLayerNormalization"
    tables = [word, position, segment, gamma, beta]
    plain = [word, position, None, gamma, beta]
    contrib("embed", op, [ids, segments, *tables], outputs=2)
    contrib("embed_mask", op, [ids, segments, *tables, mask], outputs=2, mask_index_type=1)
    contrib("embed_one_output", op, [ids, segments, *tables], mask_index_type=0)
    contrib("embed_no_segment", op, [ids, None, *plain], outputs=2, epsilon=1e-3)
    contrib("embed_no_segment_mask", op, [ids, None, *plain, mask], outputs=2)
    contrib("embed_positions", op, [ids, segments, *tables, mask, places], outputs=2)
    contrib("embed_one_row_of_positions", op, [ids, segments, *tables, None, places[:1]], outputs=2)
    contrib("embed_sum", op, [ids, segments, *tables, mask], outputs=3)

    for name, dtype in (("f32", np.float32), ("f16", np.float16)):
        angles = random(7, 10, 4)
        cos, sin = np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)
        x = random(8, 2, 3, 16, dtype=dtype)
        one, each = np.array([2], np.int64), np.array([[0, 4, 9], [1, 2, 3]], np.int64)
        op = "RotaryEmbedding"
        contrib(f"rotary_offset_{name}", op, [x, one, cos, sin])
        contrib(f"rotary_each_{name}", op, [x, each, cos, sin])
        contrib(f"rotary_interleaved_{name}", op, [x, each, cos, sin], interleaved=1)
        contrib(f"rotary_heads_{name}", op, [x, each, cos, sin], num_heads=2)
        four = random(9, 2, 2, 3, 8, dtype=dtype)
        contrib(f"rotary_four_{name}", op, [four, each, cos, sin])
        partial = {"rotary_embedding_dim": 4, "num_heads": 2}
        contrib(f"rotary_partial_{name}", op, [x, each, cos[:, :2].copy(), sin[:, :2].copy()], **partial)
        contrib(f"rotary_partial_interleaved_{name}", op, [x, one, cos[:, :2].copy(), sin[:, :2].copy()],
                interleaved=1, **partial)
        contrib(f"rotary_one_token_{name}", op, [x[:1, :1].copy(), one, cos, sin], scale=1.0, is_packed_batching=0)


elementwise()
products()
norms()
embeddings()
