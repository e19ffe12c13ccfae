"""Writes exported scikit-learn, LightGBM and XGBoost pipelines as test cases: `pipelines.py OUT [NAME...]`.

Each case is `OUT/<name>/` in the layout that case_files.py describes: the pipeline as skl2onnx or onnxmltools exports
it, rows of a data set that ships inside scikit-learn, and onnxruntime's answers. meta.json also holds

    outputs        per output its name and its kind, e.g. `seq(map(string,float))`
    operators      the (domain, operator, version) that the model uses: the newest version at or below its import
    trees          number of trees T over all tree ensembles (0: no trees)
    sum_abs_leaf   sum over the trees of their largest |leaf|, plus the largest |base value|: the same leaves summed in
                   another order stay within T * 2^-23 * sum_abs_leaf of this one, before the post transform

The union of the operators is written to `OUT/operators.txt`.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pipelines_plain  # noqa: F401  (lists its makers)
import pipelines_trees  # noqa: F401  (lists its makers)
from case_files import fresh_folder, graph_inputs, value_kind, write_case
from onnx import helper, numpy_helper
from pipelines_base import PIPELINES, Exported


def operators(model: onnx.ModelProto) -> list[tuple[str, str, int]]:
    """The (domain, operator, version) that the graph and its subgraphs use."""
    imports = {opset.domain: opset.version for opset in model.opset_import}
    found: set[tuple[str, str, int]] = set()

    def visit(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            domain = "" if node.domain == "ai.onnx" else node.domain
            schema = onnx.defs.get_schema(node.op_type, imports[domain], domain)
            found.add((domain, node.op_type, schema.since_version))
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    visit(attribute.g)

    visit(model.graph)
    return sorted(found)


def largest_leaf(given: dict[str, Any], root: int) -> float:
    """The largest |leaf| under a node of TreeEnsemble."""
    weights = numpy_helper.to_array(given["leaf_weights"])
    found, open_nodes = 0.0, [root]
    while open_nodes:
        node = open_nodes.pop()
        for side in ("true", "false"):
            child = given[f"nodes_{side}nodeids"][node]
            if given[f"nodes_{side}leafs"][node]:
                found = max(found, abs(float(weights[child])))
            else:
                open_nodes.append(child)
    return found


def forest_bounds(model: onnx.ModelProto) -> tuple[int, float]:
    """Number of trees, and the sum over them of their largest |leaf| plus the largest |base value|."""
    trees, total = 0, 0.0
    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "TreeEnsemble":
            count = len(given["tree_roots"])
            largest = [largest_leaf(given, int(root)) for root in given["tree_roots"]]
        else:
            prefix = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
            weights = given.get(f"{prefix}_weights") or numpy_helper.to_array(given[f"{prefix}_weights_as_tensor"])
            ids = np.asarray(given[f"{prefix}_treeids"])
            largest = [float(np.abs(np.asarray(weights)[ids == tree]).max()) for tree in np.unique(ids)]
            count = len(np.unique(given["nodes_treeids"]))
        base = given.get("base_values")
        if base is None and "base_values_as_tensor" in given:
            base = numpy_helper.to_array(given["base_values_as_tensor"])
        trees += count
        total += sum(largest) + (float(np.abs(base).max()) if base is not None and len(base) else 0.0)
    return trees, total


def write_pipeline(folder: Path, exported: Exported) -> list[tuple[str, str, int]]:
    """Asks onnxruntime and writes the case; gives the operators it uses."""
    model = exported.model
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # some exporters declare output shapes that their own models do not keep
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    infos = graph_inputs(model)
    inputs = [exported.feeds[info.name] for info in infos]
    outputs = session.run(None, dict(zip((info.name for info in infos), inputs, strict=True)))
    used = operators(model)
    trees, sum_abs_leaf = forest_bounds(model)
    write_case(
        folder,
        model,
        [(inputs, outputs)],
        "pipeline",
        exported.rtol,
        exported.atol,
        outputs=[{"name": info.name, "kind": value_kind(info)} for info in model.graph.output],
        operators=used,
        trees=trees,
        sum_abs_leaf=sum_abs_leaf,
        **exported.more,
    )
    return used


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    names = sys.argv[2:] or list(PIPELINES)
    out = Path(sys.argv[1])
    if not sys.argv[2:]:
        fresh_folder(out)
    used: set[tuple[str, str, int]] = set()
    for name in names:
        used.update(write_pipeline(out / name, PIPELINES[name]()))
    lines = [f"{domain or 'ai.onnx'} {operator} {version}" for domain, operator, version in sorted(used)]
    if not sys.argv[2:]:
        (out / "operators.txt").write_text("\n".join(lines) + "\n")
    print(f"pipelines: {len(names)} cases, {len(lines)} operators")


if __name__ == "__main__":
    main()
