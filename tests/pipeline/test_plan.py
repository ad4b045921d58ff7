import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisette.errors import InvalidInputError, NotVerifiedError, WorkspaceError
from noisette.pipeline.detect import detect
from noisette.pipeline.labels import import_labels
from noisette.pipeline.plan import plan
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace
from noisette.planning import Proposal, propose
from noisette.store import write_feature_table, write_samples
from noisette.types import Review, SampleTable
from tests.pipeline.conftest import CLASS_NAMES, ROWS, Files, forget_decisions

COLUMNS = "key,split,given_label,queue,inclusion_probability,label_quality,suggested_label,verification_label"


@pytest.fixture
def detected(workspace: Workspace) -> Workspace:
    detect(workspace)
    return workspace


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fill_in(path: Path, files: Files, rows: slice = slice(None), seconds: str = "") -> int:
    """Answer as the truth is."""
    found = read(path)
    for row in found[rows]:
        row["correct_label"] = CLASS_NAMES[files.truth[int(row["key"])]]
    for row in found:
        row["seconds"] = seconds
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return len(found[rows])


def verified_keys(workspace: Workspace) -> set[str]:
    with workspace.reviews() as store:
        return {key for _, key in store.latest()}


def test_a_plan_is_a_file_to_fill_in(detected: Workspace, files: Files) -> None:
    found = plan(detected, budget=30)
    rows = read(detected.plan)
    assert detected.plan.read_text(encoding="utf-8").startswith(COLUMNS + ",correct_label\n")
    assert (found.num_proposed, found.num_audit, len(rows)) == (30, 6, 30)
    assert [row["queue"] for row in rows].count("audit") == 6
    for row in rows:
        assert row["given_label"] == CLASS_NAMES[files.given[int(row["key"])]]
        assert 0 < float(row["inclusion_probability"]) <= 1
        assert 0 <= float(row["label_quality"]) <= 1
        assert row["suggested_label"] in CLASS_NAMES
        assert row["verification_label"] == row["correct_label"] == ""
    assert not verified_keys(detected) & {row["key"] for row in rows}
    assert sum(row.proposed for row in found.classes) == 30
    assert sum(row.audit for row in found.classes) == 6


def test_the_same_inputs_give_the_same_bytes(detected: Workspace, tmp_path: Path) -> None:
    plan(detected, budget=30)
    first = detected.plan.read_bytes()
    plan(detected, budget=30)
    assert detected.plan.read_bytes() == first
    plan(detected, budget=30, output=tmp_path / "other.csv")
    assert (tmp_path / "other.csv").read_bytes() == first
    plan(detected, budget=30, seed=7)
    assert detected.plan.read_bytes() != first


def test_answers_are_imported_with_their_chances_and_empty_rows_counted(detected: Workspace, files: Files) -> None:
    plan(detected, budget=30)
    rows = read(detected.plan)
    fill_in(detected.plan, files, slice(20))
    done = import_labels(detected, detected.plan)
    assert (done.added, done.bad_rows.left_out.total(), done.problems) == (20, 10, ())
    with detected.reviews() as store:
        latest = store.latest()
        found = store.resolve(["train"] * 30, [r["key"] for r in rows], files.given[[int(r["key"]) for r in rows]])
    for row in rows[:20]:
        one = latest["train", row["key"]]
        assert (one.queue, one.inclusion_probability) == (row["queue"], float(row["inclusion_probability"]))
    assert found.is_audit[:20].tolist() == [row["queue"] == "audit" for row in rows[:20]]
    assert np.isnan(found.inclusion_probabilities[20:]).all()


def test_a_second_plan_is_drawn_anew_from_what_is_left(detected: Workspace, files: Files) -> None:
    plan(detected, budget=30)
    before = {row["key"] for row in read(detected.plan)}
    fill_in(detected.plan, files)
    import_labels(detected, detected.plan)
    found = plan(detected, budget=30)
    assert not before & {row["key"] for row in read(detected.plan)}
    assert any("the scores are stale (decisions changed)" in note for note in found.notes)


