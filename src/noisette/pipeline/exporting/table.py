"""`noisette export`: the quality of every label as one table, under the column names that cleanlab users know."""

from __future__ import annotations

from pathlib import Path

from noisette.data import write_label_file
from noisette.errors import InvalidInputError
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.workspace import Workspace
from noisette.types import NONE_OF_THE_CLASSES

SUFFIXES = (".csv", ".tsv", ".parquet")


def check_own_export(path: Path) -> None:
    """Refuse to write over somebody's text file that this tool did not write.

    Raises:
        InvalidInputError: the file is there, and does not begin like an export.
    """
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix)
    if separator is None or not path.is_file():
        return
    with path.open("rb") as file:
        start = file.readline(200).replace(b'"', b"")
    if start.strip() and not start.startswith(separator.join(("key", "split", "given_label")).encode()):
        raise InvalidInputError(f"{path} is there already and is no export of noisette; choose another name")


def export_table(workspace: Workspace, path: Path, verifier: str | None = None) -> int:
    """Write key, split, given and suggested label (names), scores, verdict and weight of every sample.

    Args:
        workspace: the workspace.
        path: .csv, .tsv or .parquet.
        verifier: whose scores; None = the one that `detect` chose.

    Returns:
        The number of rows.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidInputError(
            f"the file must end in {', '.join(SUFFIXES)}, got {path.name!r}; for a data set, --as imagefolder"
        )
    check_own_export(path)
    name = verifier if verifier is not None else str(detection_of(workspace)["chosen"])
    table = read_scores(workspace.need(workspace.scores(name), f"noisette detect --verifier {name}"))
    class_names = workspace.class_names()
    special = {NONE_OF_THE_CLASSES: "none of the classes", -1: ""}
    scores = table.scores
    write_label_file(
        path,
        {
            "key": table.keys,
            "split": table.splits,
            "given_label": [class_names[label] for label in scores.given_label],
            table.score_name: scores.score,
            "label_quality": scores.label_quality,
            "is_label_issue": scores.is_label_issue,
            "suggested_label": [class_names[i] if i >= 0 else special[int(i)] for i in scores.suggested_label],
            "suggested_probability": scores.suggested_probability,
            "sample_weight": scores.sample_weight,
        },
    )
    return len(table.keys)
