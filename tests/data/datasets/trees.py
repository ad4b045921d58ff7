"""Small trees of list files, as published data sets have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from noisette.data.datasets.records import ImageDataset
from noisette.types import BadRows, Sample


def plant(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, texts as UTF-8 with line ends as they are."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def skipping() -> BadRows:
    """Give a collector that lets everything pass."""
    return BadRows(on_error="skip", max_bad=1.0)


def samples(data: ImageDataset) -> list[Sample]:
    """Read all; no two may have one identity."""
    found = list(data.samples)
    assert len({(sample.split, sample.key) for sample in found}) == len(found)
    return found


def problems(bad: BadRows) -> list[str]:
    """Give name of the file, line and reason of every bad row."""
    return [f"{row.path.name}:{row.line}: {row.kind}" for row in bad.rows]
