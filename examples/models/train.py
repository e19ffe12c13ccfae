"""Trains the example models and writes their data: `train.py` (no arguments; needs tests/python/requirements.txt).

Beside this script: breast_cancer.lgbm.txt, breast_cancer.onnx, wine_pipeline.onnx, digits_cnn.onnx. In ../data, with
all rows of each data set and a column `split` that says which ones were trained on: breast_cancer.parquet,
wine.parquet, digits.parquet. The data sets ship inside scikit-learn, every seed is fixed, and the files carry no
dates, so a second run writes the same bytes on the same machine.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MODELS = Path(__file__).resolve().parent
DATA = MODELS.parent / "data"
SEED = 5
TEST_SHARE = 0.25


def split_of(target: np.ndarray) -> np.ndarray:
    """For each row 'train' or 'test', a seeded quarter of every class being 'test'."""
    _, test = train_test_split(np.arange(len(target)), test_size=TEST_SHARE, random_state=SEED, stratify=target)
    split = np.full(len(target), "train", dtype=object)
    split[test] = "test"
    return split


def save_model(model: onnx.ModelProto, name: str) -> ort.InferenceSession:
    """Checks and writes a model, its graph named, imports in order and batch dimension `N`; gives a session on it."""
    model.graph.name = name
    model.producer_name, model.producer_version = "examples/models/train.py", ""
    imports = dict(sorted((opset.domain, opset.version) for opset in model.opset_import))
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in imports.items())
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.dim[0].Clear()
        info.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.checker.check_model(model, full_check=True)
    (MODELS / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def save_rows(table: pa.Table, name: str) -> None:
    """Writes the rows, without the notes that pandas leaves in a schema."""
    pq.write_table(table.replace_schema_metadata(None), DATA / f"{name}.parquet", compression="zstd")


def report(name: str, truth: np.ndarray, guess: np.ndarray, note: str = "") -> None:
    """Prints the accuracy on rows not trained on."""
    right = int((truth == guess).sum())
    print(f"{name}: {right} of {len(truth)} test rows right, accuracy {right / len(truth):.4f}{note}")


def plain_name(name: str) -> str:
    """A column name that needs no quotes in SQL."""
    return name.replace(" ", "_").replace("/", "_")


# Breast cancer: a boosted forest, as LightGBM's own text file and as ONNX.


def breast_cancer() -> None:
    bunch = datasets.load_breast_cancer(as_frame=True)
    features = bunch.data.rename(columns=plain_name)
    malignant = (bunch.target_names[bunch.target] == "malignant").astype(np.int64)
    split = split_of(malignant)
    train, test = split == "train", split == "test"
    forest = lgb.LGBMClassifier(
        n_estimators=80,
        num_leaves=15,
        learning_rate=0.1,
        min_child_samples=10,
        random_state=SEED,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    ).fit(features[train], malignant[train])
    forest.booster_.save_model(MODELS / "breast_cancer.lgbm.txt")
    types = [("features", ToolsFloat([None, features.shape[1]]))]
    session = save_model(convert_lightgbm(forest, initial_types=types, target_opset=15, zipmap=False), "breast_cancer")

    rows = features[test]
    scores = forest.booster_.predict(rows)
    label, probabilities = session.run(None, {"features": rows.to_numpy(np.float32)})
    apart = float(np.abs(probabilities[:, 1] - scores).max())
    report("breast_cancer.lgbm.txt", malignant[test], (scores > 0.5).astype(np.int64))
    report("breast_cancer.onnx", malignant[test], label, f", at most {apart:.1e} from the text file's probabilities")

    table = features.copy()
    table.insert(0, "id", np.arange(len(table), dtype=np.int64))
    table["diagnosis"] = bunch.target_names[bunch.target].astype(str)
    table["split"] = split
    save_rows(pa.Table.from_pandas(plain_strings(table), preserve_index=False), "breast_cancer")


def plain_strings(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its text columns as Python strings, which Arrow stores as Utf8 under every pandas version."""
    return table.assign(
        **{name: table[name].astype(object) for name in table.columns if table[name].dtype.kind not in "if"}
    )


# Wine: two columns of words and eleven of numbers, with words as classes.

