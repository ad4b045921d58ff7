"""Taking decisions back: one's own alone, many in one transaction, and with them those on copies of their samples."""

from __future__ import annotations

from collections.abc import Sequence

from noisette.errors import InvalidInputError
from noisette.pipeline.review_samples import ReviewSamples
from noisette.store import ReviewStore, StoredReview


class NotOwnDecisionError(InvalidInputError):
    """A decision of somebody else was to be taken back."""


def own_decisions(
    store: ReviewStore, samples: ReviewSamples, decision_ids: Sequence[int], reviewer: str
) -> tuple[list[int], list[int]]:
    """Find decisions of a reviewer and those that came along on copies of their samples.

    Returns:
        The rows of the samples, in the order of the decisions, and the numbers of the further decisions on copies.

    Raises:
        LookupError: there is no such decision on a sample of this workspace.
        NotOwnDecisionError: somebody else took one of them.
    """
    found = {one.id: one for one in store.numbered(decision_ids)}
    rows: list[int] = []
    for number in decision_ids:
        if number not in found:
            raise LookupError(f"there is no decision {number}")
        said = found[number].review
        row = samples.row_of((said.split, said.key))
        if row is None:
            raise LookupError(f"decision {number} is about no sample of this workspace")
        if said.reviewer != reviewer:
            whose = f"is {said.reviewer}'s" if said.reviewer else "came from a file without a reviewer's name"
            raise NotOwnDecisionError(
                f"this decision {whose}, and you can take back your own alone; decide anew instead"
            )
        rows.append(row)
    return rows, _on_copies(store, samples, rows, [found[number] for number in decision_ids])


def _on_copies(
    store: ReviewStore, samples: ReviewSamples, rows: Sequence[int], said: Sequence[StoredReview]
) -> list[int]:
    """Give the decisions on copies that carry the same token, whatever stands for the copies today."""
    names: dict[str, list[tuple[str, str]]] = {}
    for row, one in zip(rows, said, strict=True):
        if one.review.client_id and one.undoes is None:
            others = [samples.name(copy) for copy in samples.copies_of(row) if copy != row]
            names.setdefault(one.review.client_id, []).extend(others)
    taken = {one.id for one in said}
    numbers = {number for token, some in names.items() for number in store.ids_by_token(token, some)}
    return sorted(numbers - taken)
