import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from noisette.errors import InvalidInputError, NotVerifiedError, WorkspaceError
from noisette.pipeline.detect import _few_classes_note, detect
from noisette.pipeline.exporting.table import export_table
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.labels import export_labels, import_labels
from noisette.pipeline.report import make_report
from noisette.pipeline.run import run
from noisette.pipeline.score_tables import read_scores
from noisette.pipeline.settings import Settings
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace
from noisette.scores.cleaning import Cleaning
from noisette.store import read_table
from noisette.verifier.saving import load_verifier
from tests.pipeline.conftest import CLASS_NAMES, ROWS, Files, forget_decisions


def with_detect(workspace: Workspace, **options: object) -> Workspace:
    return replace(workspace, settings=workspace.settings.with_options(detect=options))


def artifacts(workspace: Workspace) -> dict[str, bytes]:
    kept = {}
    for path in sorted(workspace.root.rglob("*")):
        if path.is_file() and "reviews.sqlite" not in path.name:
            kept[path.relative_to(workspace.root).as_posix()] = path.read_bytes()
    return kept


def test_wrong_labels_are_found(workspace: Workspace, files: Files) -> None:
    found = detect(workspace)
    assert {row.name for row in found.measured} == {"average", "filtering"}
    table = read_scores(workspace.scores(found.chosen))
    wrong = files.given != files.truth
    assert table.keys == [str(i) for i in range(ROWS)]
    assert (table.scores.is_label_issue == wrong).mean() > 0.8
    assert found.num_issues == table.scores.is_label_issue.sum()


def test_human_decisions_win(workspace: Workspace) -> None:
    found = detect(workspace)
    scores = read_scores(workspace.scores(found.chosen)).scores
    with workspace.reviews() as reviews:
        decided = {int(key): review.verification_label for (_, key), review in reviews.latest().items()}
    for row, label in decided.items():
        assert scores.label_quality[row] == label
        assert scores.is_label_issue[row] == (label == 0)
    assert scores.sample_weight[[row for row, label in decided.items() if label == 0]].max() == 0


def test_what_is_current_is_left_alone(workspace: Workspace) -> None:
    run(workspace)
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*.parquet")}
    first = artifacts(workspace)
    run(workspace)
    assert artifacts(workspace) == first
    for path, time in before.items():
        assert path.stat().st_mtime_ns == time


def test_two_workspaces_of_the_same_files_are_equal_to_the_byte(
    workspace: Workspace, files: Files, tmp_path: Path
) -> None:
    from noisette.pipeline.creation.from_files import create_from_files
    from noisette.pipeline.workspace import open_workspace

    run(workspace)
    other = tmp_path / "elsewhere" / "deep"
    create_from_files(other, files.features, files.labels, files.classes, files.verified, workspace.settings)
    run(open_workspace(other))
    assert artifacts(open_workspace(other)) == artifacts(workspace)


def test_a_new_decision_makes_things_stale(workspace: Workspace, tmp_path: Path) -> None:
    run(workspace)
    assert workspace_status(workspace).is_current
    more = tmp_path / "more.csv"
    more.write_text("key,verification_label\n0,0\n", encoding="utf-8")
    import_labels(workspace, more)
    states = {artifact.path: artifact for artifact in workspace_status(workspace).artifacts}
    assert states["verifiers/average"].state == "stale"
    assert states["verifiers/average"].reason == "decisions changed"
    assert states["report/index.html"].state == "stale"
    run(workspace)
    assert workspace_status(workspace).is_current


def test_without_verification_labels_labels_are_still_ranked(workspace: Workspace, files: Files) -> None:
    forget_decisions(workspace)
    found = detect(workspace)
    assert found.chosen == "evidence"
    assert found.measured == ()
    assert "no verification labels" in " ".join(found.notes)
    quality = read_scores(workspace.scores("evidence")).scores.label_quality
    wrong = files.given != files.truth
    assert quality[wrong].mean() < quality[~wrong].mean()
    assert make_report(workspace).stat().st_size > 1000


def test_a_ranking_without_probabilities(workspace: Workspace) -> None:
    forget_decisions(workspace)
    found = detect(with_detect(workspace, verifier="average"))
    scores = read_scores(workspace.scores("average")).scores
    assert np.isnan(scores.label_quality).all()
    assert np.isfinite(scores.score).all()
    assert found.num_issues == 0


def test_an_unknown_verifier(workspace: Workspace) -> None:
    with pytest.raises(InvalidInputError, match=r"`verifier` must be auto or one of average, .*, got 'cleannett'"):
        detect(with_detect(workspace, verifier="cleannett"))


def test_a_report_needs_a_detection(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match=r"detection.json is not there yet; run `noisette detect` first"):
        make_report(workspace)


def test_cleannet_uses_the_references_of_the_workspace(workspace: Workspace) -> None:
    detect(with_detect(workspace, verifier="average"))
    marked = load_file(workspace.references)["references"] + np.float32(0.5)
    save_file({"references": marked}, workspace.references)
    small = with_detect(workspace, verifier="cleannet", num_steps=3)
    detect(small)
    np.testing.assert_array_equal(load_verifier(workspace.verifier("cleannet")).context["references"], marked)
    assert np.shape(read_table(workspace.scores("cleannet"), ["similarity"])["similarity"]) == (ROWS,)
    weights = read_scores(workspace.scores("cleannet")).scores
    unchecked = weights.label_quality % 1 != 0
    np.testing.assert_allclose(weights.sample_weight[unchecked], np.maximum(weights.score[unchecked], 0))


