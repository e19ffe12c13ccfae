"""onnxruntime and libraries of trees as a peer process for interleaved comparison benches.

Reads one JSON command a line on stdin and answers each with one JSON line on stdout: {"ok": true, ...} or
{"ok": false, "error": "..."}. It ends at `quit` or at the end of stdin. The bench alternates between its own runs and
`time` commands, so that both sides meet the same noise, clock speed and temperature.

    {"do": "about"}
        -> python, onnxruntime, numpy (versions), cores
    {"do": "load", "session": "a", "model": "m.onnx", "threads": 1, "dimensions": {"batch": 1, "sequence": 128},
     "engine": "onnxruntime"}
        -> seconds, inputs and outputs as lists of {name, type, shape}
        `threads` (default 1) are intra-op threads; `dimensions` fixes named free dimensions before optimization.
        `engine` (default onnxruntime) may name a library of libraries.py, which is given its own model file, or be
        onnxruntime-int8: onnxruntime's static quantization of the model (scales by channel, QDQ), whose ranges are those
        of `calibrate`, described as the inputs are below.
        Threads spin inside a run and are told to stop when it ends, so that they do not disturb the other side.
    {"do": "inputs", "session": "a", "inputs": {"x": {"shape": [1, 3], "seed": 7, "low": -1, "high": 1}}}
        -> checksums: {name: sum of the values as f64, of strings the sum of their lengths}
        Numbers are those of `seeded`, below; `low` and `high` default to -1 and 1; integers must give them.
        "columns": [[low, high], ...] instead of them gives each place of the last dimension a range of its own, and
        "whole": [first, end] rounds the numbers at those places down.
        {"shape": [1, 3], "fill": 1} instead makes a tensor of one number, and {"shape": [5, 1], "seed": 7, "words":
        ["a", "b"]} one of strings, their places in the list drawn as integers are.
        "set": 3 gives the number of the set that the values belong to; 0 without it.
    {"do": "time", "session": "a", "runs": 20, "warm_up": 2}
        -> nanoseconds: wall time of each run, the outputs left in onnxruntime's own memory
        Run i takes set i modulo the number of sets. Inputs are bound before; strings cannot be, so a model that takes
        them is given its inputs inside the timed part.
    {"do": "outputs", "session": "a", "set": 0, "values": true, "folder": "dir"}
        -> outputs: per output {name, type, shape, sum}; with `values`, also its values as one flat list; with `folder`,
        each is also written there as output_<k>.pb
    {"do": "unload", "session": "a"}
    {"do": "quit"}
"""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from libraries import LIBRARIES, Library
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


def seeded(shape: list[int], seed: int, dtype: Any, low: float, high: float) -> np.ndarray:
    """Numbers that another language can make too, in row-major order.

    Element i takes x, the (i + 1)-th number of SplitMix64 (Steele, Lea and Flood, 2014) from the seed. An integer is
    low + (x >> 32) % (high - low). A float is low + (high - low) * u in f64, u being (x >> 40) / 2^24, rounded to its
    type.
    """
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    if np.issubdtype(dtype, np.floating):
        unit = (x >> np.uint64(40)).astype(np.float64) / 2**24
        values = low + (high - low) * unit
    else:
        values = int(low) + ((x >> np.uint64(32)) % np.uint64(int(high) - int(low))).astype(np.int64)
    return values.astype(dtype).reshape(shape)


def made(wanted: dict[str, Any], dtype: Any) -> np.ndarray:
    """The tensor that an input's description asks for."""
    shape = wanted["shape"]
    if "fill" in wanted:
        return np.full(shape, wanted["fill"], dtype)
    if dtype is np.object_:
        words = np.array(wanted["words"], dtype)
        return words[seeded(shape, wanted["seed"], np.int64, 0, len(words))]
    if "columns" in wanted:
        unit = seeded(shape, wanted["seed"], np.float64, 0, 1)
        low, high = np.array(wanted["columns"], np.float64).T
        values = low + (high - low) * unit
        if "whole" in wanted:
            whole = slice(*wanted["whole"])
            values[..., whole] = np.floor(values[..., whole])
        return values.astype(dtype)
    if not np.issubdtype(dtype, np.floating) and not {"low", "high"} <= wanted.keys():
        raise ValueError("integers need low and high")
    return seeded(shape, wanted["seed"], dtype, wanted.get("low", -1.0), wanted.get("high", 1.0))


