"""Writes drawn forests as scikit-learn's, LightGBM's and XGBoost's converters export them, and what onnxruntime answers,
for planner/tests/ensembles.rs.

    python tests/python/ensembles_cases.py OUT

Each case is a folder OUT/NAME:
    model.onnx     the export, its trees as they come
    rows.f32       [rows, features], little-endian f32: rows like those it was trained on, rows with thresholds of the trees
                   and their neighbours, and rows with NaN, infinities, zeros of both signs and denormals
    scores.f32     [rows, outputs], onnxruntime's scores or probabilities
    labels.i64     [rows], its labels, of classifiers
    meta.json      features, outputs, and how far two sums of one row may lie apart

Two sums of T numbers in f32, whatever their order, lie at most T * 2^-23 * sum |number| apart (Higham, Accuracy and Stability
of Numerical Algorithms, 2002, section 4.2); the sum is taken over each tree's largest leaf. A link after them (logistic,
softmax) does not widen that, and adds its own rounding.

Everything is seeded and runs on one thread. Needs the packages in requirements.txt.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime as ort
import xgboost as xgb
from onnx import helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from pipelines_base import OPSET, integer_flags
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn import ensemble, tree

CASES = 216
ROUNDING = 2.0**-21
SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38], np.float32
)


def scikit(kind: type, estimators: bool = True) -> Callable[..., Any]:
    """A maker of scikit-learn's forests of a kind."""

    def make(rng: np.random.Generator) -> Any:
        size = {"n_estimators": int(rng.integers(1, 25))} if estimators else {}
        return kind(max_depth=int(rng.integers(1, 9)), random_state=0, **size)

    return make


def histogram(kind: type) -> Callable[..., Any]:
    def make(rng: np.random.Generator) -> Any:
        shape = {"max_iter": int(rng.integers(1, 25)), "max_leaf_nodes": int(rng.integers(2, 40))}
        return kind(min_samples_leaf=3, early_stopping=False, random_state=0, **shape)

    return make


def lightgbm(kind: type) -> Callable[..., Any]:
    def make(rng: np.random.Generator) -> Any:
        shape = {"n_estimators": int(rng.integers(1, 40)), "num_leaves": int(rng.integers(2, 70))}
        return kind(min_child_samples=3, n_jobs=1, verbose=-1, random_state=0, **shape)

    return make


def xgboost(kind: type) -> Callable[..., Any]:
    def make(rng: np.random.Generator) -> Any:
        shape = {"n_estimators": int(rng.integers(1, 40)), "max_depth": int(rng.integers(1, 8))}
        return kind(n_jobs=1, random_state=0, **shape)

    return make


# Maker, exporter, and the classes of the target: none, two, or some.
KINDS: dict[str, tuple[Callable[..., Any], str, int]] = {
    "tree": (scikit(tree.DecisionTreeRegressor, estimators=False), "scikit", 0),
    "tree_classes": (scikit(tree.DecisionTreeClassifier, estimators=False), "scikit", 3),
    "forest": (scikit(ensemble.RandomForestRegressor), "scikit", 0),
    "forest_two": (scikit(ensemble.RandomForestClassifier), "scikit", 2),
    "forest_classes": (scikit(ensemble.RandomForestClassifier), "scikit", 4),
    "extra": (scikit(ensemble.ExtraTreesRegressor), "scikit", 0),
    "boosting": (scikit(ensemble.GradientBoostingRegressor), "scikit", 0),
    "boosting_two": (scikit(ensemble.GradientBoostingClassifier), "scikit", 2),
    "boosting_classes": (scikit(ensemble.GradientBoostingClassifier), "scikit", 3),
    "histogram": (histogram(ensemble.HistGradientBoostingRegressor), "scikit", 0),
    "histogram_two": (histogram(ensemble.HistGradientBoostingClassifier), "scikit", 2),
    "histogram_classes": (histogram(ensemble.HistGradientBoostingClassifier), "scikit", 3),
    "lightgbm": (lightgbm(lgb.LGBMRegressor), "lightgbm", 0),
    "lightgbm_two": (lightgbm(lgb.LGBMClassifier), "lightgbm", 2),
    "lightgbm_classes": (lightgbm(lgb.LGBMClassifier), "lightgbm", 3),
    "xgboost": (xgboost(xgb.XGBRegressor), "xgboost", 0),
    "xgboost_two": (xgboost(xgb.XGBClassifier), "xgboost", 2),
    "xgboost_classes": (xgboost(xgb.XGBClassifier), "xgboost", 3),
}
# What these are trained on may be missing.
MISSING = ("histogram", "lightgbm", "xgboost")


