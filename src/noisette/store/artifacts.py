"""What made an artifact, in a small JSON beside it, and the hashes by which `status` tells what is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noisette.errors import DataFileError
from noisette.files import atomic_open

_CHUNK = 1 << 20
_SUFFIX = ".about.json"
_NOT_CONTENT = (_SUFFIX, ".partial", ".take.npy")


def about_path(path: str | Path) -> Path:
    """Give the path of the JSON beside a file or folder: ``scores/x.parquet`` has ``scores/x.parquet.about.json``."""
    path = Path(path)
    return path.with_name(path.name + _SUFFIX)


def write_about(path: str | Path, about: Mapping[str, Any]) -> None:
    """Write what made the artifact `path` (version, settings, input hashes); same content, same bytes."""
    with atomic_open(about_path(path)) as file:
        file.write(json.dumps(dict(about), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_about(path: str | Path) -> dict[str, Any] | None:
    """Read what made the artifact `path`; None where that was never written.

    Raises:
        DataFileError: the JSON is damaged.
    """
    beside = about_path(path)
    try:
        about = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataFileError(beside, f"cannot be read ({error}); delete it and run the step again") from error
    if not isinstance(about, dict):
        raise DataFileError(beside, "must hold one JSON object; delete it and run the step again")
    return about


def file_hash(path: str | Path) -> str:
    """Hash the content of a file: 32 hexadecimal digits of BLAKE2b, read a piece at a time.

    Raises:
        DataFileError: the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise DataFileError(path, f"cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def folder_hash(path: str | Path) -> str:
    """Hash the names and contents of all files under a folder; caches, provenance and unfinished files do not count.

    Raises:
        DataFileError: `path` is not a folder, or a file in it cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataFileError(path, "is not a folder")
    files = {f.relative_to(path).as_posix(): f for f in path.rglob("*") if f.is_file()}
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(n for n in files if not n.endswith(_NOT_CONTENT)):
        digest.update(f"{file_hash(files[name])} {name}\n".encode())
    return digest.hexdigest()