# The data set gives its cultivars by number; these are their names in the study that it comes from (Forina et al.,
# 1988), which counts 59, 71 and 48 samples of them.
CULTIVARS = np.array(["barolo", "grignolino", "barbera"], dtype=object)
STRENGTH = (("light", "medium", "strong"), (12.5, 13.5))
COLOUR = (("pale", "ruby", "deep"), (3.5, 5.5))


def banded(column: pd.Series, bands: tuple[tuple[str, ...], tuple[float, ...]]) -> np.ndarray:
    """The band's name for each number; a number on an edge belongs to the upper band."""
    names, edges = bands
    return np.array(names, dtype=object)[np.searchsorted(edges, column.to_numpy(), side="right")]


def wine() -> None:
    bunch = datasets.load_wine(as_frame=True)
    table = bunch.data.rename(columns=plain_name)
    cultivar = CULTIVARS[bunch.target]
    split = split_of(cultivar)
    train, test = split == "train", split == "test"
    table.insert(0, "id", np.arange(len(table), dtype=np.int64))
    table["strength"] = banded(table["alcohol"], STRENGTH)
    table["colour"] = banded(table["color_intensity"], COLOUR)
    table["cultivar"], table["split"] = cultivar, split
    words = ["strength", "colour"]
    left_out = ["id", "alcohol", "color_intensity", "cultivar", "split"]
    numbers = [name for name in table.columns if name not in words + left_out]
    prepare = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore"), words), ("numbers", StandardScaler(), numbers)]
    )
    classify = LogisticRegression(max_iter=500)
    steps = Pipeline([("prepare", prepare), ("classify", classify)]).fit(table[train], cultivar[train])
    types: list[tuple[str, Any]] = [(name, StringTensorType([None, 1])) for name in words]
    types += [(name, FloatTensorType([None, 1])) for name in numbers]
    model = to_onnx(
        steps, initial_types=types, target_opset={"": 17, "ai.onnx.ml": 3}, options={id(classify): {"zipmap": False}}
    )
    rename(model, {"output_label": "label", "output_probability": "probabilities"})
    session = save_model(model, "wine_pipeline")

    rows = table[test]
    feeds = {name: rows[name].to_numpy(object)[:, None] for name in words}
    feeds |= {name: rows[name].to_numpy(np.float32)[:, None] for name in numbers}
    label, probabilities = session.run(None, feeds)
    apart = float(np.abs(probabilities - steps.predict_proba(rows)).max())
    report("wine_pipeline.onnx", cultivar[test], label, f", at most {apart:.1e} from scikit-learn's probabilities")
    save_rows(pa.Table.from_pandas(plain_strings(table), preserve_index=False), "wine")


def rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    """Renames outputs of the graph."""
    for node in model.graph.node:
        for slots in (node.input, node.output):
            for index, name in enumerate(slots):
                slots[index] = names.get(name, name)
    for info in model.graph.output:
        info.name = names.get(info.name, info.name)


# Digits: a small convolutional network, trained in numpy.

CHANNELS = 8
CLASSES = 10
EPOCHS = 40
BATCH = 32
STEP = 3e-3


def patches(images: np.ndarray) -> np.ndarray:
    """The zero-padded 3x3 patch around each pixel: [N, 8, 8] -> [N, 64, 9]."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows.reshape(len(images), 64, 9)


def forward(weights: dict[str, np.ndarray], images: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Class probabilities [N, 10], and what the backward pass needs."""
    seen = patches(images)
    raised = np.maximum(seen @ weights["kernel"] + weights["kernel_bias"], 0)  # [N, 64, C]
    cells = raised.reshape(-1, 4, 2, 4, 2, CHANNELS).transpose(0, 5, 1, 3, 2, 4).reshape(-1, CHANNELS, 4, 4, 4)
    pooled = cells.max(axis=-1).reshape(len(images), -1)  # [N, C * 16]
    scores = pooled @ weights["dense"] + weights["dense_bias"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), {
        "seen": seen,
        "raised": raised,
        "cells": cells,
        "pooled": pooled,
    }


