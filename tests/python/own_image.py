"""Cases of operators on images: Resize, Upsample, GridSample and AffineGrid, in types and modes left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from own_base import FLOATS, INTEGERS, onnx_case, sample, whole

MODES = ("nearest", "linear", "cubic")


def resized() -> None:
    sizes = np.array([1, 2, 5, 7], np.int64)
    # Lengths stay whole: what the corners of fractional ones align with differs between implementations.
    scales = np.array([1, 1, 1.5, 0.5], np.float32)
    for kind in (*FLOATS, *INTEGERS):
        x = sample(kind, 1, 1, 2, 4, 6)
        onnx_case("Resize", kind, [x, None, scales], "nearest", version=19, mode="nearest", nearest_mode="floor")
        onnx_case("Resize", kind, [x, None, None, sizes], "nearest_sizes", version=19, mode="nearest",
                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
        if kind == "f64":
            for mode in ("linear", "cubic"):
                onnx_case("Resize", kind, [x, None, scales], mode, version=19, mode=mode, peer="float32",
                          rtol=1e-5, atol=1e-5)  # fmt: skip
    x = sample("f32", 2, 1, 1, 4, 6)
    for mode in MODES:
        for form in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"):
            more: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": form}
            if form == "half_pixel_symmetric" and mode == "nearest":
                continue
            onnx_case("Resize", "f32", [x, None, scales], f"{mode}_{form}", version=19, **more)
    for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
        onnx_case("Resize", "i32", [sample("i32", 3, 1, 1, 4, 6), None, scales], rounding, version=18, mode="nearest",
                  nearest_mode=rounding)  # fmt: skip
    for version in (10, 11, 13):
        for mode in ("nearest", "linear"):
            # Which of two neighbours is the nearest one of a smaller image was open in version 10.
            whole_scales = np.array([1, 1, 1.5, 2], np.float32)
            given = [x, whole_scales] if version == 10 else [x, np.zeros(0, np.float32), scales]
            onnx_case("Resize", "f32", given, mode, version=version, mode=mode)
    for kind in ("f32", "u8", "i32", "i8"):
        for mode in ("nearest", "linear"):
            up = np.array([1, 1, 2, 3], np.float32)
            # Whether a mean of integers is rounded or cut off is open.
            if kind == "f32" or mode == "nearest":
                onnx_case("Upsample", kind, [sample(kind, 4, 1, 2, 3, 4), up], mode, version=9, mode=mode)
    for mode in ("nearest", "linear"):
        onnx_case(
            "Upsample", "f32", [sample("f32", 4, 1, 2, 3, 4)], mode, version=7, mode=mode, scales=[1.0, 1.0, 2.0, 2.0]
        )


def sampled() -> None:
    grid = np.random.default_rng(5).uniform(-1.2, 1.2, (1, 3, 4, 2))
    for kind in ("f64", "f32"):
        x = sample(kind, 6, 1, 2, 4, 5)
        for mode in MODES:
            for padding in ("zeros", "border", "reflection"):
                # onnxruntime takes the border of a cubic neighbourhood for that of its middle.
                peer = "reference" if mode == "cubic" else ""
                onnx_case("GridSample", kind, [x, whole(grid, kind)], f"{mode}_{padding}", version=20, mode=mode,
                          padding_mode=padding, peer=peer, rtol=1e-4, atol=1e-5)  # fmt: skip
            onnx_case(
                "GridSample", kind, [x, whole(grid, kind)], f"{mode}_corners", version=20, mode=mode, align_corners=1
            )
    for mode in ("bilinear", "nearest", "bicubic"):
        onnx_case("GridSample", "f32", [sample("f32", 7, 1, 2, 4, 5), whole(grid, "f32")], mode, version=16, mode=mode)
    for kind in (*INTEGERS, "bool"):
        onnx_case("GridSample", kind, [sample(kind, 8, 1, 2, 4, 5), whole(grid, "f32")], "nearest", version=20,
                  mode="nearest", peer="reference")  # fmt: skip
    for kind in FLOATS:
        theta = sample(kind, 9, 2, 2, 3)
        if kind == "bf16":
            continue
        for corners in (0, 1):
            onnx_case("AffineGrid", kind, [theta, np.array([2, 3, 4, 5], np.int64)], f"corners{corners}", version=20,
                      align_corners=corners, peer="float32" if kind == "f16" else "")  # fmt: skip


for make in (resized, sampled):
    make()
