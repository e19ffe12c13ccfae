"""Cases of sequences, optionals and graphs within attributes, for every type they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from own_base import PLAIN, TINY, Typed, onnx_case, onnx_type, sample, tensor_type
from onnx import helper

I64 = np.int64
KINDS = tuple(kind for kind in (*PLAIN, "f32") if kind != "bf16")


def at(index: int, kind: type = np.int64) -> np.ndarray:
    """A position."""
    return np.array(index, kind)


def sequence(kind: str, values: list[np.ndarray]) -> Typed:
    """A sequence, of any shapes."""
    return Typed(values, helper.make_sequence_type_proto(tensor_type(kind, None)))


def optional(inner: onnx.TypeProto, value: Any) -> Typed:
    """An optional, empty where the value is None."""
    return Typed(value, helper.make_optional_type_proto(inner))


def sequences() -> None:
    for kind in KINDS:
        a, b, c = sample(kind, 1, 2, 3), sample(kind, 2, 2, 3), sample(kind, 3, 2, 3)
        given = sequence(kind, [a, b, c])
        onnx_case("SequenceConstruct", kind, [a, b, c])
        onnx_case("SequenceConstruct", kind, [a], "one")
        onnx_case("SequenceAt", kind, [given, at(-1)])
        onnx_case("SequenceAt", kind, [given, at(1, np.int32)], "int32")
        onnx_case("SequenceInsert", kind, [given, a, at(1)])
        onnx_case("SequenceInsert", kind, [given, a], "end")
        onnx_case("SequenceErase", kind, [given, at(-2)])
        onnx_case("SequenceErase", kind, [given], "end")
        onnx_case("SequenceErase", kind, [given, at(0, np.int32)], "int32")
        onnx_case("SequenceLength", kind, [given])
        onnx_case("SequenceEmpty", kind, [], dtype=onnx_type(kind))
        onnx_case("ConcatFromSequence", kind, [given], axis=1)
        onnx_case("ConcatFromSequence", kind, [given], "new", axis=-1, new_axis=1)
        onnx_case("SplitToSequence", kind, [sample(kind, 4, 4, 5), np.array([1, 3], I64)])
        onnx_case("SplitToSequence", kind, [sample(kind, 4, 4, 5), at(2)], "size", axis=1)
        onnx_case("SplitToSequence", kind, [sample(kind, 4, 3, 2)], "each", keepdims=0)
        body = graph(
            "body", [("e", kind, [2, 3])], [("f", kind, [3, 2])], [helper.make_node("Transpose", ["e"], ["f"])]
        )
        onnx_case("SequenceMap", kind, [given], version=17, body=body)
        onnx_case("Identity", kind, [given], "sequence", version=16)
    onnx_case("SequenceEmpty", "f32", [], "default")


def optionals() -> None:
    for kind in (*KINDS, *TINY):
        tensor = tensor_type(kind, [2, 3])
        x = sample(kind, 5, 2, 3)
        tiny = kind in TINY
        version = 28 if kind in ("i2", "u2", "f8e8m0", "f4e2m1") else 24 if tiny else 18
        if kind in KINDS:
            held = helper.make_sequence_type_proto(tensor_type(kind, None))
            onnx_case("Optional", kind, [x], version=15)
            onnx_case("Optional", kind, [sequence(kind, [x, x])], "sequence", version=15)
            onnx_case("Optional", kind, [], "empty", version=15, type=tensor)
            for op in ("OptionalHasElement", "OptionalGetElement"):
                onnx_case(op, kind, [optional(tensor, x)], "optional", version=version)
                onnx_case(op, kind, [optional(held, [x, x])], "optional_sequence", version=version)
                onnx_case(op, kind, [x], "tensor", version=version)
                onnx_case(op, kind, [sequence(kind, [x, x])], "sequence", version=version)
            onnx_case("OptionalHasElement", kind, [optional(tensor, None)], "none", version=version)


def graph(
    name: str, inputs: list[tuple[str, str, Any]], outputs: list[tuple[str, str, Any]], nodes: list[onnx.NodeProto]
) -> onnx.GraphProto:
    """A graph of tensors named with their type and shape."""

    def infos(values: list[tuple[str, str, Any]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_value_info(n, tensor_type(kind, shape)) for n, kind, shape in values]

    return helper.make_graph(nodes, name, infos(inputs), infos(outputs))


def branches() -> None:
    for kind in (*PLAIN, *TINY):
        version = 28 if kind in ("i2", "u2") else 24 if kind in TINY else 21
        words = [v.encode() for v in ("x", "yz")] if kind == "string" else sample(kind, 6, 2)
        held = helper.make_tensor("value", onnx_type(kind), [2], words)
        other = [b"", b"q"] if kind == "string" else sample(kind, 7, 2)
        also = helper.make_tensor("value", onnx_type(kind), [2], other)
        yes = graph("yes", [], [("t", kind, [2])], [helper.make_node("Constant", [], ["t"], value=held)])
        no = graph("no", [], [("e", kind, [2])], [helper.make_node("Constant", [], ["e"], value=also)])
        for truth in (True, False):
            onnx_case(
                "If", kind, [np.array(truth)], str(truth).lower(), version=version, then_branch=yes, else_branch=no
            )


def loops() -> None:
    for kind in (*PLAIN, *TINY):
        version = 25 if kind in ("i2", "u2") else 24 if kind in TINY else 21
        shape = [2, 3]
        # The reference, which answers for these, joins what is gathered and does not stack it.
        gathers = kind not in (*TINY, "bf16")
        body = graph(
            "body",
            [("i", "i64", []), ("go", "bool", []), ("v", kind, None)],
            [("still", "bool", []), ("w", kind, None)] + [("kept", kind, None)] * gathers,
            [helper.make_node("Identity", ["go"], ["still"]), helper.make_node("Transpose", ["v"], ["w"])]
            + [helper.make_node("Identity", ["v"], ["kept"])] * gathers,
        )
        square = sample(kind, 8, 3, 3)
        onnx_case(
            "Loop", kind, [np.array(3, I64), np.array(True), square], version=version, outputs=1 + gathers, body=body
        )
        step = graph(
            "step",
            [("state", kind, shape), ("x", kind, [3])],
            [("next", kind, shape), ("y", kind, [3])],
            [helper.make_node("Identity", ["state"], ["next"]), helper.make_node("Identity", ["x"], ["y"])],
        )
        state, xs = sample(kind, 9, *shape), sample(kind, 10, 4, 3)
        onnx_case("Scan", kind, [state, xs], version=version, outputs=2, body=step, num_scan_inputs=1)
    for kind in ("f32", "f64", "f16", "i32", "i64"):
        add = graph(
            "add",
            [("sum", kind, [3]), ("x", kind, [3])],
            [("next", kind, [3]), ("y", kind, [3])],
            [helper.make_node("Add", ["sum", "x"], ["next"]), helper.make_node("Mul", ["sum", "x"], ["y"])],
        )
        state, xs = sample(kind, 11, 3), sample(kind, 12, 3, 4)
        onnx_case("Scan", kind, [state, xs.T.copy()], "sum", version=16, outputs=2, body=add, num_scan_inputs=1)
        onnx_case("Scan", kind, [state, xs], "reverse", version=16, outputs=2, body=add, num_scan_inputs=1,
                  scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[1],
                  scan_output_directions=[1])  # fmt: skip
        count = graph(
            "count",
            [("i", "i64", []), ("go", "bool", []), ("v", kind, [3])],
            [("still", "bool", []), ("w", kind, [3])],
            [
                helper.make_node("Add", ["v", "v"], ["w"]),
                helper.make_node("Constant", [], ["two"], value_int=2),
                helper.make_node("Less", ["i", "two"], ["still"]),
            ],
        )
        onnx_case("Loop", kind, [None, np.array(True), state], "while", version=16, body=count)
        onnx_case("Loop", kind, [np.array(2, I64), None, state], "trips", version=16, body=count)
        onnx_case("Loop", kind, [np.array(5, I64), np.array(False), state], "never", version=16, body=count)


for make in (sequences, optionals, branches, loops):
    make()
