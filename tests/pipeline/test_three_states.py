"""Verified correct is never flagged again, verified wrong always is, corrected replaces given, unsure is nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.detect import detect
from noisette.pipeline.evaluate import evaluate
from noisette.pipeline.exporting.table import export_table
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.neighbor_votes import voting_labels
from noisette.pipeline.run import run
from noisette.pipeline.score_tables import ScoreTable, read_scores
from noisette.pipeline.suspicions import most_suspicious
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.scores.curation import RELABELLED, CurationRule, curate
from noisette.types import Review
from tests.pipeline.duplicated import NAMES, Data, make_data


@pytest.fixture
def data() -> Data:
    data = make_data()
    data.decisions.clear()
    for row in range(41, 200, 2):
        data.check(row)
    return data


@pytest.fixture
def workspace(data: Data, tmp_path: Path) -> Workspace:
    return data.write(tmp_path / "w")


def scores_of(workspace: Workspace) -> ScoreTable:
    return read_scores(workspace.scores(detect(workspace).chosen))


def wrong_rows(data: Data) -> list[int]:
    return [row for row in range(40) if data.given[row] != data.truth[row]]


def test_a_verified_correct_label_is_never_flagged_again(workspace: Workspace, data: Data, tmp_path: Path) -> None:
    before = scores_of(workspace).scores
    row = wrong_rows(data)[0]
    assert before.is_label_issue[row]
    data.decide(workspace, row, 1)
    after = scores_of(workspace).scores
    assert not after.is_label_issue[row]
    assert (after.label_quality[row], after.suggested_label[row]) == (1, data.given[row])
    assert after.sample_weight[row] >= 1
    assert f"k{row}" not in {suspicion.key for suspicion in most_suspicious(workspace, "filtering", 300)}
    assert exported(workspace, tmp_path)[row]["is_label_issue"] in ("False", "false")
    assert f"k{row}<" not in suspicious_part(workspace)


def test_a_verified_wrong_label_is_always_flagged(workspace: Workspace, data: Data, tmp_path: Path) -> None:
    row = int(np.argmax(scores_of(workspace).scores.label_quality))
    data.decide(workspace, row, 0)
    after = scores_of(workspace).scores
    assert after.is_label_issue[row]
    assert (after.label_quality[row], after.sample_weight[row]) == (0, 0)
    assert after.suggested_label[row] != data.given[row]
    assert exported(workspace, tmp_path)[row]["is_label_issue"] in ("True", "true")


def test_unsure_counts_as_unverified(workspace: Workspace, data: Data) -> None:
    before = scores_of(workspace)
    row = wrong_rows(data)[1]
    data.decide(workspace, row, -1)
    assert_same(before, scores_of(workspace))
    data.decide(workspace, row, 1)
    data.decide(workspace, row, -1)  # takes the decision back
    assert_same(before, scores_of(workspace))


def test_a_corrected_label_replaces_the_given_one(workspace: Workspace, data: Data, tmp_path: Path) -> None:
    row = wrong_rows(data)[0]
    right = int((data.truth[row] + 3) % 6)
    right = right if right != data.given[row] else int(data.truth[row])
    data.decide(workspace, row, 0, right)
    table = scores_of(workspace)
    assert (table.scores.suggested_label[row], table.scores.suggested_probability[row]) == (right, 1)
    assert table.scores.none_probability[row] == 0
    line = exported(workspace, tmp_path)[row]
    assert (line["suggested_label"], float(line["label_quality"]), float(line["sample_weight"])) == (NAMES[right], 0, 0)
    labelled = load_labelled(workspace)
    kept = curate(
        CurationRule(),
        table.scores,
        verification_labels=labelled.verification_labels,
        correct_labels=labelled.correct_labels,
        is_untouched=labelled.is_evaluation,
    )
    assert (kept.action[row], kept.label[row], kept.sample_weight[row]) == (RELABELLED, right, 1)


def test_neighbours_vote_with_the_label_in_force(workspace: Workspace, data: Data) -> None:
    wrong, corrected, correct, unsure, none = wrong_rows(data)[:5]
    right = int(data.truth[corrected])
    decided = [(wrong, 0, -1), (corrected, 0, right), (correct, 1, -1), (unsure, -1, -1), (none, 0, -2)]
    for row, verdict, label in decided:
        data.decide(workspace, row, verdict, label)
    labels = voting_labels(load_labelled(workspace))
    assert labels[wrong] == -1
    assert labels[corrected] == right
    assert labels[[correct, unsure]].tolist() == data.given[[correct, unsure]].tolist()
    assert labels[none] == -2
    assert (labels[200:240] == -1).all()  # samples of the test split have no vote
    assert labels[-1] == -1


def test_votes_are_those_of_the_ten_neighbours(workspace: Workspace) -> None:
    from noisette.store import NeighborTable

    table = scores_of(workspace)
    labelled = load_labelled(workspace)
    found = NeighborTable(workspace.neighbors).take(np.arange(240)).neighbors
    labels = voting_labels(labelled)
    assert table.suggested_votes is not None
    assert table.num_votes is not None
    for row in range(240):
        voters = [labels[other] for other in found[row] if labels[other] != -1]
        assert table.num_votes[row] == len(voters)
        assert table.suggested_votes[row] == sum(label == table.scores.suggested_label[row] for label in voters)


def test_suspicions_say_what_neighbours_say(workspace: Workspace, data: Data) -> None:
    table = scores_of(workspace)
    found = most_suspicious(workspace, "filtering", 20)
    assert len(found) == 20
    qualities = [suspicion.label_quality for suspicion in found]
    assert qualities == sorted(qualities, key=lambda value: -1 if value is None else value)
    wrong = {f"k{row}" for row in range(240) if data.given[row] != data.truth[row]}
    assert sum(suspicion.key in wrong for suspicion in found) >= 15
    for suspicion in found:
        row = int(suspicion.key[1:])
        assert suspicion.given_label == NAMES[data.given[row]]
        if suspicion.suggested_label not in ("", "none of the classes", suspicion.given_label):
            words = f"{suspicion.votes} of {suspicion.voters} neighbours {'is' if suspicion.votes == 1 else 'are'}"
            votes, reference = suspicion.evidence.split("; ")
            assert votes == f"{words} {suspicion.suggested_label}"
            assert "the nearest reference" in reference
            assert table.suggested_votes is not None
            assert suspicion.votes == table.suggested_votes[row]
    assert most_suspicious(workspace, "filtering", 0) == ()


def test_evaluation_splits_are_measured_without_what_was_learned_from_their_copies(tmp_path: Path) -> None:
    """The figure on the test split is the same whatever is said of its copies in training."""
    figures = []
    for verdict in (None, 0, 1):
        data = make_data()
        for row in range(200, 240):
            data.check(row)
        copy = data.copy(210, "copy", label=int(data.given[210]))
        if verdict is not None:
            data.check(copy, verdict)
        workspace = with_settings(data.write(tmp_path / str(verdict)), detect={"verifier": "knn"})
        detect(workspace)
        (figure,) = evaluate(workspace).evaluation_splits
        figures.append((figure, read_scores(workspace.scores("knn")).scores.score[:240].tolist()))
    assert figures[0] == figures[1] == figures[2]


def assert_same(one: ScoreTable, other: ScoreTable) -> None:
    for name, values in vars(one.scores).items():
        np.testing.assert_array_equal(values, vars(other.scores)[name])


def exported(workspace: Workspace, folder: Path) -> list[dict[str, str]]:
    export_table(workspace, folder / "out.csv")
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def suspicious_part(workspace: Workspace) -> str:
    run(workspace)
    return workspace.report.read_text(encoding="utf-8").split("Most suspicious labels")[-1]


def test_a_decision_on_another_given_label_counts_as_none(workspace: Workspace, data: Data) -> None:
    before = scores_of(workspace)
    row = wrong_rows(data)[0]
    other = Review(
        key=f"k{row}", given_label=int(data.given[row] + 1) % 6, verification_label=1,
        time=data._review(41).time, reviewer="somebody",
    )  # fmt: skip
    with workspace.reviews() as reviews:
        reviews.append([other])
    assert_same(before, scores_of(workspace))