def test_export_has_the_columns_of_cleanlab(workspace: Workspace, tmp_path: Path) -> None:
    detect(workspace)
    assert export_table(workspace, tmp_path / "out.csv") == ROWS
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == ROWS + 1
    for name in ("key", "given_label", "label_quality", "is_label_issue", "suggested_label", "sample_weight"):
        assert name in lines[0]
    with pytest.raises(InvalidInputError, match=r"the file must end in .csv, .tsv, .parquet, got 'out.xls'"):
        export_table(workspace, tmp_path / "out.xls")


def test_labels_go_round(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    assert import_labels(workspace, files.verified).added == 0
    rows = export_labels(workspace, tmp_path / "labels.csv").rows
    done = import_labels(workspace, tmp_path / "labels.csv")
    assert (done.read, done.added, done.problems) == (rows, 0, ())


def test_labels_that_fit_no_sample_are_named(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("key,verification_label\nnobody,1\n0,0\n", encoding="utf-8")
    done = import_labels(workspace, path)
    assert done.added == 1
    assert [row.line for row in done.problems] == [2]
    assert "nobody" in str(done.problems[0])


def test_a_changed_given_label_is_named(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    other = CLASS_NAMES[(files.given[0] + 1) % len(CLASS_NAMES)]
    path = tmp_path / "more.csv"
    path.write_text(f"key,given_label,verification_label\n0,{other},0\n", encoding="utf-8")
    done = import_labels(workspace, path)
    assert done.added == 0
    assert [row.line for row in done.problems] == [2]
    assert other in str(done.problems[0])


def test_a_file_of_the_user_is_not_written_over(workspace: Workspace, files: Files, tmp_path: Path) -> None:
    detect(workspace)
    before = files.verified.read_bytes()
    with pytest.raises(InvalidInputError, match=r"verified.csv is there already and is no export of noisette"):
        export_table(workspace, files.verified)
    with pytest.raises(InvalidInputError, match=r"verified.csv is there already and is no export of noisette"):
        export_labels(workspace, files.verified)
    assert files.verified.read_bytes() == before
    for write in (export_table, export_labels):
        assert write(workspace, tmp_path / "mine.csv") == write(workspace, tmp_path / "mine.csv")


def test_a_budget_flags_so_many_labels_besides_those_known_to_be_wrong(workspace: Workspace) -> None:
    found = detect(with_detect(workspace, verifier="average", goal="budget=25"))
    scores = read_scores(workspace.scores("average")).scores
    labels = load_labelled(workspace).verification_labels
    assert scores.is_label_issue[labels < 0].sum() == found.cleaning.num_flagged == 25
    assert scores.is_label_issue[labels >= 0].tolist() == (labels[labels >= 0] == 0).tolist()
    assert scores.score[(labels < 0) & scores.is_label_issue].max() <= found.cleaning.threshold
    assert found.num_issues == 25 + (labels == 0).sum()


def test_a_precision_is_expected_of_the_flagged_labels(workspace: Workspace, files: Files) -> None:
    strict, loose = (
        detect(with_detect(workspace, verifier="filtering", goal=f"precision={share}")).cleaning
        for share in (0.95, 0.6)
    )
    assert 0 < strict.num_flagged < loose.num_flagged
    assert strict.expected_precision is not None
    assert strict.expected_precision >= 0.95
    table = read_scores(workspace.scores("filtering"))
    flagged = table.scores.is_label_issue & (load_labelled(workspace).verification_labels < 0)
    assert flagged.sum() == loose.num_flagged
    assert loose.expected_precision == pytest.approx((files.given != files.truth)[flagged].mean(), abs=0.2)
    assert strict.wrong_left is not None
    assert loose.wrong_left is not None
    assert strict.wrong_left.value > loose.wrong_left.value


def test_the_number_of_wrong_labels_left_has_an_interval(workspace: Workspace) -> None:
    found = detect(with_detect(workspace, verifier="filtering")).cleaning
    issue = read_scores(workspace.scores("filtering")).scores.is_label_issue
    assert found.goal == "error"
    assert found.is_bounded
    assert found.wrong_left is not None
    assert 0 <= found.wrong_left.low < found.wrong_left.value < found.wrong_left.high < (~issue).sum()
    assert Cleaning.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_another_goal_makes_scores_stale_but_no_verifier(workspace: Workspace) -> None:
    detect(workspace)
    verifiers = {path: path.stat().st_mtime_ns for path in (workspace.root / "verifiers").rglob("*.json")}
    settings = workspace.settings.with_options(detect={"goal": "budget=3"})
    states = {a.path: a for a in workspace_status(replace(workspace, settings=settings)).artifacts}
    assert states["scores/average.parquet"].reason == "goal changed"
    detect(replace(workspace, settings=settings))
    assert {path: path.stat().st_mtime_ns for path in verifiers} == verifiers


def test_without_probabilities_a_budget_can_be_had_and_a_precision_cannot(workspace: Workspace) -> None:
    forget_decisions(workspace)
    found = detect(with_detect(workspace, verifier="average", goal="budget=7"))
    assert found.num_issues == found.cleaning.num_flagged == 7
    assert found.cleaning.expected_precision is None
    assert found.cleaning.wrong_left is None
    with pytest.raises(NotVerifiedError, match=r"the goal precision=0\.9 needs probabilities"):
        detect(with_detect(workspace, verifier="average", goal="precision=0.9"))


def test_evidence_is_the_default() -> None:
    assert Settings().detect.verifier == "evidence"
    assert "evidence" in Settings().detect.candidates


def test_labels_in_a_few_classes_are_said_to_tell_nothing_of_the_others(workspace: Workspace) -> None:
    labelled = load_labelled(workspace)
    for class_id in np.unique(labelled.given_labels[labelled.verification_labels >= 0])[1:]:
        labelled.verification_labels[labelled.given_labels == class_id] = -1
    (note,) = _few_classes_note(labelled)
    assert "in only one class" in note
    assert "cannot be known" in note
