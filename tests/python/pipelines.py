"""Writes exported scikit-learn, LightGBM and XGBoost pipelines as test cases: `pipelines.py OUT [NAME...]`.

Each case is `OUT/<name>/` in the layout that case_files.py describes: the pipeline as skl2onnx or onnxmltools exports it,
rows of a data set that ships inside scikit-learn, and onnxruntime's answers. meta.json also holds

    outputs        per output its name and its kind, e.g. `seq(map(string,float))`
    operators      the (domain, operator, version) that the model uses, the version being the newest at or below its import
    trees          number of trees T over all tree ensembles (0: no trees)
    sum_abs_leaf   sum over the trees of their largest |leaf|, plus the largest |base value|: an answer that adds the same
                   leaves in another order stays within T * 2^-23 * sum_abs_leaf of this one, before the post transform

The union of the operators is written to `OUT/operators.txt`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common import tree_ensemble as tree_ensemble_export
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from case_files import fresh_folder, graph_inputs, value_kind, write_case

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
    """Two string columns (alcohol and colour in bands), one integer column and three numeric ones, with named classes."""
    features, target = wine()
    columns = {
        "alcohol": band(features[:, 0], ["light", "medium", "strong"])[:, None],
        "colour": band(features[:, 9], ["pale", "clear", "deep", "dark"])[:, None],
        "magnesium": features[:, 4].astype(np.int64)[:, None],
        "numbers": features[:, [1, 6, 12]],
    }
    return columns, np.array(["barolo", "grignolino", "barbera"])[target]


# Exports.


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


def import_ml(exported: Exported, version: int) -> Exported:
    """The same model under a newer import of ai.onnx.ml; exporters write the oldest that will do."""
    for opset in exported.model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = version
    onnx.checker.check_model(exported.model)
    return exported


def double_trees(exported: Exported) -> Exported:
    """The same forest with its floats as the double tensors that version 3 allows; the input becomes double too."""
    model = exported.model
    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        for attribute in list(node.attribute):
            if attribute.type == onnx.AttributeProto.FLOATS:
                name = f"{attribute.name}_as_tensor"
                tensor = numpy_helper.from_array(np.array(attribute.floats, np.float64), name)
                node.attribute.remove(attribute)
                node.attribute.append(helper.make_attribute(name, tensor))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    exported.feeds = {"X": exported.feeds["X"].astype(np.float64)}
    return import_ml(exported, 3)


def splits(node: onnx.NodeProto) -> list[tuple[int, Any]]:
    """The (feature, threshold) of each inner node of a tree ensemble, thresholds in the type that it holds them in."""
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if node.op_type == "TreeEnsemble":
        return list(zip(given["nodes_featureids"], numpy_helper.to_array(given["nodes_splits"])))
    if "nodes_values_as_tensor" in given:
        values = numpy_helper.to_array(given["nodes_values_as_tensor"])
    else:
        values = np.array(given["nodes_values"], np.float32)
    inner = [mode != b"LEAF" for mode in given["nodes_modes"]]
    return [(feature, value) for feature, value, keep in zip(given["nodes_featureids"], values, inner) if keep]


def with_edge_rows(exported: Exported) -> Exported:
    """Adds rows whose features lie on a threshold and one step of the type above and below it."""
    rows = exported.feeds["X"]
    node = next(node for node in exported.model.graph.node if node.op_type.startswith("TreeEnsemble"))
    edges = []
    for order, (feature, value) in enumerate(splits(node)[:60]):
        for edge in (value, np.nextafter(value, value.dtype.type(np.inf)), np.nextafter(value, -value.dtype.type(np.inf))):
            row = rows[order % len(rows)].copy()
            row[feature] = edge
            edges.append(row)
    exported.feeds = {"X": np.concatenate([rows, np.array(edges, rows.dtype)])}
    return exported


def integer_flags() -> Any:
    """While open, the exporter writes a leaf's `missing_value_tracks_true` as 0, not as the False that protobuf refuses."""
    add_node = tree_ensemble_export.add_node

    def add(*arguments: Any, nodes_missing_value_tracks_true: Any = 0, **named: Any) -> Any:
        return add_node(*arguments, nodes_missing_value_tracks_true=int(nodes_missing_value_tracks_true), **named)

    return mock.patch.object(tree_ensemble_export, "add_node", add)


