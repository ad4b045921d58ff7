"""Decisions as tasks and annotations of Label Studio (its JSON export, and what it imports)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from noisette.data.raw_labels import NONE_WORDS, VERDICT_WORDS
from noisette.data.rows import BadRowError
from noisette.types import NONE_OF_THE_CLASSES, NOT_KNOWN, BadRows, Review

_VERDICTS = {word: label for label, word in VERDICT_WORDS.items()}
_VERDICT, _CORRECT = "verdict", "correct_label"
_META = ("reviewer", "queue", "inclusion_probability")


def label_studio_tasks(
    reviews: Sequence[Review], class_names: Sequence[str], uris: Mapping[tuple[str, str], str]
) -> Iterator[dict[str, Any]]:
    """Give one task a sample, with an annotation a reviewer: a choice "verdict", and perhaps one "correct_label".

    Who decided is in the meta data of the choice, too: Label Studio takes no reviewers that are not users of its own.
    """
    for number, (name, decisions) in enumerate(groupby(reviews, key=lambda one: (one.split, one.key)), 1):
        said = list(decisions)
        data = {"key": name[1], "split": name[0], "image": uris.get(name) or name[1]}
        data["given_label"] = class_names[said[-1].given_label]
        annotations = [_annotation(one, class_names) for one in said]
        yield {"id": number, "data": data, "annotations": annotations, "predictions": []}


def label_studio_rows(path: Path, tasks: list[Any], bad_rows: BadRows) -> list[tuple[int, dict[str, Any]]]:
    """Give (number of the task from 1, columns) of every annotation that was not cancelled; bad ones are named.

    A choice called "verdict" (correct, wrong, unsure) is the verdict; any other names the right class, so that a plain
    classification project can be imported, too: its label is correct if it is the given one.
    """
    rows = []
    for number, task in enumerate(tasks, 1):
        try:
            rows += [(number, row) for row in _task_rows(task)]
        except BadRowError as error:
            bad_rows.read()
            bad_rows.add(path, number, error.kind, error.detail)
    return rows


def _annotation(review: Review, class_names: Sequence[str]) -> dict[str, Any]:
    choices = {_VERDICT: VERDICT_WORDS[review.verification_label]}
    if review.correct_label != NOT_KNOWN:
        is_none = review.correct_label == NONE_OF_THE_CLASSES
        choices[_CORRECT] = NONE_WORDS if is_none else class_names[review.correct_label]
    meta = {name: value for name in _META if (value := getattr(review, name)) not in (None, "")}
    result = [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [word]}, "meta": meta}
        for name, word in choices.items()
    ]
    when = review.time.isoformat()
    timed = {} if review.seconds is None else {"lead_time": review.seconds}
    return {"result": result, "was_cancelled": False, "created_at": when, **timed}


def _task_rows(task: Any) -> list[dict[str, Any]]:
    data = task.get("data") if isinstance(task, dict) else None
    annotations = task.get("annotations") if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(annotations, list):
        raise BadRowError("no task", "expected an object with `data` and `annotations`")
    sample = {
        "key": data.get("key", data.get("image")),
        "split": data.get("split"),
        "given_label": data.get("given_label"),
    }
    return [sample | _said(one) for one in annotations if not (isinstance(one, dict) and one.get("was_cancelled"))]


def _said(annotation: Any) -> dict[str, Any]:
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list):
        raise BadRowError("no annotation", "expected an object with `result`")
    row: dict[str, Any] = {"seconds": annotation.get("lead_time"), "reviewer": _who(annotation.get("completed_by"))}
    for result in results:
        choice = _choice(result)
        if choice is None:
            continue
        row |= {name: value for name, value in (result.get("meta") or {}).items() if name in _META}
        if result.get("from_name") == _VERDICT:
            if choice not in _VERDICTS:
                raise BadRowError("bad verdict", f"expected {', '.join(_VERDICTS)}, got {choice!r}")
            row["verification_label"] = _VERDICTS[choice]
        else:
            row["correct_label"] = str(NONE_OF_THE_CLASSES) if choice == NONE_WORDS else choice
    return row


def _choice(result: Any) -> str | None:
    if not isinstance(result, dict) or result.get("type") != "choices":
        return None
    choices = (result.get("value") or {}).get("choices")
    return str(choices[0]) if isinstance(choices, list) and choices else None


def _who(completed_by: Any) -> str | None:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return None if completed_by is None else str(completed_by)
