import json
from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.detect import detect
from noisette.pipeline.evaluate import evaluate
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.labels import import_labels
from noisette.pipeline.report import make_report
from noisette.pipeline.workspace import Workspace
from noisette.scores.noise_rates import estimate_noise_rates
from tests.pipeline.conftest import ROWS, Files, forget_decisions


def verify(workspace: Workspace, files: Files, folder: Path, chance_of_wrong: float | None) -> None:
    """Check 60 labels, wrong ones more often than their share, with the chances that say so (or without any)."""
    forget_decisions(workspace)
    wrong = np.flatnonzero(files.given != files.truth)[:30]
    right = np.flatnonzero(files.given == files.truth)[:60]
    lines = ["key,verification_label,queue,inclusion_probability"]
    chance = "" if chance_of_wrong is None else chance_of_wrong
    lines += [f"{row},0,plan,{chance}" for row in wrong]
    lines += [f"{row},1,plan,{'' if chance_of_wrong is None else 0.1}" for row in right]
    (folder / "drawn.csv").write_text("\n".join(lines), encoding="utf-8")
    assert import_labels(workspace, folder / "drawn.csv").added == 90
    detect(workspace)


def test_known_chances_reach_the_labelled_features(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    verify(workspace, files, tmp_path, 0.5)
    labelled = load_labelled(workspace)
    verified = labelled.verification_labels >= 0
    assert np.isfinite(labelled.inclusion_probabilities).tolist() == verified.tolist()
    weights = labelled.label_weights(np.ones(ROWS, dtype=np.bool_))
    assert weights is not None
    for label in range(6):
        rows = verified & (labelled.given_labels == label)
        assert weights[rows].sum() == pytest.approx((labelled.given_labels == label).sum())
    some = np.arange(ROWS) < 100
    part = labelled.label_weights(some)
    assert part is not None
    assert (part[~some] == 1).all()


def test_errors_weigh_each_label_by_its_chance(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    verify(workspace, files, tmp_path, None)
    plain = evaluate(workspace, ["-99"])
    verify(workspace, files, tmp_path, 0.5)
    weighted = evaluate(workspace, ["-99"])
    # At such a threshold every label is taken to be correct: the error is the share of wrong labels.
    assert plain.cross_fitted[0].error == pytest.approx(30 / 90)
    assert weighted.cross_fitted[0].error == pytest.approx(30 * 2 / (30 * 2 + 60 * 10), abs=0.03)
    assert "assume that the checked labels were chosen at random" in plain.choice_note
    assert "drawn with known chances" in weighted.choice_note


def test_the_report_weighs_too_and_says_so(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    pages = []
    for chance in (None, 0.5):
        verify(workspace, files, tmp_path, chance)
        pages.append(make_report(workspace).read_text(encoding="utf-8"))
    assert "assume that the checked labels were chosen at random within their class." in pages[0]
    assert "The checked labels were drawn with known chances, and count by them." in pages[1]


def test_the_noise_rates_of_the_report_go_by_the_weights(
    workspace: Workspace, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def spy(*arguments: object, **options: object) -> object:
        seen.append(options["sample_weight"])
        return estimate_noise_rates(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("noisette.pipeline.report.estimate_noise_rates", spy)
    verify(workspace, files, tmp_path, 0.5)
    make_report(workspace)
    expected = load_labelled(workspace).label_weights(np.ones(ROWS, dtype=np.bool_))
    assert expected is not None
    np.testing.assert_array_equal(np.asarray(seen[0]), expected)


def test_detect_measures_by_the_same_weights_as_evaluate(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    verify(workspace, files, tmp_path, None)
    plain = {row.name: row.error for row in detect(workspace).measured}
    verify(workspace, files, tmp_path, 0.9)
    weighted = {row.name: row.error for row in detect(workspace).measured}
    assert weighted != plain
    assert weighted == {row.name: row.error for row in evaluate(workspace).cross_fitted}


def test_calibration_is_weighted_and_says_what_was_left_out(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    errors = []
    for chance in (None, 0.9):
        verify(workspace, files, tmp_path, chance)
        found = evaluate(workspace)
        assert {row.name for row in found.calibration} == {"average", "filtering"}
        assert {(row.left_out, row.num_rows) for row in found.calibration} == {("classes", 90)}
        assert found.cleaning is not None
        assert found.cleaning.goal == "error"
        errors.append([row.calibration_error for row in found.calibration])
    assert errors[0] != errors[1]
    page = make_report(workspace).read_text(encoding="utf-8")
    assert "scored by a model that knew no checked label of its class; each counts for the labels it stands for" in page
    assert "wrong labels are left, between" in page


def test_what_an_older_detection_lacks_is_not_shown(workspace: Workspace) -> None:
    detect(workspace)
    older = json.loads(workspace.detection.read_text(encoding="utf-8"))
    del older["cleaning"]
    workspace.detection.write_text(json.dumps(older), encoding="utf-8")
    assert evaluate(workspace).cleaning is None
    assert "wrong labels are left" not in make_report(workspace).read_text(encoding="utf-8")