@pipeline
def scalers_logistic_binary_zipmap() -> Exported:
    steps = make_pipeline(StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), LogisticRegression())
    return fitted(steps, cancer())


@pipeline
def logistic_binary_plain() -> Exported:
    return fitted(make_pipeline(StandardScaler(), LogisticRegression()), cancer(), zipmap=False)


@pipeline
def logistic_multinomial_string_zipmap() -> Exported:
    return fitted(make_pipeline(Normalizer(), LogisticRegression(C=50.0)), iris_names())


@pipeline
def logistic_multinomial_zipmap_columns() -> Exported:
    return fitted(make_pipeline(StandardScaler(), LogisticRegression()), wine(), zipmap="columns")


@pipeline
def normalizer_l1() -> Exported:
    return fitted(make_pipeline(Normalizer("l1"), StandardScaler()), iris())


@pipeline
def normalizer_max() -> Exported:
    return fitted(make_pipeline(Normalizer("max"), StandardScaler()), iris())


@pipeline
def linear_regression() -> Exported:
    return fitted(LinearRegression(), diabetes())


@pipeline
def linear_regression_multi_target() -> Exported:
    features, target = diabetes()
    return fitted(LinearRegression(), (features, np.stack([target, target**0.5], axis=1)))


@pipeline
def elastic_net_polynomial() -> Exported:
    return fitted(make_pipeline(PolynomialFeatures(2), StandardScaler(), ElasticNet(alpha=0.5)), diabetes())


@pipeline
def sgd_log_loss() -> Exported:
    steps = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    return fitted(steps, cancer(), zipmap=False)


@pipeline
def linear_svc() -> Exported:
    return fitted(make_pipeline(StandardScaler(), LinearSVC(random_state=0)), wine(), raw_scores=True)


@pipeline
def svc_rbf_probability() -> Exported:
    return fitted(make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)), wine(), zipmap=False)


@pipeline
def svc_rbf_binary() -> Exported:
    return fitted(make_pipeline(StandardScaler(), SVC(random_state=0)), cancer())


@pipeline
def svc_poly_string_classes() -> Exported:
    steps = make_pipeline(StandardScaler(), SVC(kernel="poly", degree=3, coef0=1.0, probability=True, random_state=0))
    return fitted(steps, iris_names())


@pipeline
def svc_linear() -> Exported:
    return fitted(make_pipeline(StandardScaler(), SVC(kernel="linear", random_state=0)), wine())


@pipeline
def svc_sigmoid_binary_probability() -> Exported:
    steps = make_pipeline(StandardScaler(), SVC(kernel="sigmoid", gamma=0.01, probability=True, random_state=0))
    return fitted(steps, cancer(), zipmap=False)


@pipeline
def nu_svc() -> Exported:
    return fitted(make_pipeline(StandardScaler(), NuSVC(nu=0.2, probability=True, random_state=0)), wine(), zipmap=False)


@pipeline
def svr_rbf() -> Exported:
    return fitted(make_pipeline(StandardScaler(), SVR(C=20.0)), diabetes())


@pipeline
def svr_poly() -> Exported:
    return fitted(make_pipeline(StandardScaler(), SVR(kernel="poly", degree=2, coef0=1.0)), diabetes())


@pipeline
def one_class_svm() -> Exported:
    return fitted(make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)), wine())


@pipeline
def decision_tree_classifier_v1() -> Exported:
    exported = fitted(DecisionTreeClassifier(max_depth=5, random_state=0), iris_names(), opset=OPSET_ML1)
    return with_edge_rows(exported)


@pipeline
def decision_tree_regressor_v1() -> Exported:
    return with_edge_rows(fitted(DecisionTreeRegressor(max_depth=6, random_state=0), diabetes(), opset=OPSET_ML1))


@pipeline
def random_forest_regressor_v3_double() -> Exported:
    return with_edge_rows(double_trees(fitted(RandomForestRegressor(8, max_depth=6, random_state=0), diabetes())))


@pipeline
def random_forest_classifier_v3_double() -> Exported:
    forest = RandomForestClassifier(8, max_depth=6, random_state=0)
    return with_edge_rows(double_trees(fitted(forest, wine(), zipmap=False)))


