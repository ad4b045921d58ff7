"""The manifest of a feature table: written last, it says that the parts beside it are whole and what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from noisette.errors import DataFileError
from noisette.files import atomic_open

StoredType = Literal["float16", "float32"]
MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class TablePart:
    """One Parquet file of a table: its name, number of rows, and BLAKE2b hash."""

    name: str
    rows: int
    hash: str


@dataclass(frozen=True)
class TableManifest:
    """What a feature table holds: N rows, D features, and the parts in row order."""

    num_rows: int
    num_features: int
    dtype: StoredType
    metadata: Mapping[str, str]
    parts: tuple[TablePart, ...]


def part_name(number: int) -> str:
    """Give the file name of a part, counted from 0."""
    return f"part-{number:05d}.parquet"


def write_manifest(folder: Path, manifest: TableManifest) -> None:
    """Write the manifest; from then on the table counts as complete."""
    with atomic_open(folder / MANIFEST) as file:
        content = {"format": FORMAT} | asdict(manifest)
        file.write(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def has_manifest(folder: str | Path) -> bool:
    """Tell whether a folder is a complete feature table."""
    return (Path(folder) / MANIFEST).is_file()


def read_manifest(folder: str | Path) -> TableManifest:
    """Read the manifest of a complete feature table.

    Raises:
        DataFileError: the folder has none (it is no table, or its writing was interrupted), or it is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise DataFileError(path, "was written by another version of noisette; write the table again")
        content["parts"] = tuple(TablePart(**part) for part in content["parts"])
        return TableManifest(**content)
    except FileNotFoundError:
        reason = "is not a complete feature table (no manifest.json); run the step that writes it again"
        raise DataFileError(folder, reason) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(path, f"is damaged ({error}); write the table again") from error
