"""Makes ops/src/family/image/decode/testdata: small images of each format, each with the pixels that Pillow reads.

Run by hand after `pip install pillow numpy`; Pillow is not among the pinned packages because only this script needs it
(`python image_fixtures.py`). `NAME` is the encoded file, `NAME.rgb` its pixels as red, green and blue, row by row.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "ops/src/family/image/decode/testdata"
SIZE = (13, 11)


def picture(width: int, height: int) -> Image.Image:
    """Waves of color with noise on them, so that every rounding shows."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 3), np.cos(y / 4), np.sin((x + y) / 5)], -1)
    noise = np.random.default_rng(1).normal(0, 25, (height, width, 3))
    return Image.fromarray(np.clip(128 + 110 * waves + noise, 0, 255).astype(np.uint8))


def put(name: str, image: Image.Image, form: str, **options: object) -> None:
    """Writes one file and its pixels."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    read = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
    (OUT / name).write_bytes(buffer.getvalue())
    (OUT / f"{name}.rgb").write_bytes(np.asarray(read).tobytes())


def main() -> None:
    """Writes all of them."""
    OUT.mkdir(parents=True, exist_ok=True)
    rgb = picture(*SIZE)
    rgba = rgb.copy()
    rgba.putalpha(rgb.getchannel("R"))
    for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
        put(f"{name}.jpg", rgb, "JPEG", subsampling=sampling, quality=80, optimize=True)
        put(f"{name}-progressive.jpg", rgb, "JPEG", subsampling=sampling, quality=80, progressive=True)
    put("restart.jpg", picture(40, 18), "JPEG", quality=60, restart_marker_blocks=1, optimize=True)
    put("narrow.jpg", picture(3, 9), "JPEG", quality=90, optimize=True)
    put("gray.jpg", rgb.convert("L"), "JPEG", quality=30, optimize=True)
    put("cmyk.jpg", rgb.convert("CMYK"), "JPEG", quality=90, optimize=True)
    put("rgb.jpg", rgb, "JPEG", quality=90, keep_rgb=True, optimize=True)
    put("rgb.png", rgb, "PNG")
    put("rgba.png", rgba, "PNG")
    put("palette.png", rgb.quantize(13), "PNG", bits=4)
    put("bits.png", rgb.convert("1"), "PNG")
    put("rgb.bmp", rgb, "BMP")
    put("palette.bmp", rgb.quantize(30), "BMP")
    put("bits.bmp", rgb.convert("1"), "BMP")
    put("rgb.ppm", rgb, "PPM")
    put("gray.pgm", rgb.convert("L"), "PPM")
    put("bits.pbm", rgb.convert("1"), "PPM")
    put("rgb.tif", rgb, "TIFF")
    put("lzw.tif", rgba, "TIFF", compression="tiff_lzw")
    put("palette.tif", rgb.quantize(13), "TIFF", compression="packbits")
    put("cmyk.tif", rgb.convert("CMYK"), "TIFF", compression="tiff_deflate")
    put("fax.tif", rgb.convert("1"), "TIFF", compression="group4")
    put("turned.tif", rgb, "TIFF", tiffinfo={274: 6})
    put("lossy.webp", rgb, "WEBP", quality=80)
    put("lossless.webp", rgba, "WEBP", lossless=True)
    put("reversible.jp2", rgb, "JPEG2000")
    put("stream.j2k", rgba, "JPEG2000", no_jp2=True)


if __name__ == "__main__":
    main()
