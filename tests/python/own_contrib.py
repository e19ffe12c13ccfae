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


def ints(*values: Any) -> np.ndarray:
    """A mask."""
    return np.array(values, np.int32)


def attention() -> None:
    b, s, f, n, d, p = 2, 4, 6, 2, 4, 3
    h = n * d
    x, w, bias = random(1, b, s, f), random(2, f, 3 * h), random(3, 3 * h)
    past = random(4, 2, b, n, p, d)
    keys = ints([1, 1, 1, 0], [1, 1, 0, 0])
    pairs = np.tril(np.ones((b, s, s), np.int32))
    pairs[1, :, 0] = 0
    pairs[1, 0, 1] = 1
    past_keys = np.ones((b, p + s), np.int32)
    past_keys[1, :2] = 0
    extra = random(5, b, n, s, s)

    def go(name: str, *rest: np.ndarray | None, **more: Any) -> None:
        contrib(f"attention_{name}", "Attention", [x, w, *rest], **{"num_heads": n, **more})

    go("plain", bias)
    go("one_head", bias, num_heads=1)
    go("scale", bias, scale=0.3)
    go("ends", bias, ints(3, 2))
    go("ranges", bias, ints(4, 3, 1, 2))
    go("keys", bias, keys)
    go("keys_filter", bias, keys, mask_filter_value=-2.0)
    go("pairs", bias, pairs)
    go("causal", bias, unidirectional=1)
    go("causal_keys", bias, keys, unidirectional=1)
    go("causal_ranges", bias, ints(4, 4, 0, 1), unidirectional=1)
    go("past", bias, None, past, outputs=2)
    go("past_causal", bias, None, past, outputs=2, unidirectional=1)
    go("past_keys", bias, past_keys, past, outputs=2, unidirectional=1)
    go("present", bias, outputs=2)
    go("bias", bias, None, None, extra)
    go("bias_broadcast", bias, None, None, extra[:1, :1].copy(), unidirectional=1)
    wide, wide_bias = random(7, f, 2 * h + 6), random(8, 2 * h + 6)
    contrib("attention_sizes", "Attention", [x, wide, wide_bias], num_heads=n, qkv_hidden_sizes=[h, h, 6])
    contrib("attention_sizes_keys", "Attention", [x, wide, wide_bias, keys], num_heads=n, qkv_hidden_sizes=[h, h, 6])
    one = [x[:, :1].copy(), w, bias, None, past]
    contrib("attention_one_token", "Attention", one, num_heads=n, unidirectional=1, outputs=2)


def multi_head_attention() -> None:
    b, s, t, n, d, p = 2, 3, 5, 2, 4, 3
    h = n * d
    q, k, v = random(1, b, s, h), random(2, b, t, h), random(3, b, t, h)
    bias = random(4, 3 * h)
    keys = ints([1, 1, 1, 0, 0], [1, 0, 1, 1, 1])
    pairs = np.ones((b, s, t), np.int32)
    pairs[0, 1, 2:] = 0
    cache = [random(5, b, n, p, d), random(6, b, n, p, d)]
    extra = random(7, b, n, s, t)
    own_k, own_v = random(8, b, s, h), random(9, b, s, h)

    def go(name: str, *inputs: np.ndarray | None, **more: Any) -> None:
        contrib(f"mha_{name}", "MultiHeadAttention", list(inputs), **{"num_heads": n, **more})

    go("plain", q, k, v)
    go("bias", q, k, v, bias)
    go("scale", q, k, v, bias, scale=0.7)
    go("ends", q, k, v, bias, ints(3, 5))
    go("keys", q, k, v, bias, keys)
    go("keys_filter", q, k, v, bias, keys, mask_filter_value=-1.5)
    go("pairs", q, k, v, None, pairs)
    go("score_bias", q, k, v, bias, None, extra)
    go("score_bias_broadcast", q, k, v, bias, keys, extra[:1].copy())
    go("score_bias_heads", q, k, v, bias, None, extra[:, :1].copy())
    go("causal_cross", q, k, v, unidirectional=1)
    go("causal", q, own_k, own_v, bias, unidirectional=1)
    go("causal_keys", q, own_k, own_v, bias, ints([0, 1, 1], [1, 1, 1]), unidirectional=1)
    go("past", q, own_k, own_v, bias, None, None, *cache, outputs=3)
    go("past_causal", q, own_k, own_v, bias, None, None, *cache, outputs=3, unidirectional=1)
    go("past_keys", q, own_k, own_v, None, np.ones((b, p + s), np.int32), random(10, 1, n, s, p + s), *cache, outputs=3)
    go("one_token", q[:, :1].copy(), own_k[:, :1].copy(), own_v[:, :1].copy(), bias, None, None, *cache, outputs=3,
       unidirectional=1)
    go("present", q, own_k, own_v, bias, outputs=3)
    go("values_wider", q, k, random(11, b, t, 12), random(12, 2 * h + 12))
    go("cross_cache", q, random(15, b, n, t, d), random(16, b, n, t, d))
    go("cross_cache_bias", q, random(15, b, n, t, d), random(16, b, n, t, d), bias)


