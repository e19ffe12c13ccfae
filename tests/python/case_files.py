"""Writes test cases in the folder layout of ONNX's own backend tests.

A case is a folder:

    model.onnx
    meta.json                          kind, rtol, atol, data_sets and whatever else the case's maker adds
    test_data_set_<n>/input_<k>.pb     k-th graph input that is not an initializer
    test_data_set_<n>/output_<k>.pb    k-th graph output

Each .pb file is one TensorProto, SequenceProto, OptionalProto or MapProto, as the type of the graph's input or output
says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def value_bytes(value: Any, info: onnx.ValueInfoProto) -> bytes:
    """The protobuf bytes of one input or output, shaped by its declared type."""
    if isinstance(value, TensorProto):
        return value.SerializeToString()
    declared = info.type
    if declared.HasField("sequence_type") and value and isinstance(value[0], dict):
        return sequence_of_maps(value, info).SerializeToString()
    if declared.HasField("sequence_type"):
        return numpy_helper.from_list(value, info.name).SerializeToString()
    if declared.HasField("optional_type"):
        return numpy_helper.from_optional(value, info.name).SerializeToString()
    if declared.HasField("map_type"):
        return numpy_helper.from_dict(value, info.name).SerializeToString()
    return numpy_helper.from_array(np.asarray(value), info.name).SerializeToString()


def sequence_of_maps(rows: Sequence[dict[Any, Any]], info: onnx.ValueInfoProto) -> onnx.SequenceProto:
    """What a ZipMap answers: per row a map from class to score (onnx.numpy_helper cannot write string keys)."""
    declared = info.type.sequence_type.elem_type.map_type
    value_type = helper.tensor_dtype_to_np_dtype(declared.value_type.tensor_type.elem_type)
    sequence = onnx.SequenceProto(name=info.name, elem_type=onnx.SequenceProto.MAP)
    for row in rows:
        entry = sequence.map_values.add(key_type=declared.key_type)
        if declared.key_type == TensorProto.STRING:
            entry.string_keys.extend(key.encode() for key in row)
        else:
            entry.keys.extend(row)
        values = [np.array(value, value_type) for value in row.values()]
        entry.values.CopyFrom(numpy_helper.from_list(values))
    return sequence


def value_kind(info: onnx.ValueInfoProto) -> str:
    """The declared type in words: `tensor(float)`, `seq(map(int64,float))`."""

    def words(declared: onnx.TypeProto) -> str:
        match declared.WhichOneof("value"):
            case "tensor_type":
                return f"tensor({TensorProto.DataType.Name(declared.tensor_type.elem_type).lower()})"
            case "sequence_type":
                return f"seq({words(declared.sequence_type.elem_type)})"
            case "optional_type":
                return f"optional({words(declared.optional_type.elem_type)})"
            case "map_type":
                key = TensorProto.DataType.Name(declared.map_type.key_type).lower()
                value = words(declared.map_type.value_type).removeprefix("tensor(").removesuffix(")")
                return f"map({key},{value})"
            case other:
                return str(other)

    return words(info.type)


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a caller feeds: those without an initializer."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [info for info in model.graph.input if info.name not in weights]


def fresh_folder(folder: Path) -> Path:
    """An empty folder at this path, whatever was there before."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def write_data_set(
    folder: Path, number: int, model: onnx.ModelProto, inputs: Sequence[Any], outputs: Sequence[Any]
) -> None:
    """Writes `test_data_set_<number>`; inputs and outputs stand in graph order."""
    target = folder / f"test_data_set_{number}"
    target.mkdir()
    for prefix, values, infos in (("input", inputs, model.graph.input), ("output", outputs, model.graph.output)):
        if len(values) > len(infos):
            raise ValueError(f"{folder.name}: {len(values)} {prefix}s, but the graph declares {len(infos)}")
        for index, (value, info) in enumerate(zip(values, infos, strict=False)):
            (target / f"{prefix}_{index}.pb").write_bytes(value_bytes(value, info))


def write_meta(folder: Path, kind: str, rtol: float, atol: float, data_sets: int, **more: Any) -> None:
    """Writes meta.json."""
    meta = {"kind": kind, "rtol": rtol, "atol": atol, "data_sets": data_sets, **more}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def write_case(
    folder: Path,
    model: onnx.ModelProto,
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]],
    kind: str,
    rtol: float,
    atol: float,
    **more: Any,
) -> None:
    """Writes one whole case; `more` goes into meta.json."""
    fresh_folder(folder)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for number, (inputs, outputs) in enumerate(data_sets):
        write_data_set(folder, number, model, inputs, outputs)
    write_meta(folder, kind, rtol, atol, len(data_sets), **more)