def data(rng: np.random.Generator, classes: int, missing: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a few features, some of them whole numbers, and a target."""
    features = int(rng.integers(2, 12))
    rows = rng.standard_normal((300, features)).astype(np.float32)
    rows[:, ::3] = np.round(rows[:, ::3] * 3)
    target = rows[:, 0] * 2 + np.sin(3 * rows[:, 1]) + rng.standard_normal(300) * 0.1
    if missing:
        rows[rng.random(rows.shape) < 0.1] = np.nan
    if classes:
        target = np.searchsorted(np.quantile(target, np.linspace(0, 1, classes + 1)[1:-1]), target)
    return rows, target


def export(estimator: Any, how: str, features: int) -> onnx.ModelProto:
    if how == "scikit":
        options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
        types = [("X", FloatTensorType([None, features]))]
        with integer_flags():
            return to_onnx(estimator, initial_types=types, target_opset=OPSET, options=options)
    types = [("X", ToolsFloat([None, features]))]
    if how == "xgboost":
        return convert_xgboost(estimator, initial_types=types, target_opset=15)
    options = {"zipmap": False} if hasattr(estimator, "classes_") else {}
    return convert_lightgbm(estimator, initial_types=types, target_opset=15, **options)


def floats(given: dict[str, Any], name: str) -> np.ndarray:
    """A float attribute, or the tensor that stands for it."""
    if f"{name}_as_tensor" in given:
        return numpy_helper.to_array(given[f"{name}_as_tensor"]).astype(np.float64)
    return np.array(given.get(name, []), np.float64)


def forests(model: onnx.ModelProto) -> list[dict[str, Any]]:
    """The attributes of the model's tree ensembles."""
    nodes = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    return [{a.name: helper.get_attribute_value(a) for a in node.attribute} for node in nodes]


def bound(model: onnx.ModelProto) -> float:
    """How far two sums of a row may lie apart; see above."""
    most = 0.0
    for given in forests(model):
        prefix = "class" if "class_weights" in given or "class_weights_as_tensor" in given else "target"
        weights, trees = np.abs(floats(given, f"{prefix}_weights")), np.array(given[f"{prefix}_treeids"])
        largest = sum(weights[trees == number].max() for number in np.unique(trees))
        base = np.abs(floats(given, "base_values")).max(initial=0.0)
        most += (len(np.unique(trees)) + 1) * 2.0**-23 * (largest + base)
    return most


def asked(rng: np.random.Generator, model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    """Rows as trained on, on the edges of thresholds, and with values that comparisons trip over."""
    edges, columns = [], rows.shape[1]
    for given in forests(model):
        inner = [mode != b"LEAF" for mode in given["nodes_modes"]]
        splits = list(zip(np.array(given["nodes_featureids"])[inner], floats(given, "nodes_values")[inner], strict=True))
        for order in rng.permutation(len(splits))[:30]:
            feature, threshold = splits[order][0], np.float32(splits[order][1])
            for value in (threshold, np.nextafter(threshold, np.float32(np.inf)), np.nextafter(threshold, np.float32(-np.inf))):
                edges.append(rows[order % len(rows)].copy())
                edges[-1][feature] = value
    odd = rows[: 2 * len(SPECIAL)].copy()
    odd[np.arange(len(odd)), rng.integers(0, columns, len(odd))] = np.tile(SPECIAL, 2)
    return np.concatenate([rows[:60], *([np.array(edges, np.float32)] if edges else []), odd])


def write(out: Path, number: int) -> None:
    name, (make, how, classes) = list(KINDS.items())[number % len(KINDS)]
    rng = np.random.default_rng(number)
    rows, target = data(rng, classes, name.startswith(MISSING))
    estimator = make(rng).fit(rows, target)
    model = export(estimator, how, rows.shape[1])
    rows = asked(rng, model, rows)
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answers = session.run(None, {"X": rows})
    folder = out / f"{name}_{number:03}"
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    rows.astype("<f4").tofile(folder / "rows.f32")
    scores = answers[-1].reshape(len(rows), -1)
    scores.astype("<f4").tofile(folder / "scores.f32")
    if classes:
        answers[0].astype("<i8").tofile(folder / "labels.i64")
    meta = {"features": rows.shape[1], "outputs": scores.shape[1], "bound": bound(model) + ROUNDING}
    (folder / "meta.json").write_text(json.dumps(meta))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.filterwarnings("ignore")
    xgb.set_config(verbosity=0)
    out = Path(sys.argv[1])
    for number in range(CASES):
        write(out, number)
    print(f"ensembles: {CASES} forests with onnxruntime's answers in {out}")


if __name__ == "__main__":
    main()
