"""Writes one-node cases whose answers onnxruntime gives: `own.py OUT [NAME...]`.

They cover operators and types that the official cases do not. The own_*.py files beside this one list them; each case
is `OUT/<name>/` in the layout that case_files.py describes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from case_files import fresh_folder, write_case
from onnx import helper, numpy_helper
from own_base import CASES, Case

for module in sorted(Path(__file__).parent.glob("own_*.py")):
    __import__(module.stem)

AI_ONNX = 21


def model_of(name: str, case: Case) -> onnx.ModelProto:
    """The model of one node, its outputs typed by what onnxruntime answers."""
    names = ["" if value is None else f"x{i}" for i, value in enumerate(case.inputs)]
    named = ["" if i in case.absent else f"y{i}" for i in range(case.outputs)]
    outputs = [n for n in named if n]
    node = helper.make_node(case.op, names, named, domain=case.domain, **case.attributes)
    given = [(n, v) for n, v in zip(names, case.inputs, strict=True) if v is not None]
    fixed = {f"x{i}" for i in case.constants}
    imports = {"": AI_ONNX, case.domain: case.version}
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in given
        if n not in fixed
    ]
    held = [numpy_helper.from_array(v, n) for n, v in given if n in fixed]
    untyped = [onnx.ValueInfoProto(name=n) for n in outputs]
    graph = helper.make_graph([node], name, infos, untyped, held)
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def answer(name: str, case: Case) -> tuple[onnx.ModelProto, list[np.ndarray], list[np.ndarray]]:
    """The typed model, its inputs and onnxruntime's outputs."""
    model = model_of(name, case)
    feeds = {f"x{i}": v for i, v in enumerate(case.inputs) if v is not None and i not in case.constants}
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 2  # DynamicQuantizeLSTM quantises per thread
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        answers = session.run(None, feeds)
    except Exception as error:
        raise RuntimeError(f"case {name}: onnxruntime {ort.__version__} does not answer it: {error}") from error
    del model.graph.output[:]
    names = [n for n in model.graph.node[0].output if n]
    for output, value in zip(names, answers, strict=True):
        array = np.asarray(value)
        kind = onnx.TensorProto.STRING if array.dtype.kind in "OU" else helper.np_dtype_to_tensor_dtype(array.dtype)
        model.graph.output.append(helper.make_tensor_value_info(output, kind, array.shape))
    return model, list(feeds.values()), answers


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    wanted = sys.argv[2:] or sorted(CASES)
    if not sys.argv[2:]:
        fresh_folder(out)
    for name in wanted:
        case = CASES[name]
        model, inputs, outputs = answer(name, case)
        write_case(out / name, model, [(inputs, outputs)], "own", case.rtol, case.atol)
    print(f"{len(wanted)} cases of our own in {out}, answered by onnxruntime {ort.__version__}")


if __name__ == "__main__":
    main()
