"""What the report shows of duplicates: how many there are, and pictures under different labels."""

from __future__ import annotations

from noisette.neighbors import ConflictingGroup
from noisette.pipeline.duplicate_facts import conflicts, count_duplicates
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.report_pictures import picture_bytes
from noisette.pipeline.workspace import Workspace
from noisette.report import Duplicates, PictureCopy
from noisette.store import read_about
from noisette.types import IntArray

MAX_PICTURES = 20
MAX_COPIES = 6


def report_duplicates(workspace: Workspace, labelled: LabelledFeatures) -> Duplicates:
    """Gather the duplicates of rows whose groups are known; of the largest 20 conflicts, some copies of each."""
    about = read_about(workspace.duplicates) or {}
    counts = count_duplicates(labelled, float(about["settings"]["duplicate_similarity"]))
    return Duplicates(
        num_samples=counts.num_samples,
        num_pictures=counts.num_pictures,
        num_conflicting=counts.num_conflicting,
        num_across_splits=counts.num_across_splits,
        similarity=counts.similarity,
        conflicts=[_copies(workspace, labelled, group) for group in conflicts(labelled)[:MAX_PICTURES]],
    )


def _copies(workspace: Workspace, labelled: LabelledFeatures, group: ConflictingGroup) -> list[PictureCopy]:
    labels = dict(zip(group.rows.tolist(), group.given_labels.tolist(), strict=True))
    return [
        PictureCopy(
            key=labelled.keys[row],
            split=labelled.splits[row],
            label=labels[row],
            given_label=int(labelled.given_labels[row]),
            verification_label=int(labelled.verification_labels[row]),
            image=picture_bytes(workspace, labelled.uris[row]),
        )
        for row in shown_rows(group.rows, group.given_labels)
    ]


def shown_rows(rows: IntArray, labels: IntArray) -> list[int]:
    """Give at most six rows, as many different labels among them as there are; in the order of the rows."""
    seen: dict[int, int] = {}
    turns = []
    for label in labels.tolist():
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    order = sorted(range(rows.size), key=lambda place: (turns[place], place))
    return [int(rows[place]) for place in sorted(order[:MAX_COPIES])]