@pipeline
def random_forest_multiclass_v1() -> Exported:
    forest = RandomForestClassifier(25, max_depth=8, random_state=0)
    return fitted(forest, shuffled(datasets.load_digits()), opset=OPSET_ML1, zipmap=False)


@pipeline
def random_forest_multiclass_v3() -> Exported:
    exported = fitted(RandomForestClassifier(25, max_depth=8, random_state=0), wine(), zipmap=False)
    return with_edge_rows(import_ml(exported, 3))


@pipeline
def random_forest_binary_zipmap() -> Exported:
    return fitted(RandomForestClassifier(20, max_depth=6, random_state=0), cancer())


@pipeline
def random_forest_regressor_v1() -> Exported:
    return fitted(RandomForestRegressor(20, max_depth=8, random_state=0), diabetes(), opset=OPSET_ML1)


@pipeline
def random_forest_regressor_two_targets() -> Exported:
    features, target = diabetes()
    forest = RandomForestRegressor(12, max_depth=6, random_state=0)
    return fitted(forest, (features, np.stack([target, -target], axis=1)))


@pipeline
def extra_trees_regressor() -> Exported:
    return fitted(ExtraTreesRegressor(20, max_depth=8, random_state=0), diabetes())


@pipeline
def gradient_boosting_binary() -> Exported:
    return fitted(GradientBoostingClassifier(n_estimators=40, random_state=0), cancer(), zipmap=False)


@pipeline
def gradient_boosting_multiclass() -> Exported:
    return fitted(GradientBoostingClassifier(n_estimators=20, random_state=0), iris_names(), zipmap=False)


@pipeline
def gradient_boosting_regressor() -> Exported:
    return fitted(GradientBoostingRegressor(n_estimators=50, random_state=0), diabetes())


@pipeline
def hist_gradient_boosting_classifier_missing() -> Exported:
    features, target = cancer()
    boosted = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    return fitted(boosted, (with_missing(features), target), zipmap=False)


@pipeline
def hist_gradient_boosting_regressor() -> Exported:
    return fitted(HistGradientBoostingRegressor(max_iter=40, random_state=0), diabetes())


@pipeline
def ada_boost() -> Exported:
    boosted = AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=10, random_state=0)
    return fitted(boosted, iris(), zipmap=False)


@pipeline
def isolation_forest() -> Exported:
    return fitted(IsolationForest(n_estimators=20, random_state=0), wine())


@pipeline
def nearest_neighbours() -> Exported:
    return fitted(make_pipeline(StandardScaler(), KNeighborsClassifier(5)), wine(), zipmap=False)


@pipeline
def k_means() -> Exported:
    return fitted(make_pipeline(StandardScaler(), KMeans(4, n_init=3, random_state=0)), wine())


@pipeline
def gaussian_bayes() -> Exported:
    return fitted(GaussianNB(), wine(), zipmap=False)


@pipeline
def mlp_classifier() -> Exported:
    network = MLPClassifier((16, 8), max_iter=300, random_state=0)
    return fitted(make_pipeline(StandardScaler(), network), wine(), zipmap=False)


@pipeline
def mlp_regressor_tanh() -> Exported:
    network = MLPRegressor(hidden_layer_sizes=(12,), activation="tanh", max_iter=300, random_state=0)
    return fitted(make_pipeline(StandardScaler(), network), diabetes())


@pipeline
def pca_selection_logistic() -> Exported:
    steps = make_pipeline(SelectKBest(k=20), StandardScaler(), PCA(8, random_state=0), LogisticRegression())
    return fitted(steps, cancer(), zipmap=False)