def checksum(value: np.ndarray) -> float:
    """The sum of the values; of strings, of their lengths in bytes."""
    if value.dtype == object:
        return float(sum(len(word.encode()) for word in value.ravel()))
    return float(value.sum(dtype=np.float64))


@dataclass
class Loaded:
    """A session and the sets of inputs it was given."""

    session: ort.InferenceSession | Library
    sets: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)

    def runs(self) -> list[Callable[[], Any]]:
        """One run a set. Inputs are bound here, outputs left where onnxruntime allocates them: no copies are timed."""
        return [self.run_of(feeds) for _, feeds in sorted(self.sets.items())]

    def run_of(self, feeds: dict[str, np.ndarray]) -> Callable[[], Any]:
        """A run on one set."""
        missing = [info.name for info in self.session.get_inputs() if info.name not in feeds]
        if missing:
            raise ValueError(f"inputs without values: {', '.join(missing)}")
        if isinstance(self.session, Library):
            return self.session.run_of(feeds)
        if any(value.dtype == object for value in feeds.values()):
            return lambda: self.session.run(None, feeds)
        bound = self.session.io_binding()
        for name, value in feeds.items():
            bound.bind_cpu_input(name, value)
        for info in self.session.get_outputs():
            bound.bind_output(info.name, "cpu")
        return lambda: self.session.run_with_iobinding(bound)


class Calibration(CalibrationDataReader):
    """Rows that onnxruntime's quantization takes its ranges from, a few at a time."""

    def __init__(self, feeds: dict[str, np.ndarray]) -> None:
        rows = len(next(iter(feeds.values())))
        parts = [{name: value[at : at + 16] for name, value in feeds.items()} for at in range(0, rows, 16)]
        self.parts = iter(parts)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.parts, None)


def quantized(model: str, calibrate: dict[str, Any]) -> bytes:
    """The model in eight bits by onnxruntime's own static quantization."""
    inputs = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
    feeds = {info.name: made(calibrate[info.name], TYPES[info.type]) for info in inputs}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "quantized.onnx")
        kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
        logging.disable(logging.WARNING)
        quantize_static(model, path, Calibration(feeds), quant_format=QuantFormat.QDQ, **kinds)
        return Path(path).read_bytes()


def described(infos: list[Any]) -> list[dict[str, Any]]:
    """Names, types and shapes of a model's inputs or outputs."""
    return [{"name": info.name, "type": info.type, "shape": list(info.shape)} for info in infos]


