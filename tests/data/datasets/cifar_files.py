"""Small CIFAR files in their true layouts: any number of pictures a batch."""

from __future__ import annotations

import pickle
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, np.ndarray]
"""(N,) labels and (N, 3072) pixels"""


def make_batch(size: int, seed: int, num_classes: int = 10) -> Batch:
    rng = np.random.default_rng(seed)
    return rng.integers(0, num_classes, size), rng.integers(0, 256, (size, 3072), dtype=np.uint8)


def cifar_batches(num_classes: int = 10) -> list[Batch]:
    """Give the training batches, and last the test batch."""
    sizes = (3, 1, 4, 2, 5, 6) if num_classes == 10 else (7, 4)
    return [make_batch(size, seed, num_classes) for seed, size in enumerate(sizes)]


def write_binary(root: Path, batches: list[Batch], num_classes: int = 10) -> Path:
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    folder = root / ("cifar-10-batches-bin" if num_classes == 10 else "cifar-100-binary")
    folder.mkdir(parents=True)
    for name, (labels, pixels) in zip(names if num_classes == 10 else ["train.bin", "test.bin"], batches, strict=True):
        columns = [labels] if num_classes == 10 else [labels // 5, labels]
        (folder / name).write_bytes(np.column_stack([*columns, pixels]).astype(np.uint8).tobytes())
    return root


def write_python(root: Path, batches: list[Batch], num_classes: int = 10, protocol: int | None = None) -> Path:
    """Write the python version: as published, or with a protocol of today's Python."""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    folder = root / ("cifar-10-batches-py" if num_classes == 10 else "cifar-100-python")
    folder.mkdir(parents=True)
    for name, (labels, pixels) in zip(names if num_classes == 10 else ["train", "test"], batches, strict=True):
        if protocol is None:
            content = published_pickle(labels, pixels, b"labels" if num_classes == 10 else b"fine_labels")
        else:
            cells = {b"labels" if num_classes == 10 else b"fine_labels": labels.tolist(), b"data": pixels}
            content = pickle.dumps({b"batch_label": b"batch 1 of 5", **cells}, protocol=protocol)
        (folder / name).write_bytes(content)
    return root


def published_pickle(
    labels: np.ndarray, pixels: np.ndarray, label_key: bytes = b"labels", columns_first: bool = False
) -> bytes:
    """Give what Python 2 wrote with protocol 2: byte strings are kept as they are."""
    memo = count(1)

    def put() -> bytes:
        number = next(memo)
        return b"q%c" % number if number < 256 else b"r" + number.to_bytes(4, "little")

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value + put()

    def integers(name: bytes, values: np.ndarray) -> bytes:
        return text(name) + b"]" + put() + b"(" + b"".join(b"K%c" % int(one) for one in values) + b"e"

    rows, columns = pixels.shape
    array: bytes = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + put()
        + b"(K\x01M"
        + rows.to_bytes(2, "little")
        + b"M"
        + columns.to_bytes(2, "little")
        + b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + (b"\x88" if columns_first else b"\x89")
        + b"T"
        + pixels.size.to_bytes(4, "little")
        + pixels.tobytes("F" if columns_first else "C")
        + b"tb"
    )
    names = (
        text(b"filenames") + b"]" + put() + b"(" + b"".join(text(b"picture_%d.png" % row) for row in range(rows)) + b"e"
    )
    coarse = integers(b"coarse_labels", labels // 5) if label_key == b"fine_labels" else b""
    return (
        b"\x80\x02}q\x00("
        + text(b"batch_label")
        + text(b"training batch 1 of 5")
        + coarse
        + integers(label_key, labels)
        + text(b"data")
        + array
        + names
        + b"u."
    )


def human_labels(batches: list[Batch], seed: int = 9, num_classes: int = 10) -> dict[str, Any]:
    """Give the published arrays: clean labels and noisy ones."""
    clean = np.concatenate([labels for labels, _ in batches[:-1]])
    rng = np.random.default_rng(seed)
    if num_classes == 100:
        noisy = rng.integers(0, 100, len(clean))
        return {"clean_label": clean, "noisy_label": noisy, "noisy_coarse_label": noisy // 5}
    sets = ("worse_label", "aggre_label", "random_label1", "random_label2", "random_label3")
    return {"clean_label": clean} | {name: rng.integers(0, 3, len(clean)) for name in sets}
