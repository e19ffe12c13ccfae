"""What every pipeline case shares: the list of makers, the rows they use, and the export of a fitted estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import onnx
from skl2onnx import to_onnx
from skl2onnx.common import tree_ensemble as tree_ensemble_export
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn import datasets
from sklearn.pipeline import Pipeline

ROWS = 40
OPSET = {"": 18, "ai.onnx.ml": 3}
OPSET_ML1 = {"": 15, "ai.onnx.ml": 1}


@dataclass
class Exported:
    """One exported pipeline and the rows it is asked about, by input name."""

    model: onnx.ModelProto
    feeds: dict[str, np.ndarray]
    rtol: float = 1e-4
    atol: float = 1e-5
    more: dict[str, Any] = field(default_factory=dict)


PIPELINES: dict[str, Callable[[], Exported]] = {}


def pipeline(make: Callable[[], Exported]) -> Callable[[], Exported]:
    """Lists a maker under its function's name."""
    PIPELINES[make.__name__] = make
    return make


# Data: rows that ship inside scikit-learn, in a fixed shuffled order.


def shuffled(bunch: Any, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Features and target of a data set in a seeded order."""
    order = np.random.default_rng(7).permutation(len(bunch.data))
    return bunch.data[order].astype(dtype), bunch.target[order]


def iris() -> tuple[np.ndarray, np.ndarray]:
    return shuffled(datasets.load_iris())


def iris_names() -> tuple[np.ndarray, np.ndarray]:
    """Iris with the species' names as target."""
    features, target = iris()
    return features, datasets.load_iris().target_names[target].astype(str)


def cancer() -> tuple[np.ndarray, np.ndarray]:
    return shuffled(datasets.load_breast_cancer())


def wine() -> tuple[np.ndarray, np.ndarray]:
    return shuffled(datasets.load_wine())


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    return shuffled(datasets.load_diabetes())


def with_missing(features: np.ndarray, share: float = 0.15) -> np.ndarray:
    """The features with a seeded share of them missing."""
    holes = np.random.default_rng(11).random(features.shape) < share
    return np.where(holes, np.float32(np.nan), features)


def band(column: np.ndarray, names: list[str]) -> np.ndarray:
    """A numeric column cut at its quantiles into named bands."""
    edges = np.quantile(column, np.linspace(0, 1, len(names) + 1)[1:-1])
    return np.array(names, dtype=object)[np.searchsorted(edges, column)]


def wine_columns() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two string columns (alcohol and colour in bands), an integer column and three numeric ones; named classes."""
    features, target = wine()
    columns = {
        "alcohol": band(features[:, 0], ["light", "medium", "strong"])[:, None],
        "colour": band(features[:, 9], ["pale", "clear", "deep", "dark"])[:, None],
        "magnesium": features[:, 4].astype(np.int64)[:, None],
        "numbers": features[:, [1, 6, 12]],
    }
    return columns, np.array(["barolo", "grignolino", "barbera"])[target]


def integer_flags() -> Any:
    """While open, the exporter writes a leaf's `missing_value_tracks_true` as 0; protobuf refuses its False."""
    add_node = tree_ensemble_export.add_node

    def add(*arguments: Any, nodes_missing_value_tracks_true: Any = 0, **named: Any) -> Any:
        return add_node(*arguments, nodes_missing_value_tracks_true=int(nodes_missing_value_tracks_true), **named)

    return mock.patch.object(tree_ensemble_export, "add_node", add)


def fitted(
    estimator: Any, data: tuple[np.ndarray, np.ndarray], *, opset: dict[str, int] = OPSET, **options: Any
) -> Exported:
    """Fits on all rows but the first ROWS and exports with one float (or double) matrix `X` as input."""
    features, target = data
    estimator.fit(features[ROWS:], target[ROWS:])
    kind = DoubleTensorType if features.dtype == np.float64 else FloatTensorType
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    with integer_flags():
        model = to_onnx(
            estimator,
            initial_types=[("X", kind([None, features.shape[1]]))],
            target_opset=opset,
            options={id(last): options} if options else None,
        )
    return Exported(model, {"X": features[:ROWS]})
