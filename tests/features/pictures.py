"""Small pictures on disk, sound and broken, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(folder: Path, count: int, *, size: int = 24, seed: int = 0) -> list[str]:
    """Write pictures of one colour and some noise; give their paths relative to the folder."""
    rng = np.random.default_rng(seed)
    names = []
    for number in range(count):
        values = np.clip(rng.integers(0, 256, 3) + rng.normal(0, 9, (size, size, 3)), 0, 255).astype(np.uint8)
        names.append(f"{number:04d}.{'png' if number % 2 else 'jpg'}")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(folder / names[-1])
    return names


def write_broken(path: Path, kind: str) -> None:
    """Write a file that is no usable picture, or a usable one of a kind to mention."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = Image.new("RGB", (20, 20), "orange")
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("no picture\n" * 30, encoding="utf-8")
        case "truncated":
            Image.effect_noise((64, 64), 60).convert("RGB").save(path, "JPEG")
            path.write_bytes(path.read_bytes()[:-300])
        case "cmyk":
            plain.convert("CMYK").save(path, "JPEG")
        case "rotated":
            exif = Image.Exif()
            exif[0x0112] = 6
            plain.save(path, "JPEG", exif=exif)
        case "animated":
            plain.save(path, "GIF", save_all=True, append_images=[Image.new("RGB", (20, 20), "blue")])
        case "sixteen":
            Image.fromarray(np.full((20, 20), 40_000, dtype=np.uint16)).save(path, "PNG")
        case _:
            raise ValueError(kind)
