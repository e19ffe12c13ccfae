"""Writes one-node cases whose answers another implementation gives: `own.py OUT [NAME...]`.

They cover operators and types that the official cases do not. The own_*.py files beside this one list them; each case
is `OUT/<name>/` in the layout that case_files.py describes. Who answers is onnxruntime, or where it has no kernel the
reference evaluator of the onnx package (own_peers.py). Without names, `OUT/../untested-pairs.txt` gets the pairs of an
operator and a type that neither these cases nor the official ones exercise.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from case_files import fresh_folder, write_case
from onnx import TensorProto
from own_base import CASES, Typed
from own_pairs import of_model, write_untested
from own_peers import answer, map_proto

for module in sorted(Path(__file__).parent.glob("own_*.py")):
    __import__(module.stem)

MOST = 20
"""How many cases one operator may have for one type."""


def check_counts() -> None:
    """Cases are many enough without being many of the same kind."""
    counts = Counter(
        (case.op, name.rsplit("_", 1)[-1])
        for name, case in CASES.items()
        if case.domain != "com.microsoft" and case.op != "Cast"
    )
    crowded = {pair: count for pair, count in counts.items() if count > MOST}
    if crowded:
        sys.exit(f"more than {MOST} cases of one operator and type: {crowded}")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    check_counts()
    wanted = sys.argv[2:] or sorted(CASES)
    if not sys.argv[2:]:
        fresh_folder(out)
    pairs, peers, errors = set(), Counter(), []
    for name in wanted:
        case = CASES[name]
        try:
            model, inputs, outputs, peer = answer(name, case)
        except RuntimeError as error:
            errors.append(str(error))
            continue
        pairs |= of_model(model)
        peers[peer] += 1
        maps = {i: x for i, x in enumerate(inputs) if isinstance(x, Typed) and x.type.HasField("map_type")}
        plain = [TensorProto() if i in maps else x.value if isinstance(x, Typed) else x for i, x in enumerate(inputs)]
        write_case(out / name, model, [(plain, outputs)], "own", case.rtol, case.atol)
        for i, x in maps.items():
            path = out / name / "test_data_set_0" / f"input_{i}.pb"
            path.write_bytes(map_proto(x.value, x.type).SerializeToString())
    if errors:
        sys.exit("\n".join([*errors, f"{len(errors)} cases have no answer"]))
    print(f"{len(wanted)} cases of our own in {out}, answered by", ", ".join(f"{p} {n}" for p, n in peers.items()))
    if not sys.argv[2:]:
        write_untested(out.parent, pairs)


if __name__ == "__main__":
    main()
