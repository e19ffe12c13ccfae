"""Libraries of trees behind the few methods of an onnxruntime session that the peer uses.

Each takes the file of the library that trained the forest. They are imported when a case asks for them, so that one that is
not installed costs its own rows only; requirements-peers.txt lists them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Port:
    """An input or output as onnxruntime describes it."""

    name: str
    type: str
    shape: list[Any]


class Library:
    """A forest over one table of features that gives one number a row."""

    def __init__(self, dtype: str, predict: Callable[[np.ndarray], np.ndarray]) -> None:
        self.dtype, self.predict = dtype, predict

    def get_inputs(self) -> list[Port]:
        return [Port("features", f"tensor({self.dtype})", [None, None])]

    def get_outputs(self) -> list[Port]:
        return [Port("prediction", "tensor(double)", [None])]

    def run(self, _: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(self.predict(feeds["features"])).astype(np.float64).reshape(-1)]

    def run_of(self, feeds: dict[str, np.ndarray]) -> Callable[[], Any]:
        """One run, its answer left as the library gives it."""
        features = feeds["features"]
        return lambda: self.predict(features)


def is_lightgbm(path: str) -> bool:
    return path.endswith(".lgbm.txt")


def booster(path: str) -> Any:
    """The forest as its own library loads it."""
    if is_lightgbm(path):
        import lightgbm

        return lightgbm.Booster(model_file=path)
    import xgboost

    forest = xgboost.Booster()
    forest.load_model(path)
    return forest


def lightgbm(path: str, threads: int) -> Library:
    forest = booster(path)
    return Library("double", lambda features: forest.predict(features, num_threads=threads))


def xgboost(path: str, threads: int) -> Library:
    forest = booster(path)
    forest.set_param({"nthread": threads})
    return Library("float", forest.inplace_predict)


def onedal(path: str, threads: int) -> Library:
    import daal4py

    daal4py.daalinit(nthreads=threads)
    forest = daal4py.mb.convert_model(booster(path))
    return Library("double" if is_lightgbm(path) else "float", forest.predict)


def treelite_model(path: str) -> Any:
    import treelite

    load = treelite.frontend.load_lightgbm_model if is_lightgbm(path) else treelite.frontend.load_xgboost_model
    return load(path)


def treelite(path: str, threads: int) -> Library:
    from treelite import gtil

    forest = treelite_model(path)
    predict = lambda features: gtil.predict(forest, features, nthread=threads)  # noqa: E731
    return Library("double" if is_lightgbm(path) else "float", predict)


def tl2cgen(path: str, threads: int) -> Library:
    """C code of the trees, compiled by the machine's own compiler when the case is loaded."""
    import tl2cgen as generator

    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "forest.so"
        generator.export_lib(treelite_model(path), toolchain="gcc", libpath=library, params={"parallel_comp": 8})
        # Loaded, it needs its file no more.
        forest = generator.Predictor(library, nthread=threads)
    # What a caller has are rows: putting them into the library's own matrix is part of a run.
    predict = lambda features: forest.predict(generator.DMatrix(features))  # noqa: E731
    return Library("double" if is_lightgbm(path) else "float", predict)


LIBRARIES = {
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "oneDAL": onedal,
    "treelite": treelite,
    "tl2cgen": tl2cgen,
}
