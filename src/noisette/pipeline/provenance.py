"""What made an artifact, and whether the same would be made today: the JSON beside it against the workspace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable, about_path, file_hash, folder_hash, read_about, write_about
from noisette.types import RANDOM_QUEUES

State = Literal["missing", "current", "stale"]


def about_step(step: str, settings: dict[str, Any], inputs: dict[str, str]) -> dict[str, Any]:
    """Describe one run of a step: version, settings, hashes of what it reads. No clock, host or path."""
    return {"step": step, "version": version("noisette"), "settings": settings, "inputs": inputs}


def is_current(path: Path, about: dict[str, Any]) -> bool:
    """True if `path` is there and was made by exactly this."""
    return path.exists() and read_about(path) == about


def record(path: Path, about: dict[str, Any]) -> None:
    """Write down what made `path`; called after `path` itself is whole, so that a killed step is not taken as done."""
    write_about(path, about)


def forget(path: Path) -> None:
    """Take back what is written of `path`, before it is made anew: a step that is stopped must not look done."""
    about_path(path).unlink(missing_ok=True)


def state_of(path: Path, about: dict[str, Any]) -> tuple[State, str]:
    """Compare an artifact with what would be made today; the second value names what changed."""
    made_by = read_about(path) if path.exists() else None
    if made_by is None:
        return "missing", ""
    if made_by == about:
        return "current", ""
    changed = [f"version {made_by.get('version')}"] if made_by.get("version") != about["version"] else []
    changed += _differences(made_by.get("settings", {}), about["settings"])
    changed += _differences(made_by.get("inputs", {}), about["inputs"])
    return "stale", ", ".join(changed) + " changed"


def input_hashes(workspace: Workspace) -> dict[str, str]:
    """Hash what people put into the workspace: class names, samples, features, decisions."""
    return {
        "classes": file_hash(workspace.classes),
        "samples": file_hash(workspace.samples),
        "features": ParquetTable(workspace.features).content_hash,
        "decisions": decisions_hash(workspace),
    }


def artifact_hash(path: Path) -> str:
    """Hash a file or a folder that a step made."""
    return folder_hash(path) if path.is_dir() else file_hash(path)


def decisions_hash(workspace: Workspace, splits: Collection[str] | None = None) -> str:
    """Hash the decision in force for each sample, and how it was drawn; who decided, and when, changes no result.

    Args:
        workspace: the workspace.
        splits: whose samples count; None = all.
    """
    digest = hashlib.blake2b(digest_size=16)
    with workspace.reviews() as reviews:
        latest, draws = reviews.latest(), reviews.draws()
    for identity, review in sorted(latest.items()):
        if splits is not None and identity[0] not in splits:
            continue
        verdict = (*identity, review.given_label, review.verification_label, review.correct_label)
        draw = draws.get((*identity, review.given_label))
        how = () if draw is None else (draw.inclusion_probability, draw.queue in RANDOM_QUEUES)
        digest.update(json.dumps(verdict + how).encode())
    return digest.hexdigest()


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