def gradients(weights: dict[str, np.ndarray], images: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Gradients of the mean cross-entropy."""
    probabilities, kept = forward(weights, images)
    error = (probabilities - np.eye(CLASSES)[target]) / len(images)
    through_dense = (error @ weights["dense"].T).reshape(-1, CHANNELS, 4, 4)
    winners = kept["cells"].argmax(axis=-1)[..., None] == np.arange(4)
    through_pool = (winners * through_dense[..., None]).reshape(-1, CHANNELS, 4, 4, 2, 2)
    through_pool = through_pool.transpose(0, 2, 4, 3, 5, 1).reshape(-1, 64, CHANNELS) * (kept["raised"] > 0)
    return {
        "kernel": np.einsum("npk,npc->kc", kept["seen"], through_pool),
        "kernel_bias": through_pool.sum(axis=(0, 1)),
        "dense": kept["pooled"].T @ error,
        "dense_bias": error.sum(axis=0),
    }


def train_network(images: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Trains with Adam (Kingma and Ba, 2015) from seeded weights."""
    rng = np.random.default_rng(SEED)
    weights = {
        "kernel": rng.normal(0, np.sqrt(2 / 9), (9, CHANNELS)),
        "kernel_bias": np.zeros(CHANNELS),
        "dense": rng.normal(0, np.sqrt(1 / (CHANNELS * 16)), (CHANNELS * 16, CLASSES)),
        "dense_bias": np.zeros(CLASSES),
    }
    mean = {name: np.zeros_like(weight) for name, weight in weights.items()}
    spread = {name: np.zeros_like(weight) for name, weight in weights.items()}
    steps = 0
    for _ in range(EPOCHS):
        for batch in np.array_split(rng.permutation(len(images)), len(images) // BATCH):
            steps += 1
            for name, gradient in gradients(weights, images[batch], target[batch]).items():
                mean[name] = 0.9 * mean[name] + 0.1 * gradient
                spread[name] = 0.999 * spread[name] + 0.001 * gradient**2
                scale = np.sqrt(spread[name] / (1 - 0.999**steps)) + 1e-8
                weights[name] -= STEP * mean[name] / (1 - 0.9**steps) / scale
    return weights


def network_model(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The trained network as ONNX: `image` [N, 1, 8, 8] -> `probabilities` [N, 10] and `label` [N]."""
    kernel = weights["kernel"].T.reshape(CHANNELS, 1, 3, 3)
    constants = {
        "kernel": kernel.astype(np.float32),
        "kernel_bias": weights["kernel_bias"].astype(np.float32),
        "dense": weights["dense"].astype(np.float32),
        "dense_bias": weights["dense_bias"].astype(np.float32),
    }
    nodes = [
        helper.make_node(
            "Conv", ["image", "kernel", "kernel_bias"], ["seen"], name="conv", pads=[1, 1, 1, 1], kernel_shape=[3, 3]
        ),
        helper.make_node("Relu", ["seen"], ["raised"], name="relu"),
        helper.make_node("MaxPool", ["raised"], ["pooled"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten", axis=1),
        helper.make_node("Gemm", ["flat", "dense", "dense_bias"], ["scores"], name="dense"),
        helper.make_node("Softmax", ["scores"], ["probabilities"], name="softmax", axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], name="label", axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "digits_cnn",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES]),
            helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def digits() -> None:
    bunch = datasets.load_digits()
    images, target = bunch.images / 16.0, bunch.target.astype(np.int64)
    split = split_of(target)
    train, test = split == "train", split == "test"
    weights = train_network(images[train], target[train])
    session = save_model(network_model(weights), "digits_cnn")
    pixels = images.astype(np.float32).reshape(-1, 1, 8, 8)
    probabilities, label = session.run(None, {"image": pixels[test]})
    apart = float(np.abs(probabilities - forward(weights, images[test])[0]).max())
    report("digits_cnn.onnx", target[test], label, f", at most {apart:.1e} from numpy's probabilities")

    columns = {
        "id": pa.array(np.arange(len(target), dtype=np.int64)),
        "image": pa.FixedShapeTensorArray.from_numpy_ndarray(pixels),
        "digit": pa.array(target),
        "split": pa.array(split.tolist(), pa.string()),
    }
    save_rows(pa.table(columns), "digits")


def main() -> None:
    warnings.simplefilter("ignore")
    DATA.mkdir(exist_ok=True)
    breast_cancer()
    wine()
    digits()


if __name__ == "__main__":
    main()
