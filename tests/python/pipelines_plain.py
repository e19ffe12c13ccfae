"""Pipelines without trees of their own: scalers, encoders, linear models, support vectors, neighbours, networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from pipelines_base import (
    OPSET,
    ROWS,
    Exported,
    cancer,
    diabetes,
    fitted,
    iris,
    iris_names,
    pipeline,
    wine,
    wine_columns,
    with_missing,
)
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    RandomForestClassifier,
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
    return fitted(
        make_pipeline(StandardScaler(), NuSVC(nu=0.2, probability=True, random_state=0)), wine(), zipmap=False
    )


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
    flat = {
        "alcohol": columns["alcohol"][:, 0],
        "colour": columns["colour"][:, 0],
        "magnesium": columns["magnesium"][:, 0],
    }
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
            (
                "numbers",
                Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]),
                ["malic_acid", "flavanoids", "proline"],
            ),
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
    return Exported(
        to_onnx(steps, initial_types=types, target_opset=OPSET, options={id(forest): {"zipmap": False}}), feeds
    )
