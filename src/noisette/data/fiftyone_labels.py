"""Decisions as the labels of a FiftyOneImageClassificationDataset (`labels.json` beside a folder of pictures)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from noisette.data.raw_labels import KNOWN_COLUMNS, NONE_WORDS
from noisette.errors import DataFileError
from noisette.types import CORRECT, MISLABELLED, NONE_OF_THE_CLASSES, BadRows, Review


def fiftyone_lines(path: Path, reviews: Sequence[Review], class_names: Sequence[str]) -> Iterator[str]:
    """Give `"name": {label, attributes}` of each sample: the label that counts today, and how it was decided.

    A sample that is unsure, or wrong with the right class not known, has no label.

    Raises:
        DataFileError: two samples have one name.
    """
    keys: dict[str, str] = {}
    for review in reviews:
        name = str(PurePosixPath(review.key).with_suffix(""))
        if name in keys:
            both = f"{keys[name]!r} and {review.key!r}"
            raise DataFileError(path, f"cannot hold {both}: FiftyOne takes both for {name!r}; choose another --format")
        keys[name] = review.key
        target = {"label": _label(review, class_names), "attributes": _attributes(review, class_names)}
        yield f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(target, ensure_ascii=False)}"


def fiftyone_rows(
    path: Path, labels: dict[str, Any], classes: Any, bad_rows: BadRows
) -> list[tuple[int, dict[str, Any]]]:
    """Give (number of the label from 1, columns) of each label; without our attributes it names the right class."""
    rows = []
    for number, (name, target) in enumerate(labels.items(), 1):
        said = target if isinstance(target, dict) else {"label": target}
        attributes = said.get("attributes")
        if isinstance(attributes, dict) and "verification_label" in attributes:
            rows.append((number, {column: attributes.get(column) for column in KNOWN_COLUMNS}))
            continue
        label = said.get("label")
        if isinstance(classes, list) and isinstance(label, int) and 0 <= label < len(classes):
            label = classes[label]
        if label is not None and not isinstance(label, str):
            bad_rows.read()
            bad_rows.add(path, number, "no label", f"of {name!r}: expected a class name, got {label!r}")
            continue
        correct = str(NONE_OF_THE_CLASSES) if label == NONE_WORDS else label
        rows.append((number, {"key": name, "correct_label": correct}))
    return rows


def _label(review: Review, class_names: Sequence[str]) -> str | None:
    if review.verification_label == CORRECT:
        return class_names[review.given_label]
    if review.verification_label != MISLABELLED:
        return None
    if review.correct_label == NONE_OF_THE_CLASSES:
        return NONE_WORDS
    return class_names[review.correct_label] if review.correct_label >= 0 else None


def _attributes(review: Review, class_names: Sequence[str]) -> dict[str, Any]:
    correct = review.correct_label
    found = {
        "key": review.key,
        "split": review.split,
        "given_label": class_names[review.given_label],
        "verification_label": review.verification_label,
        "correct_label": class_names[correct] if correct >= 0 else str(correct),
        "reviewer": review.reviewer,
        "queue": review.queue,
        "inclusion_probability": review.inclusion_probability,
        "seconds": review.seconds,
    }
    return {name: value for name, value in found.items() if value is not None}
