"""Label files in JSON: recognised by what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from noisette.data.fiftyone_labels import fiftyone_lines, fiftyone_rows
from noisette.data.label_studio import label_studio_rows, label_studio_tasks
from noisette.data.raw_labels import KNOWN_COLUMNS, RawLabels
from noisette.data.text_blocks import read_bytes
from noisette.errors import DataFileError
from noisette.files import atomic_open
from noisette.types import BadRows, Review

Name = tuple[str, str]
"""split, key"""


def read_label_json(path: Path, bad_rows: BadRows) -> RawLabels:
    """Read the decisions in an export of Label Studio, or in labels of FiftyOne.

    Raises:
        DataFileError: the file is neither.
    """
    try:
        content = json.loads(read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataFileError(path, f"is not valid JSON ({error})") from error
    if isinstance(content, list):
        found = label_studio_rows(path, content, bad_rows)
    elif isinstance(content, dict) and isinstance(content.get("labels"), dict):
        found = fiftyone_rows(path, content["labels"], content.get("classes"), bad_rows)
    else:
        raise DataFileError(
            path, "must be a list of tasks with annotations (Label Studio) or an object with `labels` (FiftyOne)"
        )
    numbers, rows = [number for number, _ in found], [row for _, row in found]
    columns = {name: [row.get(name) for row in rows] for name in KNOWN_COLUMNS}
    columns = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    return RawLabels(columns, [number - 1 for number in numbers], numbers)


def write_label_studio(
    path: Path, reviews: Sequence[Review], class_names: Sequence[str], uris: Mapping[Name, str]
) -> None:
    """Write decisions as tasks with annotations, one a reviewer; Label Studio and `read_label_json` read them.

    Args:
        path: the file.
        reviews: those of one sample one after the other.
        class_names: names in the order of their ids.
        uris: where the picture of each (split, key) is; a sample without one is named by its key.
    """
    with atomic_open(path) as file:
        file.write("[\n")
        tasks = label_studio_tasks(reviews, class_names, uris)
        _write_lines(file, (json.dumps(task, ensure_ascii=False) for task in tasks))
        file.write("\n]\n")


def write_fiftyone(path: Path, reviews: Sequence[Review], class_names: Sequence[str]) -> None:
    """Write one decision a sample as the `labels.json` of a FiftyOneImageClassificationDataset.

    Raises:
        DataFileError: two samples have one name there: FiftyOne knows a picture by its path without the ending.
    """
    with atomic_open(path) as file:
        file.write('{"labels": {\n')
        _write_lines(file, fiftyone_lines(path, reviews, class_names))
        file.write('\n}, "classes": null}\n')


def _write_lines(file: IO[str], lines: Iterable[str]) -> None:
    """Write items with commas between them, a line each."""
    for number, line in enumerate(lines):
        file.write(",\n" + line if number else line)
