"""What is kept of a round of the joint loop: how well wrong labels were found, how good its classifier is."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noisette.errors import DataFileError
from noisette.files import atomic_open
from noisette.pipeline.provenance import forget
from noisette.pipeline.rounds_settings import round_name
from noisette.pipeline.workspace import Workspace
from noisette.store import about_path

Numbers = Mapping[str, float | None]
_FILE = re.compile(r"round-(\d+)(-verified)?\.json")
_KEPT = ("num_samples", "top1", "top5", "macro_accuracy", "nll", "ece")


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """One round. Round 0 has no detection: its classifier is trained on everything.

    Attributes:
        number: of the round.
        name: of its classifier, in the folder models.
        weights: with which it was trained: none, soft, ...
        verifier: the one that `detect` chose; "" = none.
        num_issues: labels taken to be wrong; None = not looked for.
        detection: figures of that verifier on verified rows of training splits that it had not seen, see
            `verifier.evaluation.Detection`; None = there are none. The features had seen them from round 2 on.
        held_out: the same on verified rows of the validation and test splits, which nothing had seen.
        evaluation: split -> "given" or "verified" labels -> num_samples, top1, top5, macro_accuracy, nll, ece.
        learned_from: samples that the classifier was trained on.
        notes: what a person should know of the training.
        model: hash of the classifier.
    """

    number: int
    name: str
    weights: str
    verifier: str = ""
    num_issues: int | None = None
    detection: dict[str, Any] | None = None
    held_out: dict[str, Any] | None = None
    evaluation: dict[str, dict[str, dict[str, float | None]]]
    learned_from: int
    notes: tuple[str, ...] = ()
    model: str

    @property
    def is_last_step(self) -> bool:
        """True for the step on labels that people know."""
        return self.name == round_name(self.number, verified=True)

    def to_json(self) -> dict[str, Any]:
        """Give the record as JSON values."""
        return asdict(self) | {"notes": list(self.notes)}


def kept_numbers(
    evaluation: Mapping[str, Mapping[str, Mapping[str, float | None]]],
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Give those of a classifier's metrics that a record keeps."""
    return {
        split: {kind: {key: numbers[key] for key in _KEPT} for kind, numbers in kinds.items()}
        for split, kinds in evaluation.items()
    }


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give JSON values: None for what is not finite."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }


def record_path(workspace: Workspace, name: str) -> Path:
    """Give the file of a record, by the name of its classifier."""
    return workspace.rounds / f"{name}.json"


def write_round(workspace: Workspace, record: RoundRecord) -> None:
    """Write a record; what made it is written after it, by `provenance.record`."""
    with atomic_open(record_path(workspace, record.name)) as file:
        file.write(json.dumps(record.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_round(workspace: Workspace, name: str) -> RoundRecord | None:
    """Read a record; None where it is not there, or not finished.

    Raises:
        DataFileError: it is damaged.
    """
    path = record_path(workspace, name)
    if not path.exists() or not about_path(path).exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return RoundRecord(**values | {"notes": tuple(values["notes"])})
    except (ValueError, TypeError, KeyError) as error:
        raise DataFileError(path, f"is damaged ({error}); delete it and run `noisette run --rounds N` again") from error


def read_rounds(workspace: Workspace) -> tuple[RoundRecord, ...]:
    """Read the records of all rounds, in order; a last step on verified labels counts after the last round only."""
    found: list[RoundRecord] = []
    while (one := read_round(workspace, round_name(len(found)))) is not None:
        found.append(one)
    if len(found) > 1:
        last = read_round(workspace, round_name(len(found) - 1, verified=True))
        found += [] if last is None else [last]
    return tuple(found)


def rounds_hash(records: Sequence[RoundRecord]) -> str:
    """Hash what is kept of some rounds."""
    text = json.dumps([record.to_json() for record in records], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def forget_rounds(workspace: Workspace, number: int) -> None:
    """Take back the records of round `number` and of those after it: what they say will not be so any more."""
    for path in sorted(workspace.rounds.glob("round-*.json")):
        found = _FILE.fullmatch(path.name)
        if found is not None and int(found[1]) >= number:
            forget_round(workspace, path.stem)


def forget_round(workspace: Workspace, name: str) -> None:
    """Take back one record, first what says that it is finished."""
    path = record_path(workspace, name)
    forget(path)
    path.unlink(missing_ok=True)