def group_query_attention() -> None:
    batch, s, n, kv, d, p = 2, 4, 4, 2, 16, 3
    op = "GroupQueryAttention"

    def go(name: str, new: int, total: int, lengths: list[int], dtype: Any = np.float32, **more: Any) -> None:
        b = len(lengths)
        q, k, v = (random(i, b, new, h * d, dtype=dtype) for i, h in enumerate([n, kv, kv]))
        size = more.pop("cache", 0)
        cache = [random(i, b, kv, size, d, dtype=dtype) if size else None for i in (5, 6)]
        if more.pop("packed", False):
            q, k, v = np.concatenate([q, k, v], -1), None, None
        tables: list[np.ndarray | None] = [None, None]
        if more.get("do_rotary"):
            angles = random(9, 16, d // 2)
            tables = [np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)]
        positions, bias, sink = more.pop("positions", None), more.pop("bias", None), more.pop("sink", None)
        inputs = [q, k, v, *cache, ints(*lengths), np.array(total, np.int32), *tables, positions, bias, sink]
        while inputs[-1] is None:
            inputs.pop()
        contrib(f"gqa_{name}", op, inputs, **{"num_heads": n, "kv_num_heads": kv, "outputs": 3, **more})

    first, more, one = (s, s, [s - 1, s - 1]), (s, s + p, [s + p - 1]), (1, p + 1, [p, p])
    go("first", *first)
    go("first_packed", *first, packed=True)
    go("first_scale", *first, scale=0.2)
    go("first_half", *first, dtype=np.float16)
    go("first_rotary", *first, do_rotary=1)
    go("first_rotary_interleaved", *first, do_rotary=1, rotary_interleaved=1, packed=True)
    go("first_positions", *first, do_rotary=1, positions=np.array([[2, 3, 4, 5], [7, 8, 9, 10]], np.int64))
    go("first_window", *first, local_window_size=2)
    go("first_softcap", *first, softcap=0.5)
    go("first_smooth", *first, smooth_softmax=1)
    go("first_sink", *first, sink=random(20, n))
    go("first_bias", *first, bias=random(21, batch, n, s, s))
    go("first_bias_broadcast", *first, bias=random(21, 1, 1, s, s), local_window_size=3, softcap=2.0)
    go("first_both_ways", *first, causal=0)
    go("first_long_cache", *first, cache=6)
    go("one", *one, cache=p)
    go("one_half", *one, cache=p, dtype=np.float16, do_rotary=1)
    go("one_lengths", 1, p + 1, [p, 1], cache=p, do_rotary=1)
    go("one_long_cache", 1, p + 1, [p, 2], cache=7, do_rotary=1, packed=True)
    go("one_positions", *one, cache=p, do_rotary=1, positions=np.array([[5], [1]], np.int64))
    go("one_window", *one, cache=p, local_window_size=2)
    go("one_sink", *one, cache=p, sink=random(20, n), local_window_size=3)
    go("one_smooth_softcap", *one, cache=p, smooth_softmax=1, softcap=1.5)
    go("one_bias", *one, cache=p, bias=random(22, batch, 1, 1, p + 1))
    go("more", *more, cache=p)
    go("more_rotary", *more, cache=p, do_rotary=1)
    go("more_window", *more, cache=p, local_window_size=3, do_rotary=1)
    go("more_both_ways", *more, cache=p, causal=0)


