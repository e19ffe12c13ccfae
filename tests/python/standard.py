"""Writes what the ONNX standard has: `standard.py > src/cli/onnx_operators.txt`.

A line is an operator: domain, name, the versions in which it changed (`!9` is the one in which it was deprecated), and
the element types that any input or output allows in the newest version that is not deprecated.
"""

from __future__ import annotations

import re
from collections import defaultdict

import onnx
from onnx import TensorProto, defs

NAMES = {
    "float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16",
    "float8e4m3fn": "f8e4m3fn", "float8e4m3fnuz": "f8e4m3fnuz", "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz",
    "float8e8m0": "f8e8m0", "float4e2m1": "f4e2m1",
    "complex64": "c64", "complex128": "c128", "bool": "bool", "string": "string",
}  # fmt: skip
NAMES |= {f"int{n}": f"i{n}" for n in (2, 4, 8, 16, 32, 64)} | {f"uint{n}": f"u{n}" for n in (2, 4, 8, 16, 32, 64)}
# Eight and six bits: the standard's newest types, as its schemas write them.
NAMES |= {"float6e2m3": "f6e2m3", "float6e3m2": "f6e3m2"}
unnamed = {code.lower() for code in TensorProto.DataType.keys()} - {"undefined", "double", *NAMES}
assert not unnamed, f"element types without a name: {unnamed}"


def element_types(schema: defs.OpSchema) -> set[str]:
    """The element types of every input and output, also inside sequences, optionals and maps."""
    allowed: set[str] = set()
    constraints = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    for parameter in [*schema.inputs, *schema.outputs]:
        for text in constraints.get(parameter.type_str, [parameter.type_str]):
            allowed |= {NAMES[word] for word in re.findall(r"\w+", text) if word in NAMES}
    return allowed


def main() -> None:
    by_operator: dict[tuple[str, str], list[defs.OpSchema]] = defaultdict(list)
    for schema in defs.get_all_schemas_with_history():
        by_operator[schema.domain or "ai.onnx", schema.name].append(schema)
    print(f"# Written by tests/python/standard.py from the schemas of onnx {onnx.__version__}: domain, operator, versions, types.")
    for (domain, name), schemas in sorted(by_operator.items()):
        schemas.sort(key=lambda s: s.since_version)
        versions = ",".join(f"{'!' if s.deprecated else ''}{s.since_version}" for s in schemas)
        newest = [s for s in schemas if not s.deprecated][-1]
        order = list(NAMES.values())
        types = ",".join(sorted(element_types(newest), key=order.index))
        print(domain, name, versions, types)


if __name__ == "__main__":
    main()
