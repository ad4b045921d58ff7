"""What an export did, as a record: for people, for `--json`, and for the rule file beside the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisette.pipeline.exporting.plan import SplitPlan
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.scores.curation import ClassChanges

MAX_CLASSES = 20
"""Classes in the table for people, and in the warnings."""

CHANGES = ("samples", "kept", "dropped", "relabelled_away", "relabelled_into")


@dataclass(frozen=True, eq=False)
class ExportResult:
    """What an export did.

    Attributes:
        path: the folder.
        made_by: version, format, rule, verifier, hashes of the inputs.
        class_names: names of the K classes.
        splits: what became of each split.
        split_names: the name under which each split that has samples was written.
        folders: image folders: the folder of each class.
        num_unreadable: pictures that were to be written and could not be read.
        notes: what a person should know.
        is_stale: the scores are older than what they were made from.
    """

    path: Path
    made_by: dict[str, Any]
    class_names: tuple[str, ...]
    splits: Mapping[str, SplitPlan]
    split_names: dict[str, str]
    folders: dict[str, str]
    num_unreadable: int
    notes: tuple[str, ...]
    is_stale: bool

    @property
    def totals(self) -> dict[str, int]:
        """Numbers over all splits."""
        plans = self.splits.values()
        totals = {name: sum(int(getattr(plan.changes, name).sum()) for plan in plans) for name in CHANGES}
        totals["relabelled"] = totals.pop("relabelled_away")
        del totals["relabelled_into"]
        totals["without_score"] = sum(plan.num_without_score for plan in plans)
        totals["unreadable"] = self.num_unreadable
        totals["written"] = totals["kept"] + totals["relabelled"] - self.num_unreadable
        return totals

    def cleaned(self) -> ClassChanges:
        """Give what became of each class, over all splits that the rule was applied to."""
        return _sum([plan.changes for plan in self.splits.values() if plan.is_cleaned], len(self.class_names))

    def worst(self) -> list[int]:
        """Give the classes with samples, those that lose the largest share first."""
        changes = self.cleaned()
        order = np.argsort(-changes.lost_share(), kind="stable")
        return [int(c) for c in order if changes.samples[c] or changes.relabelled_into[c]]

    def rule_file(self) -> dict[str, Any]:
        """Give what is written beside the data: no clock, host or path in it."""
        return {
            "made_by": self.made_by,
            "totals": self.totals,
            "splits": {split: self._split(split, plan) for split, plan in self.splits.items()},
            "folders": self.folders,
        }

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"path": str(self.path)} | self.rule_file() | {"warnings": list(self.notes)}

    def _split(self, split: str, plan: SplitPlan) -> dict[str, Any]:
        counts = [getattr(plan.changes, name).tolist() for name in CHANGES]
        classes = {
            name: dict(zip(CHANGES, values, strict=True))
            for name, *values in zip(self.class_names, *counts, strict=True)
            if any(values)
        }
        return {
            "written_as": self.split_names.get(split),
            "is_cleaned": plan.is_cleaned,
            "without_score": plan.num_without_score,
            "classes": classes,
        }


def losing_notes(splits: Mapping[str, SplitPlan], class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Name each class that loses over half of its samples in training."""
    training = [plan.changes for split, plan in splits.items() if split not in EVALUATION_SPLITS]
    changes = _sum(training, len(class_names))
    losing = changes.losing()
    notes = [
        f"{class_names[c]} loses {changes.samples[c] - changes.kept[c]} of its {changes.samples[c]} samples "
        f"({changes.dropped[c]} dropped, {changes.relabelled_away[c]} relabelled); {changes.relabelled_into[c]} others "
        "are relabelled into it"
        for c in losing[:MAX_CLASSES]
    ]
    if losing.size > MAX_CLASSES:
        notes.append(f"{losing.size - MAX_CLASSES} classes more lose over half of their samples")
    return tuple(notes)


def _sum(parts: list[ClassChanges], num_classes: int) -> ClassChanges:
    empty = np.zeros(num_classes, dtype=np.int64)
    return ClassChanges(*(sum((getattr(part, name) for part in parts), empty) for name in CHANGES))
