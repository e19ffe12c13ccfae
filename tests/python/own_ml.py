"""Cases of ai.onnx.ml operators on tables and labels, which have few official cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from own_base import Typed, case, ml_case, onnx_type, random, sample, tensor_type, whole
from onnx import helper

ML = "ai.onnx.ml"
KINDS = ("f32", "f64", "i64", "i32")
"""The numbers that most of these operators take."""


def scaled(seed: int, dtype: type) -> None:
    """Scaler, Normalizer and Binarizer take the same kind of table."""
    name = np.dtype(dtype).name
    x = random(seed, 5, 3, dtype=dtype, scale=4.0)
    case(f"scaler_{name}", "Scaler", [x], ML, offset=[0.5, -1.0, 2.0], scale=[2.0, 0.25, 1.0])
    for norm in ("L1", "L2", "MAX"):
        case(f"normalizer_{norm.lower()}_{name}", "Normalizer", [x], ML, norm=norm)


def tables() -> None:
    for seed, kind in enumerate(KINDS):
        x = sample(kind, seed + 20, 4, 3, scale=4)
        ml_case("Scaler", f"one_{kind}", [x], offset=[0.5], scale=[-2.0])
        ml_case("Scaler", f"row_{kind}", [x[0]], offset=[1.0, 2.0, 3.0], scale=[1.0, 0.5, 0.25])
        ml_case("Normalizer", f"row_l2_{kind}", [whole([3, -4, 0], kind)], norm="L2")
        ml_case("Binarizer", f"half_{kind}", [x], threshold=0.5)
        ml_case("Binarizer", f"negative_{kind}", [x], threshold=-1.0)
        ml_case("Binarizer", f"default_{kind}", [x])
        ml_case("FeatureVectorizer", f"two_{kind}", [x, sample(kind, seed + 30, 4, 2)], inputdimensions=[3, 2])
        ml_case("FeatureVectorizer", f"three_{kind}", [x, x[:, :1].copy(), x[:, 1:].copy()], inputdimensions=[3, 1, 2])
        ml_case("FeatureVectorizer", f"one_{kind}", [x], inputdimensions=[3])
        ml_case("FeatureVectorizer", f"rows_{kind}", [x[0], x[1, :2].copy()], inputdimensions=[3, 2])
    for kind in ("f32", "f64", "i64", "i32", "string"):
        x = sample(kind, 40, 3, 5)
        ml_case("ArrayFeatureExtractor", f"two_{kind}", [x, np.array([[3, 0]], np.int64)])
        ml_case("ArrayFeatureExtractor", f"repeated_{kind}", [x, np.array([1, 1, 4], np.int64)])
        ml_case("ArrayFeatureExtractor", f"deep_{kind}", [sample(kind, 41, 2, 3, 4), np.array([2], np.int64)])
        ml_case("ArrayFeatureExtractor", f"vector_{kind}", [x[0], np.array([4, 2], np.int64)])


def imputed() -> None:
    for kind in ("f32", "f64"):
        x = whole([[1, np.nan, 3], [np.nan, 5, -6]], kind)
        ml_case("Imputer", f"nan_{kind}", [x], imputed_value_floats=[7.5, 8.5, 9.5], replaced_value_float=float("nan"))
        ml_case("Imputer", f"value_{kind}", [x], imputed_value_floats=[0.25], replaced_value_float=3.0)
        ml_case("Imputer", f"each_{kind}", [whole([[2, 2, 1], [2, 0, 2]], kind)], imputed_value_floats=[7.5, 8.5, 9.5],
                replaced_value_float=2.0)  # fmt: skip
    for kind in ("i64", "i32"):
        x = whole([[1, -9, 3], [-9, 5, -9]], kind)
        ml_case("Imputer", f"one_{kind}", [x], imputed_value_int64s=[7], replaced_value_int64=-9)
        ml_case("Imputer", f"each_{kind}", [x], imputed_value_int64s=[7, 8, 9], replaced_value_int64=-9)


def encoded() -> None:
    """OneHotEncoder and CategoryMapper."""
    words = np.array([["b", "a"], ["q", "c"], ["a", ""]], object)
    for zeros in (0, 1):
        known = words if zeros else words[:1]
        ml_case("OneHotEncoder", f"zeros{zeros}_string", [known], cats_strings=["a", "b", "c"], zeros=zeros)
        ml_case("OneHotEncoder", f"zeros{zeros}_vector_string", [known[0]], cats_strings=["b", "a"], zeros=zeros)
        for kind in KINDS:
            x = whole([[3, 1], [2, 7], [1, 1]] if zeros else [[3, 1], [2, 2]], kind)
            ml_case("OneHotEncoder", f"zeros{zeros}_{kind}", [x], cats_int64s=[1, 2, 3], zeros=zeros)
            ml_case("OneHotEncoder", f"zeros{zeros}_vector_{kind}", [x[0]], cats_int64s=[3, 1], zeros=zeros)
    cats: dict[str, Any] = {"cats_strings": ["a", "b", "c"], "cats_int64s": [10, -20, 30]}
    ml_case("CategoryMapper", "string", [words], **cats)
    ml_case("CategoryMapper", "default_string", [words], default_int64=-7, **cats)
    ml_case("CategoryMapper", "i64", [np.array([[10, 30], [99, -20]])], **cats)
    ml_case("CategoryMapper", "default_i64", [np.array([99, -20])], default_string="none", **cats)


def labels() -> None:
    """LabelEncoder: classes of version 1, keys and values of version 2, tensors of version 4."""
    words = np.array([["b", "a"], ["q", ""]], object)
    ml_case("LabelEncoder", "v1_string", [words], 1, classes_strings=["a", "b", "c"])
    ml_case("LabelEncoder", "v1_default_string", [words], 1, classes_strings=["a", "b"], default_int64=42)
    ml_case("LabelEncoder", "v1_i64", [np.array([2, 0, 5, -1])], 1, classes_strings=["a", "b", "c"])
    ml_case("LabelEncoder", "v1_default_i64", [np.array([1, 9])], 1, classes_strings=["a", "b"], default_string="none")
    keys: dict[str, Any] = {"strings": ["a", "b", "c"], "int64s": [1, -2, 3], "floats": [0.5, -2.0, 3.0]}
    values: dict[str, Any] = {"strings": ["x", "y", ""], "int64s": [7, 8, -9], "floats": [1.5, -2.5, 0.0]}
    defaults: dict[str, Any] = {"strings": {"default_string": "??"}, "int64s": {"default_int64": 99},
                                "floats": {"default_float": -0.5}}  # fmt: skip
    given = {"strings": words, "int64s": np.array([[1, 3], [5, -2]]), "floats": whole([[0.5, 9], [3, -2]], "f32")}
    for key, names in keys.items():
        for value, targets in values.items():
            more = {f"keys_{key}": names, f"values_{value}": targets}
            ml_case("LabelEncoder", f"v2_{key}_to_{value}", [given[key]], 2, **more)
            ml_case("LabelEncoder", f"v2_default_{key}_to_{value}", [given[key]], 2, **more, **defaults[value])
            ml_case("LabelEncoder", f"v4_{key}_to_{value}", [given[key]], 4, **more, **defaults[value])
    ml_case("LabelEncoder", "v2_nan", [whole([np.nan, 1, 2], "f32")], 2, keys_floats=[float("nan"), 1.0],
            values_int64s=[5, 6], default_int64=7)  # fmt: skip

    def held(kind: str, items: list[Any], name: str) -> onnx.TensorProto:
        return helper.make_tensor(name, onnx_type(kind), [len(items)], items)

    lists: dict[str, list[Any]] = {"f32": [0.5, 2.0], "f64": [0.1, 2.5], "i64": [4, -5], "i16": [6, -7],
                                   "string": [b"a", b"b"], "i32": [8, -9]}  # fmt: skip
    other = {"string": b"zz"}
    for source in ("f64", "f32", "i64", "string", "i16", "i32"):
        for target in ("f64", "f32", "i64", "string", "i16", "i32"):
            if not {source, target} & {"f64", "i16", "i32"} or {source, target} & {"i32"}:
                continue
            x = np.array([b.decode() for b in lists[source]] + ["q"], object) if source == "string" else whole(
                [*lists[source], 1], source)  # fmt: skip
            ml_case("LabelEncoder", f"v4_tensors_{source}_to_{target}", [x], 4,
                    keys_tensor=held(source, lists[source], "keys"), values_tensor=held(target, lists[target], "values"),
                    default_tensor=held(target, [other.get(target, 3)], "default"))  # fmt: skip


def map_type(key: str, value: str) -> onnx.TypeProto:
    """The type of a map."""
    return helper.make_map_type_proto(onnx_type(key), tensor_type(value, []))


def maps() -> None:
    """CastMap, DictVectorizer and ZipMap."""
    # onnxruntime takes no map to words from Python, and how a float is written differs between implementations.
    given = Typed({3: 1.5, 0: -2.0, 7: 4.25}, map_type("i64", "f32"))
    for target in ("TO_FLOAT", "TO_INT64"):
        ml_case("CastMap", target.lower(), [given], 1, cast_to=target)
        ml_case("CastMap", f"{target.lower()}_sparse", [given], 1, cast_to=target, map_form="SPARSE", max_map=9)
    # onnxruntime takes maps to float32 alone from Python, and the reference answers without the axis of rows.
    for key, entries, vocabulary in (("i64", [7, 3, 11], {"int64_vocabulary": [7, 0, 5, 3]}),
                                     ("string", ["a", "q", "none"], {"string_vocabulary": ["q", "a", "zz"]})):  # fmt: skip
        for count in (1, 3):
            given = Typed(dict(zip(entries[:count], [1.5, 2.5, 3.5][:count], strict=True)), map_type(key, "f32"))
            ml_case("DictVectorizer", f"{count}_{key}_to_f32", [given], 1, **vocabulary)
    scores = sample("f32", 50, 4, 3)
    ml_case("ZipMap", "i64", [scores], 1, classlabels_int64s=[10, -20, 30])
    ml_case("ZipMap", "string", [scores], 1, classlabels_strings=["a", "", "é"])
    ml_case("ZipMap", "row_i64", [scores[0]], 1, classlabels_int64s=[5, 6, 7])
    ml_case("ZipMap", "row_string", [scores[0]], 1, classlabels_strings=["x", "y", "z"])


for i, dtype in enumerate((np.float32, np.float64, np.int64, np.int32)):
    scaled(i, dtype)
case("binarizer", "Binarizer", [random(9, 4, 3)], ML, threshold=0.25)
for make in (tables, imputed, encoded, labels, maps):
    make()
