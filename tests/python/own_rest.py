"""Cases of operators that stand alone: optimisers, attention, rotations and words, in types without official ones."""

from __future__ import annotations

import numpy as np
from own_base import case, onnx_case, sample, whole

TRAINING = "ai.onnx.preview.training"


def optimisers() -> None:
    rate, step = whole(0.125, "f64"), np.array(3, np.int64)
    x, g, h, v = (sample("f64", seed, 3, 4) for seed in range(4))
    near = {"rtol": 1e-6, "atol": 1e-9}  # the attributes are float32, and the reference computes with them as float64
    case("adagrad_f64", "Adagrad", [rate, step, x, g, h**2], TRAINING, outputs=2, norm_coefficient=0.25, epsilon=0.5,
         decay_factor=0.125, **near)  # fmt: skip
    case("adam_f64", "Adam", [rate, step, x, g, h, v**2], TRAINING, outputs=3, norm_coefficient=0.25, alpha=0.5, beta=0.75,
         epsilon=0.125, **near)  # fmt: skip
    for mode in ("standard", "nesterov"):
        case(f"momentum_{mode}_f64", "Momentum", [rate, step, x, g, h], TRAINING, outputs=2, norm_coefficient=0.25,
             alpha=0.5, beta=0.75, mode=mode, **near)  # fmt: skip


def attentions() -> None:
    q, k, v = sample("f64", 5, 1, 2, 3, 4), sample("f64", 6, 1, 2, 5, 4), sample("f64", 7, 1, 2, 5, 4)
    onnx_case("Attention", "f64", [q, k, v], version=23, peer="reference", rtol=1e-7, atol=1e-9)
    onnx_case("Attention", "f64", [q, k, v], "causal", version=23, is_causal=1, peer="reference", rtol=1e-7, atol=1e-9)
    for kind in ("f16", "bf16"):
        x = sample(kind, 8, 1, 2, 3, 8)
        angles = np.random.default_rng(9).uniform(0, 3, (1, 3, 4))
        tables = [whole(np.cos(angles), kind), whole(np.sin(angles), kind)]
        onnx_case("RotaryEmbedding", kind, [x, *tables], version=23, peer="float32", rtol=8e-3, atol=8e-3)
    onnx_case("Swish", "f64", [sample("f64", 10, 3, 4)], "default", version=24)


def words() -> None:
    pool = {"ngram_counts": [0, 3], "ngram_indexes": [0, 1, 2, 3, 4], "min_gram_length": 1, "max_gram_length": 2,
            "max_skip_count": 1}  # fmt: skip
    for mode in ("TF", "IDF", "TFIDF"):
        weights = {} if mode == "TF" else {"weights": [0.5, 2.0, 1.0, 1.5, 3.0]}
        for kind in ("i64", "i32"):
            x = whole([[1, 2, 3, 1, 2], [2, 2, 9, 3, 1]], kind)
            onnx_case("TfIdfVectorizer", kind, [x], mode.lower(), version=9, mode=mode, pool_int64s=[1, 2, 3, 1, 2, 2, 3],
                      **pool, **weights)  # fmt: skip
        text = np.array([["a", "b", "c", "a", "b"], ["b", "b", "q", "c", "a"]], object)
        onnx_case("TfIdfVectorizer", "string", [text], mode.lower(), version=9, mode=mode,
                  pool_strings=["a", "b", "c", "a", "b", "b", "c"], **pool, **weights)  # fmt: skip


for make in (optimisers, attentions, words):
    make()
