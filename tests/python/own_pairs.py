"""Which pairs of an operator and a type the ONNX schemas allow, and which of them some case exercises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, defs
from onnx_node_cases import NODE_CASES

Pair = tuple[str, str, str]
"""Domain, operator and type, as `tensor(float)`."""

NO_SUCH_TYPE = ("complex", "float6")
"""Types that Hologram does not hold."""

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")


def type_name(declared: onnx.TypeProto) -> str:
    """The type in the words of the schemas."""
    match declared.WhichOneof("value"):
        case "tensor_type":
            return f"tensor({TensorProto.DataType.Name(declared.tensor_type.elem_type).lower()})"
        case "sequence_type":
            return f"seq({type_name(declared.sequence_type.elem_type)})"
        case "optional_type":
            return f"optional({type_name(declared.optional_type.elem_type)})"
        case "map_type":
            key = TensorProto.DataType.Name(declared.map_type.key_type).lower()
            value = type_name(declared.map_type.value_type).removeprefix("tensor(").removesuffix(")")
            return f"map({key}, {value})"
        case _:
            return ""


def allowed() -> set[Pair]:
    """Every pair that some version of an operator allows for an input or output of variable type."""
    found = set()
    for schema in defs.get_all_schemas_with_history():
        used = {p.type_str for p in (*schema.inputs, *schema.outputs)}
        for constraint in schema.type_constraints:
            if constraint.type_param_str in used:
                found.update((schema.domain, schema.name, t) for t in constraint.allowed_type_strs)
    return found


def of_graph(graph: onnx.GraphProto, versions: dict[str, int], outer: dict[str, str]) -> Iterator[Pair]:
    """The pairs of the nodes of a typed graph and of the graphs in their attributes."""
    infos = (*graph.input, *graph.output, *graph.value_info)
    types = {**outer, **{i.name: type_name(i.type) for i in infos}}
    types |= {t.name: f"tensor({TensorProto.DataType.Name(t.data_type).lower()})" for t in graph.initializer}
    for node in graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from of_graph(attribute.g, versions, types)
        if domain not in DOMAINS or domain not in versions:
            continue
        yield from ((domain, node.op_type, types[n]) for n in (*node.input, *node.output) if types.get(n))


def of_model(model: onnx.ModelProto) -> set[Pair]:
    """The pairs that a model exercises."""
    versions = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}
    if len(model.graph.node) > 1:
        model = onnx.shape_inference.infer_shapes(model)
    return set(of_graph(model.graph, versions, {}))


def of_folder(folder: Path) -> set[Pair]:
    """The pairs that the cases in a folder exercise."""
    found: set[Pair] = set()
    for path in sorted(folder.glob("*/model.onnx")):
        found |= of_model(onnx.load(path))
    return found


def write_untested(cases: Path, ours: set[Pair]) -> None:
    """Writes `untested-pairs.txt` beside the cases' folders and prints how many there are, by the reason."""
    official = cases / "node"
    if len(list(official.glob("*/meta.json"))) < NODE_CASES:
        print(f"{official} is not complete: run own.py again for the list of untested pairs")
        return
    every = allowed()
    left = sorted(every - of_folder(official) - ours)
    lines = [f"{domain or 'ai.onnx'} {op} {kind}" for domain, op, kind in left]
    path = cases / "untested-pairs.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    absent = sum(any(word in kind for word in NO_SUCH_TYPE) for _, _, kind in left)
    print(
        f"{len(left)} of {len(every)} pairs of operator and type are untested ({absent} of them of types that are "
        f"not held: {', '.join(NO_SUCH_TYPE)}): {path}"
    )