@pipeline
def binarizer_bins() -> Exported:
    bins = KBinsDiscretizer(4, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf")
    return fitted(make_pipeline(bins, Binarizer(threshold=0.5), LinearRegression()), diabetes())


@pipeline
def imputer_scaler_logistic_missing() -> Exported:
    features, target = cancer()
    steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    return fitted(steps, (with_missing(features), target), zipmap=False)


@pipeline
def one_hot_strings() -> Exported:
    columns, _ = wine_columns()
    strings = np.concatenate([columns["alcohol"], columns["colour"]], axis=1)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(strings[ROWS:])
    rows = strings[:ROWS].copy()
    rows[3, 0], rows[5, 1] = "unheard of", ""
    model = to_onnx(encoder, initial_types=[("X", StringTensorType([None, 2]))], target_opset=OPSET)
    return Exported(model, {"X": rows})


@pipeline
def one_hot_integers() -> Exported:
    columns, _ = wine_columns()
    integers = np.concatenate([columns["magnesium"] // 10, columns["magnesium"] % 3], axis=1)
    encoder = OneHotEncoder(handle_unknown="ignore").fit(integers[ROWS:])
    rows = integers[:ROWS].copy()
    rows[2, 0] = -99
    model = to_onnx(encoder, initial_types=[("X", Int64TensorType([None, 2]))], target_opset=OPSET)
    return Exported(model, {"X": rows})


@pipeline
def ordinal_strings() -> Exported:
    columns, _ = wine_columns()
    strings = np.concatenate([columns["alcohol"], columns["colour"]], axis=1)
    encoder = OrdinalEncoder().fit(strings)
    model = to_onnx(encoder, initial_types=[("X", StringTensorType([None, 2]))], target_opset=OPSET)
    return Exported(model, {"X": strings[:ROWS]})


def wine_table() -> tuple[Any, np.ndarray, dict[str, np.ndarray], list[tuple[str, Any]]]:
    """The wine columns as a data frame, its target, its rows to ask about as model inputs, and their types."""
    import pandas as pd

    columns, target = wine_columns()
    flat = {"alcohol": columns["alcohol"][:, 0], "colour": columns["colour"][:, 0], "magnesium": columns["magnesium"][:, 0]}
    types = [("alcohol", StringTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    types.append(("magnesium", Int64TensorType([None, 1])))
    for index, name in enumerate(("malic_acid", "flavanoids", "proline")):
        flat[name] = columns["numbers"][:, index]
        types.append((name, FloatTensorType([None, 1])))
    feeds = {name: column[:ROWS, None] for name, column in flat.items()}
    return pd.DataFrame(flat), target, feeds, types


@pipeline
def columns_logistic_string_classes() -> Exported:
    table, target, feeds, types = wine_table()
    prepare = ColumnTransformer(
        [
            ("names", OneHotEncoder(handle_unknown="ignore"), ["alcohol", "colour"]),
            ("magnesium", MinMaxScaler(), ["magnesium"]),
            ("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), ["malic_acid", "flavanoids", "proline"]),
        ]
    )
    steps = Pipeline([("prepare", prepare), ("classify", LogisticRegression())]).fit(table[ROWS:], target[ROWS:])
    feeds["colour"] = feeds["colour"].copy()
    feeds["colour"][1] = "unheard of"
    feeds["proline"] = feeds["proline"].copy()
    feeds["proline"][2] = np.nan
    return Exported(to_onnx(steps, initial_types=types, target_opset=OPSET), feeds)


@pipeline
def columns_ordinal_forest() -> Exported:
    table, target, feeds, types = wine_table()
    prepare = ColumnTransformer([("names", OrdinalEncoder(), ["alcohol", "colour"])], remainder="passthrough")
    forest = RandomForestClassifier(15, max_depth=6, random_state=0)
    steps = Pipeline([("prepare", prepare), ("classify", forest)]).fit(table[ROWS:], target[ROWS:])
    return Exported(to_onnx(steps, initial_types=types, target_opset=OPSET, options={id(forest): {"zipmap": False}}), feeds)


# LightGBM and XGBoost.


def boosted(
    convert: Callable[..., onnx.ModelProto], estimator: Any, data: tuple[np.ndarray, np.ndarray], **options: Any
) -> Exported:
    """Fits a boosted forest on all rows but the first ROWS and exports it through onnxmltools."""
    features, target = data
    estimator.fit(features[ROWS:], target[ROWS:])
    types = [("X", ToolsFloat([None, features.shape[1]]))]
    return Exported(convert(estimator, initial_types=types, target_opset=15, **options), {"X": features[:ROWS]})


def lightgbm(kind: str, data: tuple[np.ndarray, np.ndarray], **options: Any) -> Exported:
    import lightgbm as lgb

    settings = {"n_estimators": 40, "num_leaves": 15, "min_child_samples": 5, "n_jobs": 1, "verbose": -1, "random_state": 0}
    return boosted(convert_lightgbm, getattr(lgb, kind)(**settings), data, **options)


def xgboost(kind: str, data: tuple[np.ndarray, np.ndarray], **settings: Any) -> Exported:
    import xgboost as xgb

    estimator = getattr(xgb, kind)(n_estimators=30, max_depth=4, n_jobs=1, random_state=0, **settings)
    return boosted(convert_xgboost, estimator, data)


@pipeline
def lightgbm_binary() -> Exported:
    return lightgbm("LGBMClassifier", cancer(), zipmap=False)


@pipeline
def lightgbm_binary_zipmap_missing() -> Exported:
    features, target = cancer()
    return lightgbm("LGBMClassifier", (with_missing(features), target))


@pipeline
def lightgbm_multiclass() -> Exported:
    return lightgbm("LGBMClassifier", wine(), zipmap=False)


@pipeline
def lightgbm_regressor_missing() -> Exported:
    features, target = diabetes()
    return lightgbm("LGBMRegressor", (with_missing(features), target))


@pipeline
def xgboost_binary() -> Exported:
    return xgboost("XGBClassifier", cancer())


@pipeline
def xgboost_multiclass_missing() -> Exported:
    features, target = wine()
    return xgboost("XGBClassifier", (with_missing(features), target))


@pipeline
def xgboost_regressor_missing() -> Exported:
    features, target = diabetes()
    return xgboost("XGBRegressor", (with_missing(features), target))


# TreeEnsemble (ai.onnx.ml 5), which no exporter writes yet: built from the arrays of scikit-learn trees.


def tree_ensemble(trees: list[Any], dtype: type, scale: float) -> onnx.ModelProto:
    """A TreeEnsemble that adds the trees' leaves times `scale`; every output of a leaf is one target."""
    nodes: dict[str, list[Any]] = {name: [] for name in ("feature", "split", "true", "true_leaf", "false", "false_leaf")}
    leaf_targets: list[int] = []
    leaf_weights: list[float] = []
    roots: list[int] = []
    targets = trees[0].value.shape[1] * trees[0].value.shape[2]
    for tree in trees:
        if targets != 1:
            raise ValueError("a leaf of TreeEnsemble holds one weight: trees must have one output")
        inner = [index for index in range(tree.node_count) if tree.children_left[index] >= 0]
        if not inner:
            raise ValueError("a tree of one leaf has no node to start at")
        place = {index: len(nodes["feature"]) + order for order, index in enumerate(inner)}
        roots.append(place[0])

        def child(index: int) -> tuple[int, int]:
            if index in place:
                return place[index], 0
            leaf_targets.append(0)
            leaf_weights.append(float(tree.value[index].ravel()[0]) * scale)
            return len(leaf_weights) - 1, 1

        for index in inner:
            nodes["feature"].append(int(tree.feature[index]))
            nodes["split"].append(float(tree.threshold[index]))
            for side, target in (("true", tree.children_left[index]), ("false", tree.children_right[index])):
                where, is_leaf = child(int(target))
                nodes[side].append(where)
                nodes[f"{side}_leaf"].append(is_leaf)
    count = len(nodes["feature"])
    node = helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=roots,
        nodes_modes=numpy_helper.from_array(np.zeros(count, np.uint8), "nodes_modes"),
        nodes_featureids=nodes["feature"],
        nodes_splits=numpy_helper.from_array(np.array(nodes["split"], dtype), "nodes_splits"),
        nodes_truenodeids=nodes["true"],
        nodes_trueleafs=nodes["true_leaf"],
        nodes_falsenodeids=nodes["false"],
        nodes_falseleafs=nodes["false_leaf"],
        leaf_targetids=leaf_targets,
        leaf_weights=numpy_helper.from_array(np.array(leaf_weights, dtype), "leaf_weights"),
    )
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [node],
        "tree_ensemble",
        [helper.make_tensor_value_info("X", element, [None, trees[0].n_features])],
        [helper.make_tensor_value_info("Y", element, [None, targets])],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    onnx.checker.check_model(model)
    return model


def tree_ensemble_case(dtype: type, forest: Any, members: Callable[[Any], list[Any]], scale: float) -> Exported:
    """A TreeEnsemble case, checked against scikit-learn on the rows it asks about."""
    features, target = diabetes()
    features = features.astype(dtype)
    forest.fit(features[ROWS:], target[ROWS:])
    model = tree_ensemble(members(forest), dtype, scale)
    answers = ReferenceEvaluator(model).run(None, {"X": features[:ROWS]})[0]
    np.testing.assert_allclose(answers[:, 0], forest.predict(features[:ROWS]), rtol=1e-4)
    return with_edge_rows(Exported(model, {"X": features[:ROWS]}))


@pipeline
def tree_ensemble_v5_single() -> Exported:
    tree = DecisionTreeRegressor(max_depth=5, random_state=0)
    return tree_ensemble_case(np.float32, tree, lambda fit: [fit.tree_], 1.0)


@pipeline
def tree_ensemble_v5_forest_double() -> Exported:
    forest = RandomForestRegressor(10, max_depth=6, random_state=0)
    return tree_ensemble_case(np.float64, forest, lambda fit: [member.tree_ for member in fit.estimators_], 0.1)


# Facts about a model.


def operators(model: onnx.ModelProto) -> list[tuple[str, str, int]]:
    """The (domain, operator, version) that the graph and its subgraphs use."""
    imports = {opset.domain: opset.version for opset in model.opset_import}
    found: set[tuple[str, str, int]] = set()

    def visit(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            domain = "" if node.domain == "ai.onnx" else node.domain
            schema = onnx.defs.get_schema(node.op_type, imports[domain], domain)
            found.add((domain, node.op_type, schema.since_version))
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    visit(attribute.g)

    visit(model.graph)
    return sorted(found)


def forest_bounds(model: onnx.ModelProto) -> tuple[int, float]:
    """Number of trees, and the sum over them of their largest |leaf| plus the largest |base value|."""
    trees, total = 0, 0.0
    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "TreeEnsemble":
            count = len(given["tree_roots"])
            largest = [float(np.abs(numpy_helper.to_array(given["leaf_weights"])).max())] * count
        else:
            prefix = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
            weights = given.get(f"{prefix}_weights") or numpy_helper.to_array(given[f"{prefix}_weights_as_tensor"])
            ids = np.asarray(given[f"{prefix}_treeids"])
            largest = [float(np.abs(np.asarray(weights)[ids == tree]).max()) for tree in np.unique(ids)]
            count = len(np.unique(given["nodes_treeids"]))
        base = given.get("base_values")
        if base is None and "base_values_as_tensor" in given:
            base = numpy_helper.to_array(given["base_values_as_tensor"])
        trees += count
        total += sum(largest) + (float(np.abs(base).max()) if base is not None and len(base) else 0.0)
    return trees, total


def write_pipeline(folder: Path, exported: Exported) -> list[tuple[str, str, int]]:
    """Asks onnxruntime and writes the case; gives the operators it uses."""
    model = exported.model
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # some exporters declare output shapes that their own models do not keep
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    infos = graph_inputs(model)
    inputs = [exported.feeds[info.name] for info in infos]
    outputs = session.run(None, dict(zip((info.name for info in infos), inputs)))
    used = operators(model)
    trees, sum_abs_leaf = forest_bounds(model)
    write_case(
        folder,
        model,
        [(inputs, outputs)],
        "pipeline",
        exported.rtol,
        exported.atol,
        outputs=[{"name": info.name, "kind": value_kind(info)} for info in model.graph.output],
        operators=used,
        trees=trees,
        sum_abs_leaf=sum_abs_leaf,
        **exported.more,
    )
    return used


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    names = sys.argv[2:] or list(PIPELINES)
    out = Path(sys.argv[1])
    if not sys.argv[2:]:
        fresh_folder(out)
    used: set[tuple[str, str, int]] = set()
    for name in names:
        used.update(write_pipeline(out / name, PIPELINES[name]()))
    lines = [f"{domain or 'ai.onnx'} {operator} {version}" for domain, operator, version in sorted(used)]
    if not sys.argv[2:]:
        (out / "operators.txt").write_text("\n".join(lines) + "\n")
    print(f"pipelines: {len(names)} cases, {len(lines)} operators")


if __name__ == "__main__":
    main()
