"""Forests as pipelines: scikit-learn, LightGBM and XGBoost exports, and trees in the forms that no exporter writes.

Those are ai.onnx.ml 3 with doubles, rewritten from version 1, and TreeEnsemble of ai.onnx.ml 5, built from the arrays
of scikit-learn trees. Rows on the edge of a threshold show whether a runtime compares in the right type and direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from pipelines_base import (
    OPSET_ML1,
    ROWS,
    Exported,
    cancer,
    diabetes,
    fitted,
    iris,
    iris_names,
    pipeline,
    shuffled,
    wine,
    with_missing,
)
from sklearn import datasets
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
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


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
        return list(zip(given["nodes_featureids"], numpy_helper.to_array(given["nodes_splits"]), strict=True))
    if "nodes_values_as_tensor" in given:
        values = numpy_helper.to_array(given["nodes_values_as_tensor"])
    else:
        values = np.array(given["nodes_values"], np.float32)
    inner = [mode != b"LEAF" for mode in given["nodes_modes"]]
    nodes = zip(given["nodes_featureids"], values, inner, strict=True)
    return [(feature, value) for feature, value, keep in nodes if keep]


def with_edge_rows(exported: Exported) -> Exported:
    """Adds rows whose features lie on a threshold and one step of the type above and below it."""
    rows = exported.feeds["X"]
    node = next(node for node in exported.model.graph.node if node.op_type.startswith("TreeEnsemble"))
    edges = []
    for order, (feature, value) in enumerate(splits(node)[:60]):
        for edge in (
            value,
            np.nextafter(value, value.dtype.type(np.inf)),
            np.nextafter(value, -value.dtype.type(np.inf)),
        ):
            row = rows[order % len(rows)].copy()
            row[feature] = edge
            edges.append(row)
    exported.feeds = {"X": np.concatenate([rows, np.array(edges, rows.dtype)])}
    return exported


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

    settings = {
        "n_estimators": 40,
        "num_leaves": 15,
        "min_child_samples": 5,
        "n_jobs": 1,
        "verbose": -1,
        "random_state": 0,
    }
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


def tree_ensemble(trees: list[Any], dtype: type, scale: float) -> onnx.ModelProto:
    """A TreeEnsemble of one target that adds the trees' leaves times `scale`."""
    sides = ("true", "true_leaf", "false", "false_leaf")
    nodes: dict[str, list[Any]] = {name: [] for name in ("feature", "split", *sides)}
    leaf_weights: list[float] = []
    roots: list[int] = []
    for tree in trees:
        inner = [index for index in range(tree.node_count) if tree.children_left[index] >= 0]
        if not inner or tree.value[0].size != 1:
            raise ValueError("needs trees of one output and more than one leaf")
        place = {index: len(nodes["feature"]) + order for order, index in enumerate(inner)}
        roots.append(place[0])
        for index in inner:
            nodes["feature"].append(int(tree.feature[index]))
            nodes["split"].append(float(tree.threshold[index]))
            for side, child in (("true", tree.children_left[index]), ("false", tree.children_right[index])):
                is_leaf = child not in place
                nodes[f"{side}_leaf"].append(int(is_leaf))
                nodes[side].append(len(leaf_weights) if is_leaf else place[child])
                if is_leaf:
                    leaf_weights.append(float(tree.value[child].item()) * scale)
    count = len(nodes["feature"])
    node = helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        n_targets=1,
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
        leaf_targetids=[0] * len(leaf_weights),
        leaf_weights=numpy_helper.from_array(np.array(leaf_weights, dtype), "leaf_weights"),
    )
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [node],
        "tree_ensemble",
        [helper.make_tensor_value_info("X", element, [None, trees[0].n_features])],
        [helper.make_tensor_value_info("Y", element, [None, 1])],
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