def plain() -> None:
    square = random(1, 2, 3, 4, 4)
    contrib("inverse", "Inverse", [square])
    contrib("inverse_matrix", "Inverse", [np.array([[0, 2], [4, 1]], np.float32)])
    contrib("inverse_double", "Inverse", [square.astype(np.float64)])
    contrib("inverse_one", "Inverse", [random(2, 3, 1, 1)])
    contrib("inverse_half", "Inverse", [np.array([[2, 1], [1, 4]], np.float16)], rtol=2e-3)

    diagonals = [(np.float32, None), (np.float64, 1), (np.int64, -1), (np.float32, 9), (np.int64, -9)]
    for i, (dtype, k) in enumerate(diagonals):
        inputs = [random(i, 2, 3, 4, dtype=dtype, scale=5.0)]
        inputs += [] if k is None else [np.array(k, np.int64)]
        contrib(f"trilu_upper_{i}", "Trilu", inputs)
        contrib(f"trilu_lower_{i}", "Trilu", inputs, upper=0)

    contrib("unique", "Unique", [np.array([2, 1, 1, 3, 4, 3], np.float32)], outputs=3)
    contrib("unique_one", "Unique", [np.array([2], np.float32)], outputs=3)
    contrib("unique_none", "Unique", [np.zeros(0, np.float32)], outputs=3)
    contrib("unique_many", "Unique", [np.round(random(3, 50))], outputs=3)
    contrib("unique_signs", "Unique", [np.array([0.0, -0.0, 1.0, -1.0], np.float32)], outputs=3)

    for axis in (0, 1, 2, -1, -2):
        contrib(f"expanddims_{axis}", "ExpandDims", [random(1, 2, 3), np.array(axis, np.int32)])
    for kind in (np.int64, np.float16, np.bool_, np.uint8):
        x = np.array([[1, 0], [0, 1]]).astype(kind)
        contrib(f"expanddims_{np.dtype(kind).name}", "ExpandDims", [x, np.array(1, np.int32)], constants=[1])
    contrib("expanddims_string", "ExpandDims", [np.array(["a", "bc"], object), np.array(0, np.int32)])

    image = random(1, 2, 3, 5, 6)
    regions = np.array([[0, 0, 1, 1], [0.1, 0.3, 0.8, 0.6], [0.9, 0.7, 0.2, 0.1], [-0.2, 0.5, 1.2, 1.5]], np.float32)
    which = ints(0, 1, 1, 0)
    for mode in ("bilinear", "nearest"):
        for size in ([4, 3], [1, 1], [1, 5], [6, 1], [5, 6]):
            name = f"crop_{mode}_{size[0]}_{size[1]}"
            contrib(name, "CropAndResize", [image, regions, which, ints(*size)], mode=mode, extrapolation_value=-1.5)
    contrib("crop_plain", "CropAndResize", [image, regions, which, ints(2, 2)], constants=[3])

    grid = random(2, 2, 4, 3, 2)
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for corners in (0, 1):
                contrib(f"gridsample_{mode}_{padding}_{corners}", "GridSample", [image, grid], mode=mode,
                        padding_mode=padding, align_corners=corners)
    contrib("gridsample_plain", "GridSample", [image, grid])

    x = random(1, 3, 4)
    pads = np.array([1, 2, 0, 1], np.int64)
    for mode in ("constant", "reflect", "edge"):
        contrib(f"pad_{mode}", "Pad", [x, pads], mode=mode)
        contrib(f"pad_{mode}_row", "Pad", [x, pads.reshape(1, 4)], mode=mode, constants=[1])
    contrib("pad_value", "Pad", [x, pads, np.array([2.5], np.float32)])
    contrib("pad_value_scalar", "Pad", [x, pads, np.array(2.5, np.float32)])
    contrib("pad_negative", "Pad", [x, np.array([-1, 1, 0, -2], np.int64)])

    for i, (dtype, start, limit, delta) in enumerate([
        (np.float32, 1.0, 5.0, 0.75), (np.int64, 10, -3, -4), (np.int32, 3, 9, None), (np.float64, 0.5, 4.0, None),
        (np.int16, 0, 7, 3), (np.int64, 3, 3, 1), (np.float32, 5.0, 1.0, None),
    ]):
        given = [np.array(v, dtype) for v in (start, limit, delta) if v is not None]
        contrib(f"range_{i}", "Range", given)
        contrib(f"range_vector_{i}", "Range", [v.reshape(1) for v in given], constants=list(range(len(given))))

    drawn = np.random.default_rng(3)
    tokens = drawn.integers(0, 4, (3, 12)).astype(np.int64)
    for size in (1, 2, 3, 5, 12, 13):
        contrib(f"ngram_{size}", "NGramRepeatBlock", [tokens, random(size, 3, 5)], ngram_size=size)

    for kind in (np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64):
        values = (random(1, 2, 3, scale=100.0) if kind in (np.float32, np.float64) else drawn.integers(0, 999, (2, 3)))
        for positive in (0, 1):
            contrib(f"murmur_{np.dtype(kind).name}_{positive}", "MurmurHash3", [values.astype(kind)], positive=positive,
                    seed=positive * 7)
    words = np.array(["", "a", "ab", "abc", "abcd", "abcde", "a longer string than before", "h\u00e9llo"], object)
    contrib("murmur_string", "MurmurHash3", [words])
    contrib("murmur_string_signed", "MurmurHash3", [words.reshape(2, 4)], positive=0, seed=42)

    letters = drawn.integers(1, 10, (5, 6)).astype(np.int32)
    # onnxruntime leaves what it gives for a word of no characters as it finds it.
    for row, length in enumerate([6, 3, 1, 4, 2]):
        letters[row, length:] = 0
    weight, bias, table = random(1, 4, 1, 3, 5), random(2, 4), random(3, 10, 5)
    contrib("wordconv", "WordConvEmbedding", [letters, weight, bias, table])
    contrib("wordconv_sizes", "WordConvEmbedding", [letters, weight, bias, table], embedding_size=4,
            conv_window_size=3, char_embedding_size=5)
    contrib("wordconv_window_1", "WordConvEmbedding", [letters, random(4, 4, 1, 1, 5), bias, table])
    contrib("wordconv_one_word", "WordConvEmbedding", [letters[1:2], weight, bias, table])
    gaps = letters.copy()
    gaps[0, 2] = 0
    contrib("wordconv_gap", "WordConvEmbedding", [gaps, weight, bias, table])


elementwise()
products()
norms()
embeddings()
attention()
multi_head_attention()
group_query_attention()
plain()


def tokenizer() -> None:
    """Texts cut at separators, into characters, and by an expression; with marks, and where nothing is left."""
    words = np.array(["ab c,de", " xxx,,yy ", ""], object)
    cuts = {
        "characters": {"separators": [""]},
        "separators": {"separators": [" ", ","]},
        "expression": {"tokenexp": "[a-d]+|xxx"},
        "longest": {"tokenexp": "a|ab|x+"},
    }
    for name, cut in cuts.items():
        for mark in (0, 1):
            case(f"tokenizer_{name}_{mark}", "Tokenizer", [words], mark=mark, mincharnum=1, pad_value="#", **cut)
    table = np.array([["a b", "c"], ["", "ddd e"]], object)
    case("tokenizer_table", "Tokenizer", [table], mark=0, mincharnum=2, pad_value="", separators=[" "])
    case("tokenizer_nothing", "Tokenizer", [table], mark=1, mincharnum=9, pad_value="", separators=[" "])


tokenizer()
