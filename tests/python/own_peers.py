"""Who answers a case: onnxruntime, or the reference evaluator of the onnx package where it has no kernel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from own_base import AI_ONNX, Case, Typed

OTHER_FLOATS = (TensorProto.BFLOAT16, TensorProto.FLOAT16, TensorProto.DOUBLE)


def type_of(value: Any) -> onnx.TypeProto:
    """The type of a value, which must say it: no empty sequence, no optional, no map."""
    if isinstance(value, Typed):
        return value.type
    if isinstance(value, list) and value and isinstance(value[0], dict):
        key, score = next(iter(value[0].items()))
        kind = TensorProto.STRING if isinstance(key, str) else TensorProto.INT64
        element = helper.make_tensor_type_proto(
            helper.np_dtype_to_tensor_dtype(np.asarray(score, np.float32).dtype), []
        )
        return helper.make_sequence_type_proto(helper.make_map_type_proto(kind, element))
    if isinstance(value, list):
        element = type_of(np.asarray(value[0]))
        shapes = {np.asarray(v).shape for v in value}
        if len(shapes) > 1:
            element.tensor_type.ClearField("shape")
        return helper.make_sequence_type_proto(element)
    array = np.asarray(value)
    kind = TensorProto.STRING if array.dtype.kind in "OU" else helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_type_proto(kind, array.shape)


def map_proto(value: dict[Any, Any], declared: onnx.TypeProto) -> onnx.MapProto:
    """A map with keys of either type (onnx.numpy_helper cannot write those that are strings)."""
    held = declared.map_type
    proto = onnx.MapProto(key_type=held.key_type)
    if held.key_type == TensorProto.STRING:
        proto.string_keys.extend(key.encode() for key in value)
    else:
        proto.keys.extend(value)
    kind = held.value_type.tensor_type.elem_type
    values = np.array(list(value.values()), object if kind == TensorProto.STRING else None)
    if kind != TensorProto.STRING:
        values = values.astype(helper.tensor_dtype_to_np_dtype(kind))
    proto.values.CopyFrom(numpy_helper.from_list([np.asarray(v, values.dtype) for v in values]))
    return proto


def model_of(name: str, case: Case) -> onnx.ModelProto:
    """The model of one node, its outputs untyped."""
    names = ["" if value is None else f"x{i}" for i, value in enumerate(case.inputs)]
    named = ["" if i in case.absent else f"y{i}" for i in range(case.outputs)]
    node = helper.make_node(case.op, names, named, domain=case.domain, **case.attributes)
    given = [(n, v) for n, v in zip(names, case.inputs, strict=True) if v is not None]
    fixed = {f"x{i}" for i in case.constants}
    imports = {"": AI_ONNX, case.domain: case.version}
    infos = [helper.make_value_info(n, type_of(v)) for n, v in given if n not in fixed]
    held = [numpy_helper.from_array(v, n) for n, v in given if n in fixed]
    graph = helper.make_graph([node], name, infos, [onnx.ValueInfoProto(name=n) for n in named if n], held)
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports.items()]
    least = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    return helper.make_model(graph, opset_imports=opsets, ir_version=max(10, least))


def by_onnxruntime(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    """What onnxruntime answers."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 2  # DynamicQuantizeLSTM quantises per thread
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def by_reference(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    """What the reference evaluator answers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ReferenceEvaluator(model).run(None, feeds)


def by_float32(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    """What onnxruntime answers for the same numbers as float32."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    table = model.graph.node[0].domain == "ai.onnx.ml"
    others = (*OTHER_FLOATS, TensorProto.INT64, TensorProto.INT32) if table else OTHER_FLOATS
    for info in other.graph.input:
        if info.type.tensor_type.elem_type in others:
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in other.graph.initializer:
        if tensor.data_type in OTHER_FLOATS:
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    kinds = [helper.tensor_dtype_to_np_dtype(kind) for kind in others]
    return by_onnxruntime(other, {n: v.astype(np.float32) if v.dtype in kinds else v for n, v in feeds.items()})


LOOSE = ("MeanVarianceNormalization",)
"""What is of its first input's type and the onnx package infers as float32, as the constants in its function body."""

PEERS = {"onnxruntime": by_onnxruntime, "reference": by_reference, "float32": by_float32}


def checked(model: onnx.ModelProto, case: Case) -> dict[str, onnx.TypeProto]:
    """The inferred types of the outputs; an operator of the standard must be used as its schema says."""
    if case.domain == "com.microsoft" or not onnx.defs.has(case.op, case.version, case.domain):
        return {}
    if not onnx.defs.get_schema(case.op, case.version, case.domain).deprecated:
        typable = onnx.ModelProto()
        typable.CopyFrom(model)
        del typable.graph.output[:]
        onnx.checker.check_model(typable)
    if case.op in LOOSE:
        return {o.name: type_of(case.inputs[0]) for o in model.graph.output}
    typed = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return {o.name: o.type for o in typed.graph.output if o.type.WhichOneof("value")}


def fits(value: Any, declared: onnx.TypeProto | None) -> str:
    """What keeps an answer from being of the inferred type, if anything."""
    if declared is None or not declared.HasField("tensor_type") or isinstance(value, list):
        return ""
    found, wanted = type_of(value).tensor_type, declared.tensor_type
    if wanted.elem_type and found.elem_type != wanted.elem_type:
        return f"type {found.elem_type} where {wanted.elem_type} is inferred"
    array = np.asarray(value)
    if array.dtype == object and not all(isinstance(v, str) for v in array.ravel()):
        return "elements that are no strings"
    shape = [d.dim_value if d.HasField("dim_value") else None for d in wanted.shape.dim]
    sizes = [d.dim_value for d in found.shape.dim]
    if wanted.HasField("shape") and (
        len(shape) != len(sizes) or any(w not in (None, s) for w, s in zip(shape, sizes, strict=True))
    ):
        return f"shape {sizes} where {shape} is inferred"
    return ""


def brought_back(peer: str, value: Any, declared: onnx.TypeProto | None) -> Any:
    """An answer in the inferred type: float32 stands for it, and the reference sums short integers in long ones."""
    if peer == "onnxruntime" or not isinstance(value, np.ndarray) or not declared or not declared.tensor_type.elem_type:
        return value
    kind = helper.tensor_dtype_to_np_dtype(declared.tensor_type.elem_type)
    if peer == "float32" and value.dtype == np.float32:
        return value.astype(kind)
    if value.dtype.kind in "iu" and kind.kind in "iu" and (value.astype(kind) == value).all():
        return value.astype(kind)
    return value


def answer(name: str, case: Case) -> tuple[onnx.ModelProto, list[Any], list[Any], str]:
    """The typed model, its inputs, the outputs, and who gave them."""
    try:
        model = model_of(name, case)
        inferred = checked(model, case)
    except Exception as error:
        raise RuntimeError(f"case {name} is no valid model: {error}") from error
    given = {f"x{i}": v for i, v in enumerate(case.inputs) if v is not None and i not in case.constants}
    feeds = {n: v.value if isinstance(v, Typed) else v for n, v in given.items()}
    names = [n for n in model.graph.node[0].output if n]
    reasons = []
    peers = [case.peer] if case.peer else ["onnxruntime", "reference"]
    if case.domain == "com.microsoft":
        peers = ["onnxruntime"]
    for peer in peers:
        try:
            answers = PEERS[peer](model, feeds)
        except Exception as error:  # noqa: BLE001  # whatever a peer raises, it has not answered
            reasons.append(f"{peer}: {str(error)[:300]}")
            continue
        answers = [a if isinstance(a, list) or a is None else np.asarray(a) for a in answers]
        answers = [brought_back(peer, a, inferred.get(n)) for n, a in zip(names, answers, strict=True)]
        wrong = [
            f"{n}: {fits(a, inferred.get(n))}" for n, a in zip(names, answers, strict=True) if fits(a, inferred.get(n))
        ]
        if wrong:
            reasons.append(f"{peer}: {'; '.join(wrong)}")
            continue
        del model.graph.output[:]
        for output, value in zip(names, answers, strict=True):
            declared = inferred.get(output)
            if declared is None or declared.HasField("tensor_type"):
                declared = type_of(value)
            model.graph.output.append(helper.make_value_info(output, declared))
        return model, list(given.values()), answers, peer
    raise RuntimeError(f"case {name} has no answer: {' | '.join(reasons)}")
