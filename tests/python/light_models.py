"""Writes the nine `light` CNNs of the onnx package as test cases: `light_models.py OUT`.

`OUT/light/<name>/` holds a model as the package ships it: nodes inside the graph generate its weights, every weight
of a tensor being the same number. Data set 0 is the package's own (a ramp as input, its stored output), data set 1 a
seeded input with onnxruntime's output.

`OUT/light-random/<name>/` holds the same graph with each generator node replaced by a seeded random initializer of a
size that keeps activations alive and scores apart, so that a mixed-up channel, stride or weight layout changes the
answer. It has one data set: a seeded input with onnxruntime's output.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from case_files import fresh_folder, graph_inputs, write_case
from onnx import helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
INPUT_SEED = 20
WEIGHT_SEED = 21
SCORE_SPREAD = 2.0


def input_shape(model: onnx.ModelProto) -> list[int]:
    """The shape of the model's one input."""
    return [dim.dim_value for dim in graph_inputs(model)[0].type.tensor_type.shape.dim]


def seeded_input(model: onnx.ModelProto) -> np.ndarray:
    """A seeded normal input."""
    return np.random.default_rng(INPUT_SEED).standard_normal(input_shape(model), np.float32)


def ramp_input(model: onnx.ModelProto) -> np.ndarray:
    """The input that the package's stored outputs belong to: 0, 1/n, 2/n ... in the input's shape."""
    shape = input_shape(model)
    count = int(np.prod(shape))
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def answers(model: onnx.ModelProto, value: np.ndarray) -> list[np.ndarray]:
    """onnxruntime's outputs for one input."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {graph_inputs(model)[0].name: value})


def roles(graph: onnx.GraphProto) -> dict[str, str]:
    """What each generated tensor is to the node that reads it: a kernel, a matrix, a scale, a shift or a variance."""
    places = {
        "Conv": {1: "kernel", 2: "shift"},
        "Gemm": {1: "matrix", 2: "shift"},
        "BatchNormalization": {1: "scale", 2: "shift", 3: "shift", 4: "variance"},
        "Mul": {0: "scale", 1: "scale"},
        "Add": {0: "shift", 1: "shift"},
    }
    found: dict[str, str] = {}
    for node in reversed(graph.node):
        if node.op_type == "Unsqueeze":
            found[node.input[0]] = found.get(node.output[0], "shift")
            continue
        for index, name in enumerate(node.input):
            role = places.get(node.op_type, {}).get(index)
            if role:
                found[name] = role
    return found


def random_weight(rng: np.random.Generator, role: str, shape: tuple[int, ...]) -> np.ndarray:
    """A random tensor for a role. Kernels and matrices keep the variance of what follows a Relu (He et al. 2015)."""
    match role:
        case "kernel" | "matrix":
            fan_in = int(np.prod(shape[1:]))
            return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / fan_in))
        case "scale" | "variance":
            return rng.uniform(0.8, 1.2, shape).astype(np.float32)
        case _:
            return rng.standard_normal(shape, np.float32) * np.float32(0.05)


def with_random_weights(model: onnx.ModelProto, seed: int = WEIGHT_SEED) -> onnx.ModelProto:
    """The model with every ConstantOfShape replaced by a seeded random initializer."""
    rng = np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    role = roles(model.graph)
    kept, weights, used = [], [], set()
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            name = node.output[0]
            shape = tuple(int(size) for size in shapes[node.input[0]])
            weights.append(numpy_helper.from_array(random_weight(rng, role.get(name, "shift"), shape), name))
        else:
            kept.append(node)
            used.update(node.input)
    weights += [tensor for tensor in model.graph.initializer if tensor.name in used]
    graph = helper.make_graph(kept, model.graph.name, graph_inputs(model), list(model.graph.output), weights)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=max(model.ir_version, 4))


def with_lively_scores(model: onnx.ModelProto, value: np.ndarray) -> onnx.ModelProto:
    """The model with its last weights scaled so that the final Softmax neither saturates nor levels out.

    Without this, random residual networks answer a bare 1.0 for one class, which hides almost any fault before it.
    """
    last = next((node for node in reversed(model.graph.node) if node.op_type == "Softmax"), None)
    if last is None:
        return model
    scores = helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None)
    model.graph.output.append(scores)
    spread = float(answers(model, value)[1].std())
    model.graph.output.pop()
    weighted = next(node for node in reversed(model.graph.node) if node.op_type in ("Conv", "Gemm"))
    for tensor in model.graph.initializer:
        if tensor.name in weighted.input[1:]:
            scaled = numpy_helper.to_array(tensor) * np.float32(SCORE_SPREAD / spread)
            tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
    return model


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    tolerances = {case.model_name: (case.rtol, case.atol) for case in load_model_tests(kind="real")}
    fresh_folder(out / "light")
    fresh_folder(out / "light-random")
    paths = sorted(LIGHT.glob("light_*.onnx"))
    for path in paths:
        model = onnx.load(path)
        value = seeded_input(model)
        stored = onnx.TensorProto.FromString((LIGHT / f"{path.stem}_output_0.pb").read_bytes())
        data_sets = [([ramp_input(model)], [stored]), ([value], answers(model, value))]
        rtol, atol = tolerances[path.stem.removeprefix("light_")]
        write_case(out / "light" / path.stem, model, data_sets, "light", rtol, atol)

        random = with_lively_scores(with_random_weights(model), value)
        outputs = answers(random, value)
        if not np.isfinite(outputs[0]).all() or outputs[0].std() == 0:
            sys.exit(f"{path.stem}: random weights give a dead output")
        write_case(out / "light-random" / path.stem, random, [([value], outputs)], "light-random", 1e-3, 1e-6)
    print(f"light models: {len(paths)} as they are, {len(paths)} with random weights")


if __name__ == "__main__":
    main()
