"""What one command says must fit what another one did."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from noisette.errors import DataFileError, InvalidInputError, NotVerifiedError
from noisette.pipeline.detect import detect
from noisette.pipeline.evaluate import evaluate, evaluate_held_out
from noisette.pipeline.labels import import_labels
from noisette.pipeline.report import make_report
from noisette.pipeline.run import run
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, open_workspace
from tests.pipeline.conftest import CLASS_NAMES, Files, files, forget_decisions, workspace

__all__ = ["files", "workspace"]


def with_detect(workspace: Workspace, **options: object) -> Workspace:
    return replace(workspace, settings=workspace.settings.with_options(detect=options))


def states(workspace: Workspace) -> dict[str, tuple[str, str]]:
    return {row.path: (row.state, row.reason) for row in workspace_status(workspace).artifacts}


def test_a_detection_by_options_is_stale_not_missing(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average"))
    assert states(workspace)["scores/detection.json"] == ("stale", "verifiers changed")
    assert states(workspace)["scores/filtering.parquet"] == ("missing", "")


def test_the_report_shows_the_settings_that_detection_used(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average", weights="hard"))
    page = make_report(open_workspace(workspace.root)).read_text(encoding="utf-8")
    rows = page.split("detect.weights", 1)[1][:200]
    assert "hard" in rows
    assert "soft" not in rows


def test_changed_class_names_make_everything_stale(workspace: Workspace) -> None:
    run(workspace)
    assert workspace_status(workspace).is_current
    workspace.classes.write_text("\n".join(CLASS_NAMES).replace("bun", "bagel"), encoding="utf-8")
    assert states(workspace)["verifiers/average"] == ("stale", "classes changed")


def test_references_are_looked_at_whichever_verifier_judges(workspace: Workspace) -> None:
    average = with_detect(workspace, verifier="average")
    name = workspace.references.relative_to(workspace.root).as_posix()
    assert states(average)[name] == ("missing", "")
    detect(average)
    assert states(average)[name] == ("current", "")
    other = replace(average, settings=average.settings.with_options(references={"num_references": 3}))
    assert states(other)[name] == ("stale", "num_references changed")


def one_kind(workspace: Workspace, files: Files, label: int) -> None:
    forget_decisions(workspace)
    text = "".join(f"{row},{label}\n" for row in range(20) if (files.given[row] == files.truth[row]) == label)
    files.verified.write_text("key,verification_label\n" + text, encoding="utf-8")
    import_labels(workspace, files.verified)


def test_labels_of_one_kind_are_not_called_none(workspace: Workspace, files: Files) -> None:
    one_kind(workspace, files, 1)
    assert detect(workspace).notes[0].startswith("verification labels of one kind only")
    assert detect(with_detect(workspace, verifier="average")).notes[0].startswith("verification labels of one kind")


def test_evaluate_never_shows_an_empty_table(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    verified = tmp_path / "kept.csv"
    verified.write_bytes(files.verified.read_bytes())
    forget_decisions(workspace)
    run(workspace)
    with pytest.raises(NotVerifiedError, match="noisette labels import"):
        evaluate(workspace)
    import_labels(workspace, verified)
    found = evaluate(workspace, ["0.1", "auto"]).cross_fitted
    assert [row.name for row in found] == ["evidence at 0.1", "evidence"]


def test_held_out_names_a_verifier_that_does_not_exist(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average"))
    with pytest.raises(InvalidInputError, match=r"`verifiers` must be among average, .*got 'bogus'"):
        evaluate_held_out(workspace, "0.3", ["average", "bogus"])


def test_a_damaged_detection_is_named(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average"))
    workspace.detection.write_text("{", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"detection\.json: is damaged .*run `noisette detect` again"):
        make_report(workspace)


def test_detection_records_its_settings(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average", weight_floor=0.125))
    kept = json.loads(workspace.detection.read_text(encoding="utf-8"))
    assert kept["settings"]["detect"]["weight_floor"] == 0.125