def test_the_draw_after_new_decisions_does_not_repeat_the_random_numbers(
    detected: Workspace, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []

    def spy(*arguments: Any, **options: Any) -> Proposal:
        states.append(options["random_state"].bit_generator.state["state"]["state"])
        return propose(*arguments, **options)

    monkeypatch.setattr("noisette.pipeline.plan.propose", spy)
    for _ in range(2):
        plan(detected, budget=5)
    fill_in(detected.plan, files)
    import_labels(detected, detected.plan)
    plan(detected, budget=5)
    assert states[0] == states[1] != states[2]


def test_what_somebody_could_not_tell_is_not_proposed_again(detected: Workspace, files: Files) -> None:
    unsure = [str(i) for i in range(0, 100, 2)]
    with detected.reviews() as store:
        time = datetime(2026, 1, 2, tzinfo=UTC)
        store.append(
            Review(key=key, given_label=int(files.given[int(key)]), verification_label=-1, time=time) for key in unsure
        )
    plan(detected, budget=1000)
    proposed = {row["key"] for row in read(detected.plan)}
    assert proposed == {str(i) for i in range(ROWS)} - set(unsure) - verified_keys(detected)


def test_evaluation_splits_are_never_proposed(workspace: Workspace, files: Files) -> None:
    forget_decisions(workspace)
    splits = [("train", "validation", "test", "extra")[i % 4] for i in range(ROWS)]
    keys = [str(i) for i in range(ROWS)]
    write_samples(workspace.samples, SampleTable(splits, keys, [""] * ROWS, files.given))
    write_feature_table(workspace.features, [(splits, keys, files.values)])
    detect(workspace)
    plan(workspace, budget=1000)
    assert sorted(int(row["key"]) for row in read(workspace.plan)) == [i for i in range(ROWS) if i % 4 in (0, 3)]


def test_answers_that_are_not_imported_are_not_overwritten(detected: Workspace, files: Files) -> None:
    plan(detected, budget=30)
    fill_in(detected.plan, files, slice(4))
    filled = detected.plan.read_bytes()
    with pytest.raises(InvalidInputError, match=r"plan\.csv holds 4 answers that are not imported"):
        plan(detected, budget=30)
    assert detected.plan.read_bytes() == filled
    import_labels(detected, detected.plan)
    detected.plan.write_text(
        filled.decode().replace(f"{read(detected.plan)[0]['key']},", "nobody,", 1), encoding="utf-8"
    )
    with pytest.raises(InvalidInputError, match="holds 1 answers"):
        plan(detected, budget=30)
    detected.plan.write_bytes(filled)
    assert plan(detected, budget=30).num_proposed == 30


def test_an_answer_that_cannot_be_read_is_kept_too(detected: Workspace) -> None:
    plan(detected, budget=3)
    header, first, *rest = detected.plan.read_text(encoding="utf-8").splitlines()
    detected.plan.write_text("\n".join([header, first[:-1] + "yes,", *rest]), encoding="utf-8")
    with pytest.raises(InvalidInputError, match="holds 1 answers"):
        plan(detected, budget=3)


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.parquet"])
def test_a_file_of_somebody_else_is_left_alone(detected: Workspace, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="is there already and is no"):
        plan(detected, output=path)
    assert path.read_bytes() == b"a,b\n1,2\n"
    with pytest.raises(InvalidInputError, match=r"the file must end in \.csv, \.tsv, \.parquet"):
        plan(detected, output=tmp_path / "plan.txt")


def test_a_parquet_plan_can_be_imported(detected: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "plan.parquet"
    plan(detected, budget=20, output=path)
    table = pq.read_table(path)
    assert [str(table.schema.field(name).type) for name in ("verification_label", "correct_label")] == [
        "int64",
        "string",
    ]
    done = import_labels(detected, path)
    assert (done.read, done.added, done.bad_rows.left_out.total(), done.problems) == (20, 0, 20, ())
    assert plan(detected, budget=20, output=path).num_proposed == 20


def test_without_scores_the_remedy_is_named(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="run `noisette detect` first"):
        plan(workspace)


def test_minutes_go_by_the_seconds_recorded(detected: Workspace, files: Files) -> None:
    with pytest.raises(NotVerifiedError, match="`minutes` needs to know how long a decision takes, and none says so"):
        plan(detected, minutes=2)
    assert plan(detected, budget=10).minutes is None
    fill_in(detected.plan, files, seconds="8")
    import_labels(detected, detected.plan)
    found = plan(detected, minutes=2)
    assert (found.num_proposed, found.seconds_per_decision, found.minutes) == (15, 8.0, 2.0)
    for minutes in (0.1, 0.0, float("nan")):
        with pytest.raises(InvalidInputError, match=r"`minutes` must be enough for a decision, which takes 8\.0 s"):
            plan(detected, minutes=minutes)


def test_coverage_tells_classes_by_their_checked_labels(detected: Workspace, files: Files, tmp_path: Path) -> None:
    found = plan(detected).coverage
    assert (found.covered, found.thin, found.unverified) == (5, 0, ("fig",))
    row = int(np.flatnonzero(files.given == 5)[0])
    (tmp_path / "one.csv").write_text(f"key,verification_label\n{row},1\n", encoding="utf-8")
    import_labels(detected, tmp_path / "one.csv")
    found = plan(detected).coverage
    assert (found.covered, found.thin, found.unverified) == (5, 1, ())


def test_coverage_tells_classes_whose_noise_is_known(detected: Workspace, files: Files) -> None:
    before = plan(detected).coverage
    assert before.known + len(before.unknown) == len(CLASS_NAMES)
    fill_in(detected.plan, files)
    import_labels(detected, detected.plan)
    detect(detected)
    after = plan(detected).coverage
    assert after.known > before.known or after.known == len(CLASS_NAMES)


def test_without_any_verified_label_nothing_is_foretold(workspace: Workspace) -> None:
    forget_decisions(workspace)
    detect(workspace)
    found = plan(workspace, budget=40, target_error=0.1)
    assert found.num_proposed == 40
    assert (found.error, found.gain, found.labels_to_target, found.stop) == (None, None, None, None)
    assert any("too few labels are verified" in note for note in found.notes)
    assert found.coverage.unverified == CLASS_NAMES
    assert (found.coverage.known, set(found.coverage.unknown)) == (0, set(CLASS_NAMES))


def test_without_probabilities_ranks_stand_in(workspace: Workspace) -> None:
    forget_decisions(workspace)
    workspace = replace(workspace, settings=workspace.settings.with_options(detect={"verifier": "average"}))
    detect(workspace)
    found = plan(workspace, budget=40)
    assert found.num_proposed == 40
    assert any("by the rank of their scores" in note for note in found.notes)
    assert {row["label_quality"] for row in read(workspace.plan)} == {""}


def test_what_more_labels_would_gain(detected: Workspace, files: Files) -> None:
    plan(detected, budget=20)
    fill_in(detected.plan, files)
    import_labels(detected, detected.plan)
    detect(detected)
    found = plan(detected, target_error=0.01)
    assert found.error is not None
    assert found.gain is not None
    assert found.labels_to_target is not None
    assert 0 < found.error < 0.2
    assert 0 < found.gain <= found.error
    assert 0 < found.labels_to_target < 140
    assert found.stop is False
    with pytest.raises(InvalidInputError, match=r"`target_error` must lie in \[0, 1\]"):
        plan(detected, target_error=2)


def test_nothing_left_is_said(detected: Workspace, files: Files) -> None:
    plan(detected, budget=1000)
    fill_in(detected.plan, files)
    import_labels(detected, detected.plan)
    with pytest.raises(NotVerifiedError, match="nothing is left to verify"):
        plan(detected)


def test_a_plan_makes_nothing_stale(detected: Workspace) -> None:
    before = workspace_status(detected).artifacts
    plan(detected)
    assert workspace_status(detected).artifacts == before


def test_how_a_label_was_drawn_makes_results_stale(detected: Workspace, files: Files, tmp_path: Path) -> None:
    plan(detected, budget=5)
    rows = read(detected.plan)
    plain = tmp_path / "plain.csv"
    answers = "".join(f"{row['key']},{CLASS_NAMES[files.truth[int(row['key'])]]}\n" for row in rows)
    plain.write_text("key,correct_label\n" + answers, encoding="utf-8")
    import_labels(detected, plain)
    detect(detected)
    assert not any(one.state == "stale" for one in workspace_status(detected).artifacts)
    fill_in(detected.plan, files)
    assert import_labels(detected, detected.plan).added == 5
    assert any(one.state == "stale" for one in workspace_status(detected).artifacts)
