"""Writes the official ONNX backend test cases: `onnx_node_cases.py OUT`.

The onnx package makes its node cases in memory; this script runs their makers under a fixed numpy seed and writes
each as `OUT/<kind>/<name>/` in the layout that case_files.py describes. The kinds `simple`, `pytorch-operator` and
`pytorch-converted` ship inside the package as files and are copied, with a meta.json of the same form.

Tolerances are those of the package's own runner: |ours - theirs| <= atol + rtol * |theirs|, where bfloat16 outputs are
compared as float32 under rtol = max(rtol, 2^-6), strings, integers and NaN positions exactly, shapes and types exactly.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from case_files import fresh_folder, write_case, write_meta
from onnx.backend.test.loader import load_model_tests

NODE_CASES = 1884
COPIED_KINDS = ("simple", "pytorch-operator", "pytorch-converted")


def write_node_cases(out: Path) -> int:
    """Makes and writes the node cases; gives their number."""
    np.random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # some makers divide by zero on purpose
        cases = load_model_tests(kind="node")
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ValueError("two node cases share a name")
    fresh_folder(out / "node")
    for case in cases:
        write_case(out / "node" / case.name, case.model, case.data_sets, "node", case.rtol, case.atol)
    return len(cases)


def copy_packaged_cases(out: Path, kind: str) -> int:
    """Copies one kind that the package holds as files; gives the number of cases."""
    source = Path(onnx.__file__).parent / "backend" / "test" / "data" / kind
    shutil.rmtree(out / kind, ignore_errors=True)
    cases = load_model_tests(kind=kind)
    for case in cases:
        folder = out / kind / case.name
        shutil.copytree(source / case.name, folder)
        write_meta(folder, kind, case.rtol, case.atol, len(list(folder.glob("test_data_set_*"))))
    return len(cases)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    counts = {"node": write_node_cases(out)}
    if counts["node"] != NODE_CASES:
        sys.exit(f"expected {NODE_CASES} node cases, onnx {onnx.__version__} made {counts['node']}: check the pin")
    for kind in COPIED_KINDS:
        counts[kind] = copy_packaged_cases(out, kind)
    print("onnx cases:", ", ".join(f"{kind} {count}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
