"""Writes trained networks and what onnxruntime answers in single precision, for planner/tests/quantize.rs.

    python tests/python/quantized_cases.py OUT

Each case is a folder OUT/NAME:
    model.onnx     the network
    rows.f32       [rows, features], little-endian f32, in a seeded order
    scores.f32     [rows, outputs], onnxruntime's scores, probabilities or numbers
    labels.i64     [rows], its labels, of classifiers
    meta.json      the shape of a row, and how many outputs it has

The rows are data sets that ship inside scikit-learn. Everything is seeded and runs on one thread. Needs the packages in
requirements.txt.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from pipelines_base import OPSET, diabetes, shuffled
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images of 8 x 8 from 0 to 1, and what they show."""
    features, target = shuffled(datasets.load_digits())
    return features / np.float32(16), target


def exported(estimator: object, features: np.ndarray) -> onnx.ModelProto:
    """A fitted estimator as skl2onnx writes it."""
    kind = FloatTensorType([None, features.shape[1]])
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    return to_onnx(estimator, initial_types=[("x", kind)], options=options, target_opset=OPSET)


def classifier(activation: str) -> tuple[onnx.ModelProto, np.ndarray]:
    """Three layers that tell digits apart."""
    features, target = digits()
    network = MLPClassifier((128, 64), activation=activation, max_iter=60, random_state=0)
    return exported(network.fit(features, target), features), features


def regressor() -> tuple[onnx.ModelProto, np.ndarray]:
    """Scaled features through two layers to one number."""
    features, target = diabetes()
    network = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(64, 32), max_iter=400, random_state=0))
    return exported(network.fit(features, target), features), features


def convolutions() -> tuple[onnx.ModelProto, np.ndarray]:
    """Two convolutions of seeded random filters, and a trained layer behind them."""
    features, target = digits()
    images = features.reshape(-1, 1, 8, 8)
    rng = np.random.default_rng(3)
    first = (rng.standard_normal((16, 1, 3, 3)) / 3).astype(np.float32)
    second = (rng.standard_normal((24, 16, 3, 3)) / 12).astype(np.float32)
    addends = (rng.standard_normal(24) / 10).astype(np.float32)
    values = {"first": first, "second": second, "addends": addends}
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["a"], name="first_filters", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="first_relu"),
        helper.make_node("Conv", ["b", "second", "addends"], ["c"], name="second_filters", strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"], name="second_relu"),
        helper.make_node("Flatten", ["d"], ["e"], name="flat"),
    ]
    head = [
        helper.make_node("Gemm", ["e", "matrix", "offsets"], ["scores"], name="head"),
        helper.make_node("Softmax", ["scores"], ["probabilities"], name="softmax", axis=1),
        helper.make_node("ArgMax", ["scores"], ["label"], name="label", axis=1, keepdims=0),
    ]

    def model(nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])]
        weights = [numpy_helper.from_array(value, name) for name, value in values.items()]
        graph = helper.make_graph(nodes, "convolutions", inputs, outputs, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)

    body = model(nodes, [helper.make_tensor_value_info("e", TensorProto.FLOAT, ["N", 24 * 9])])
    flat = ort.InferenceSession(body.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": images})
    trained = LogisticRegression(max_iter=300).fit(flat[0], target)
    values |= {"matrix": trained.coef_.T.astype(np.float32), "offsets": trained.intercept_.astype(np.float32)}
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10]),
    ]
    return model(nodes + head, outputs), images


def write(folder: Path, model: onnx.ModelProto, rows: np.ndarray) -> None:
    """Writes a case."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows.astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = session.run(None, {"x": rows})
    scores = answers[-1].astype(np.float32).reshape(len(rows), -1)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    rows.tofile(folder / "rows.f32")
    scores.tofile(folder / "scores.f32")
    if len(answers) > 1:
        answers[0].astype(np.int64).tofile(folder / "labels.i64")
    meta = {"shape": list(rows.shape[1:]), "outputs": scores.shape[1]}
    (folder / "meta.json").write_text(json.dumps(meta) + "\n")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    out = Path(sys.argv[1])
    for activation in ("relu", "tanh", "logistic"):
        write(out / f"digits_{activation}", *classifier(activation))
    write(out / "diabetes", *regressor())
    write(out / "convolutions", *convolutions())
    print(f"quantized: 5 networks in {out}")


if __name__ == "__main__":
    main()
