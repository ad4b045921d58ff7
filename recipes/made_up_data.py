"""A handful of made-up pictures in the layout of each data set, for `--smoke`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("alpha", "beta", "gamma")
PER_CLASS, SIDE = 8, 32


def food101n(root: Path) -> tuple[Path, Path]:
    """Write Food-101N, half of it verified, and the test pictures of Food-101; give the folder of each."""
    data, test = root / "food-101n", root / "food-101"
    keys = [f"{name}/{number}.jpg" for name in CLASSES for number in range(PER_CLASS)]
    tests = [f"{name}/{number}" for name in CLASSES for number in range(2)]
    _draw(data / "images", keys)
    _draw(test / "images", (f"{name}.jpg" for name in tests))
    _write(data / "meta/classes.txt", ["class_name", *CLASSES])
    _write(data / "meta/imagelist.tsv", ["class_name/key", *keys])
    checked = [f"{key}\t{int(place % 3 > 0)}" for place, key in enumerate(keys)]
    _write(data / "meta/verified_train.tsv", ["class_name/key\tverification_label", *checked[::2]])
    _write(data / "meta/verified_val.tsv", ["class_name/key\tverification_label", *checked[1::8]])
    _write(test / "meta/test.txt", tests)
    return data, test


def clothing1m(root: Path) -> Path:
    """Write Clothing1M, half of whose training pictures have a clean label, too."""
    keys = {
        name: [f"images/0/{name}{number}.jpg" for number in range(24)] for name in ("noisy", "train", "val", "test")
    }
    _write(root / "category_names_eng.txt", CLASSES)
    clean, noisy = [], []
    for name, files in keys.items():
        _draw(root, files)
        _write(root / f"{'noisy_train' if name == 'noisy' else f'clean_{name}'}_key_list.txt", files)
        clean += [f"{key} {place % 3}" for place, key in enumerate(files) if name != "noisy"]
        noisy += [f"{key} {(place + (place % 4 == 0)) % 3}" for place, key in enumerate(files) if name != "test"]
    _write(root / "clean_label_kv.txt", clean)
    _write(root / "noisy_label_kv.txt", noisy)
    return root


def webvision(root: Path) -> Path:
    """Write WebVision 1.0."""
    _write(root / "info/synsets.txt", [f"n0000000{label} {name}" for label, name in enumerate(CLASSES)])
    for source in ("google", "flickr"):
        rows = [(f"{source}/q{label}/{number}.jpg", label) for label in range(3) for number in range(PER_CLASS)]
        _draw(root, (key for key, _ in rows))
        _write(root / f"info/train_filelist_{source}.txt", [f"{key} {label}" for key, label in rows])
    names = [f"val{number:06d}.jpg" for number in range(6)]
    _draw(root / "val_images_256", names)
    _write(root / "info/val_filelist.txt", [f"{name} {place % 3}" for place, name in enumerate(names)])
    return root


def webvision_verified(root: Path) -> Path:
    """Write verification labels of WebVision's pictures from Google."""
    keys = [line.split()[0] for line in (root / "info/train_filelist_google.txt").read_text().splitlines()]
    rows = [f"{key},{int(place % 3 > 0)}" for place, key in enumerate(keys)]
    return _write(root / "verified.csv", ["key,verification_label", *rows])


def imagenet(root: Path) -> Path:
    """Write folders ``train`` and ``val`` with a folder a class."""
    for split in ("train", "val"):
        _draw(root / split, (f"{name}/{number}.jpg" for name in CLASSES for number in range(PER_CLASS)))
    return root


def open_images(root: Path) -> Path:
    """Write ``train.csv`` and ``validation.csv`` of pictures with several labels, and the pictures."""
    _write(root / "classes.txt", CLASSES)
    for split in ("train", "validation"):
        files = [f"{split}/{number}.jpg" for number in range(24)]
        _draw(root, files)
        labels = ["|".join(name for bit, name in enumerate(CLASSES) if place >> bit & 1) for place in range(24)]
        rows = [f"{file},{several}" for file, several in zip(files, labels, strict=True)]
        _write(root / f"{split}.csv", ["path,labels", *rows])
    return root


def _draw(root: Path, files: Iterable[str]) -> None:
    for name in files:
        path, rng = root / name, np.random.default_rng(list(name.encode()))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(256, size=(SIDE, SIDE, 3), dtype=np.uint8)).save(path)


def _write(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