class Peer:
    """The loaded sessions, and one method a command."""

    def __init__(self) -> None:
        self.loaded: dict[str, Loaded] = {}
        self.quitting = False

    def named(self, command: dict[str, Any]) -> Loaded:
        name = command["session"]
        if name not in self.loaded:
            raise ValueError(f"no session {name!r}: load it first")
        return self.loaded[name]

    def do_about(self, command: dict[str, Any]) -> dict[str, Any]:
        versions = {"python": platform.python_version(), "onnxruntime": ort.__version__, "numpy": np.__version__}
        return {**versions, "cores": os.cpu_count()}

    def do_load(self, command: dict[str, Any]) -> dict[str, Any]:
        engine = command.get("engine", "onnxruntime")
        begin = time.perf_counter()
        if engine == "onnxruntime":
            session = self.onnxruntime(command)
        elif engine == "onnxruntime-int8":
            session = self.onnxruntime({**command, "model": quantized(command["model"], command["calibrate"])})
        else:
            session = LIBRARIES[engine](command["model"], int(command.get("threads", 1)))
        seconds = time.perf_counter() - begin
        self.loaded[command["session"]] = Loaded(session)
        return {
            "seconds": seconds,
            "inputs": described(session.get_inputs()),
            "outputs": described(session.get_outputs()),
        }

    def onnxruntime(self, command: dict[str, Any]) -> ort.InferenceSession:
        """A session of onnxruntime."""
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = int(command.get("threads", 1))
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.force_spinning_stop", "1")
        for name, size in command.get("dimensions", {}).items():
            options.add_free_dimension_override_by_name(name, int(size))
        return ort.InferenceSession(command["model"], options, providers=["CPUExecutionProvider"])

    def do_inputs(self, command: dict[str, Any]) -> dict[str, Any]:
        loaded = self.named(command)
        types = {info.name: info.type for info in loaded.session.get_inputs()}
        feeds = loaded.sets.setdefault(int(command.get("set", 0)), {})
        for name, wanted in command["inputs"].items():
            if types.get(name) not in TYPES:
                raise ValueError(f"input {name!r} is {types.get(name, 'not in the model')}")
            try:
                feeds[name] = made(wanted, TYPES[types[name]])
            except ValueError as error:
                raise ValueError(f"input {name!r}: {error}") from error
        return {"checksums": {name: checksum(value) for name, value in feeds.items()}}

    def do_time(self, command: dict[str, Any]) -> dict[str, Any]:
        loaded = self.named(command)
        runs = loaded.runs()
        if not runs:
            raise ValueError("the session has no inputs yet")
        for index in range(int(command.get("warm_up", 0))):
            runs[index % len(runs)]()
        nanoseconds = []
        for index in range(int(command["runs"])):
            run = runs[index % len(runs)]
            begin = time.perf_counter_ns()
            run()
            nanoseconds.append(time.perf_counter_ns() - begin)
        return {"nanoseconds": nanoseconds}

    def do_outputs(self, command: dict[str, Any]) -> dict[str, Any]:
        loaded = self.named(command)
        infos = loaded.session.get_outputs()
        values = loaded.session.run(None, loaded.sets[int(command.get("set", 0))])
        answer = []
        for index, (info, value) in enumerate(zip(infos, values, strict=True)):
            if not isinstance(value, np.ndarray) or (value.dtype == object and not info.type == "tensor(string)"):
                raise ValueError(f"output {info.name!r} is {info.type}: only tensors can be given back")
            total = checksum(value)
            if not np.isfinite(total):
                raise ValueError(f"output {info.name!r} holds numbers that are not finite")
            answer.append({"name": info.name, "type": info.type, "shape": list(value.shape), "sum": total})
            if command.get("values"):
                answer[-1]["values"] = value.ravel().tolist()
            if "folder" in command:
                folder = Path(command["folder"])
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"output_{index}.pb").write_bytes(
                    numpy_helper.from_array(value, info.name).SerializeToString()
                )
        return {"outputs": answer}

    def do_unload(self, command: dict[str, Any]) -> dict[str, Any]:
        self.named(command)
        del self.loaded[command["session"]]
        return {}

    def do_quit(self, command: dict[str, Any]) -> dict[str, Any]:
        self.quitting = True
        return {}

    def answer(self, line: str) -> dict[str, Any]:
        """Obeys one command; a failure becomes an answer, not the end of the process."""
        try:
            command = json.loads(line)
            method = getattr(self, f"do_{command['do']}", None)
            if method is None:
                raise ValueError(f"no command {command['do']!r}")
            return {"ok": True, **method(command)}
        except KeyError as missing:
            return {"ok": False, "error": f"the command lacks {missing}"}
        except Exception as error:  # whatever onnxruntime raises is the bench's to report
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    # What libraries print goes to standard error: standard output holds answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Peer()
    for line in sys.stdin:
        if not line.strip():
            continue
        print(json.dumps(peer.answer(line)), file=answers, flush=True)
        if peer.quitting:
            return


if __name__ == "__main__":
    main()
