"""Cases of the tree ensembles of ai.onnx.ml."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from own_base import TYPES, ml_case, onnx_type, sample, whole
from onnx import helper

KINDS = ("f32", "f64", "i64", "i32")
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
WORDS = ["a", "b", "c", "d"]
FEATURES = 3


def table(kind: str, missing: bool = False) -> np.ndarray:
    """Rows of features on a grid of halves, so that comparisons for equality hold sometimes."""
    drawn = np.random.default_rng(70)
    x = drawn.integers(-3, 4, (8, FEATURES)) / (2 if kind[0] == "f" else 1)
    if missing:
        x[drawn.random(x.shape) < 0.3] = np.nan
    return whole(x, kind)


@dataclass
class Trees:
    """Full trees of two levels: three comparisons and four leaves each."""

    modes: tuple[str, ...]
    trees: int = 2
    missing: bool = False
    nodes: dict[str, list[Any]] = field(default_factory=dict)
    leaves: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        drawn = np.random.default_rng(71)
        keys = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
                "missing_value_tracks_true", "hitrates")  # fmt: skip
        rows = []
        for tree in range(self.trees):
            for node in range(7):
                leaf = node >= 3
                mode = "LEAF" if leaf else self.modes[(tree + node) % len(self.modes)]
                value = 0.0 if leaf else float(drawn.integers(-2, 3)) / 2
                after = (0, 0) if leaf else (2 * node + 1, 2 * node + 2)
                tracks = int(self.missing and not leaf and drawn.integers(0, 2))
                rows.append(
                    (tree, node, 0 if leaf else int(drawn.integers(0, FEATURES)), mode, value, *after, tracks, 1.0)
                )
                if leaf:
                    self.leaves.append((tree, node))
        self.nodes = {f"nodes_{key}": list(column) for key, column in zip(keys, zip(*rows, strict=True), strict=True)}

    def weighted(self, prefix: str, outputs: int, per: int = 0) -> dict[str, Any]:
        """Attributes of leaves that add to `outputs` outputs, each to every one or to `per` of them."""
        entries = [
            (tree, node, (i + j) % outputs) for i, (tree, node) in enumerate(self.leaves) for j in range(per or outputs)
        ]
        weights = [float(v) for v in sample("f32", 72, len(entries), scale=1)]
        columns = {
            "treeids": [e[0] for e in entries],
            "nodeids": [e[1] for e in entries],
            "ids": [e[2] for e in entries],
        }
        return {f"{prefix}_{key}": column for key, column in columns.items()} | {f"{prefix}_weights": weights}


def in_double(attributes: dict[str, Any]) -> dict[str, Any]:
    """The same with the numbers in tensors of float64."""
    for key in ("nodes_values", "nodes_hitrates", "target_weights", "class_weights", "base_values"):
        if key in attributes:
            values = attributes.pop(key)
            attributes[f"{key}_as_tensor"] = helper.make_tensor(key, onnx_type("f64"), [len(values)], values)
    return attributes


def regressors() -> None:
    op = "TreeEnsembleRegressor"
    for mode in MODES:
        made = Trees((mode,))
        ml_case(op, f"{mode.lower()}_f32", [table("f32")], 1, n_targets=1, **made.nodes, **made.weighted("target", 1))
    mixed = Trees(MODES, 4)
    gaps = Trees(MODES, 4, missing=True)
    ml_case(op, "missing_f32", [table("f32", True)], 1, n_targets=2, **gaps.nodes, **gaps.weighted("target", 2))
    for kind in KINDS:
        for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
            for targets in (1, 2) if kind == "f64" else (2,):
                more = {"n_targets": targets, "aggregate_function": aggregate, **mixed.nodes,
                        **mixed.weighted("target", targets)}  # fmt: skip
                what = f"{aggregate.lower()}_{targets}_{kind}"
                if kind == "f64":
                    ml_case(op, what, [table(kind)], 3, rtol=1e-9, atol=1e-12, **in_double(more))
                else:
                    # onnxruntime has it for floats alone, and the answer is of float32 for every table.
                    ml_case(op, what, [table(kind)], 1, peer="" if kind == "f32" else "float32", **more)
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        ml_case(op, f"base_{aggregate.lower()}_f32", [table("f32")], 1, n_targets=2, base_values=[0.5, -1.5],
                aggregate_function=aggregate, **mixed.nodes, **mixed.weighted("target", 2))  # fmt: skip
    for transform in TRANSFORMS[1:4]:
        ml_case(op, f"{transform.lower()}_f32", [table("f32")], 1, n_targets=3, post_transform=transform, **mixed.nodes,
                **mixed.weighted("target", 3, 1))  # fmt: skip
    chances = Trees(MODES[:2], 1)
    more = chances.weighted("target", 1)
    more["target_weights"] = [0.125, 0.5, 0.75, 0.9375]
    ml_case(op, "probit_f32", [table("f32")], 1, n_targets=1, post_transform="PROBIT", **chances.nodes, **more)


def classifiers() -> None:
    op = "TreeEnsembleClassifier"
    mixed = Trees(MODES, 3)
    for kind in KINDS:
        for words in (False, True):
            labels = {"classlabels_strings": WORDS[:3]} if words else {"classlabels_int64s": [5, -2, 7]}
            more = {**mixed.nodes, **mixed.weighted("class", 3, 2), **labels}
            version = 1
            if kind == "f64":
                more, version = in_double(more), 3
            ml_case(op, f"three_{'words' if words else 'ints'}_{kind}", [table(kind)], version, outputs=2, **more)
            pair = {"classlabels_strings": WORDS[:2]} if words else {"classlabels_int64s": [5, -2]}
            more = {**mixed.nodes, **mixed.weighted("class", 2), **pair}
            if kind == "f64":
                more = in_double(more)
            ml_case(op, f"two_{'words' if words else 'ints'}_{kind}", [table(kind)], version, outputs=2, **more)
    for transform in TRANSFORMS:
        for what, outputs, labels in (("three", 3, [5, -2, 7]), ("two", 2, [5, -2]), ("one", 1, [5, -2])):
            # A probit takes chances alone; these leaves hold any number.
            if transform == "PROBIT":
                continue
            ml_case(op, f"{what}_{transform.lower()}_f32", [table("f32")], 1, outputs=2, post_transform=transform,
                    classlabels_int64s=labels, **mixed.nodes, **mixed.weighted("class", outputs))  # fmt: skip
    for what, outputs, base, count in (("three", 3, [0.5, -0.25, 1.0], 3), ("one", 1, [0.75], 2)):
        ml_case(op, f"base_{what}_f32", [table("f32")], 1, outputs=2, base_values=base,
                classlabels_int64s=[5, -2, 7][:count], **mixed.nodes, **mixed.weighted("class", outputs))  # fmt: skip
    gaps = Trees(MODES, 3, missing=True)
    for kind in ("f32", "f64"):
        ml_case(op, f"missing_{kind}", [table(kind, True)], 1, outputs=2, classlabels_int64s=[5, -2, 7], **gaps.nodes,
                **gaps.weighted("class", 3))  # fmt: skip
    positive = mixed.weighted("class", 1)
    positive["class_weights"] = [abs(w) for w in positive["class_weights"]]
    ml_case(op, "one_positive_f32", [table("f32")], 1, outputs=2, classlabels_int64s=[0, 1], **mixed.nodes, **positive)


def ensembles() -> None:
    """TreeEnsemble of version 5: the nodes between and the leaves in lists of their own."""
    codes = {"LEQ": 0, "LT": 1, "GTE": 2, "GT": 3, "EQ": 4, "NEQ": 5}

    def attributes(kind: str, modes: list[int], targets: int, trees: int = 2) -> dict[str, Any]:
        drawn = np.random.default_rng(73)
        nodes, leaves = trees * 3, trees * 4
        true, false, true_leaf, false_leaf = [], [], [], []
        for tree in range(trees):
            true += [3 * tree + 1, 4 * tree, 4 * tree + 2]
            false += [3 * tree + 2, 4 * tree + 1, 4 * tree + 3]
            true_leaf += [0, 1, 1]
            false_leaf += [0, 1, 1]
        splits = drawn.integers(-2, 3, nodes) / 2

        def tensor(name: str, values: Any, data: str = kind) -> Any:
            array = np.asarray(values).astype(TYPES[data])
            return helper.make_tensor(name, onnx_type(data), [len(array)], array)

        return {
            "n_targets": targets,
            "tree_roots": [3 * tree for tree in range(trees)],
            "nodes_featureids": [int(v) for v in drawn.integers(0, FEATURES, nodes)],
            "nodes_splits": tensor("splits", splits),
            "nodes_modes": tensor("modes", [modes[i % len(modes)] for i in range(nodes)], "u8"),
            "nodes_truenodeids": true,
            "nodes_falsenodeids": false,
            "nodes_trueleafs": true_leaf,
            "nodes_falseleafs": false_leaf,
            "leaf_targetids": [i % targets for i in range(leaves)],
            "leaf_weights": tensor("weights", drawn.standard_normal(leaves)),
        }

    op = "TreeEnsemble"
    for kind in ("f32", "f64", "f16"):
        # Nobody else knows how to transform sums of float16, and those of float64 are transformed in float32.
        tolerance = {"f16": 1e-3, "f32": 1e-5, "f64": 1e-9}[kind]
        more = {"rtol": tolerance, "atol": tolerance}
        x = table(kind)
        for name, code in codes.items():
            ml_case(op, f"{name.lower()}_{kind}", [x], 5, **attributes(kind, [code], 1), **more)
        for aggregate in range(4):
            ml_case(op, f"aggregate{aggregate}_{kind}", [x], 5, aggregate_function=aggregate,
                    **attributes(kind, list(codes.values()), 2, 4), **more)  # fmt: skip
        for transform in (1, 2, 3) if kind != "f16" else ():
            ml_case(op, f"transform{transform}_{kind}", [x], 5, post_transform=transform,
                    **attributes(kind, [0, 3], 3, 3), rtol=1e-6, atol=1e-6)  # fmt: skip
        gaps = attributes(kind, list(codes.values()), 1)
        gaps["nodes_missing_value_tracks_true"] = [i % 2 for i in range(6)]
        ml_case(op, f"missing_{kind}", [table(kind, True)], 5, **gaps, **more)


for make in (regressors, classifiers, ensembles):
    make()
