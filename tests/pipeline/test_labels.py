from pathlib import Path

import numpy as np
import pytest

from noisette.pipeline.labels import export_labels, import_labels
from noisette.pipeline.workspace import Workspace
from tests.pipeline.conftest import forget_decisions


@pytest.fixture
def drawn(workspace: Workspace, tmp_path: Path) -> Path:
    forget_decisions(workspace)
    path = tmp_path / "drawn.csv"
    path.write_text(
        "key,verification_label,queue,inclusion_probability,seconds\n"
        "0,1,audit,0.1,2.5\n"
        "1,0,plan,0.3,\n"
        "2,,plan,0.3,\n"
        "3,1,,,\n"
        "4,1,plan,1.5,\n",
        encoding="utf-8",
    )
    return path


def test_queue_probability_and_seconds_are_imported_and_bad_rows_named(workspace: Workspace, drawn: Path) -> None:
    done = import_labels(workspace, drawn)
    assert done.added == 3
    assert done.bad_rows.left_out.total() == 1
    assert [(row.line, row.kind) for row in done.bad_rows.rows] == [(6, "bad inclusion probability")]
    with workspace.reviews() as store:
        found = [(one.key, one.queue, one.inclusion_probability, one.seconds) for one in store.reviews()]
    assert found == [("0", "audit", 0.1, 2.5), ("1", "plan", 0.3, None), ("3", "import", None, None)]
    assert import_labels(workspace, drawn).added == 0


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_they_come_back_from_an_export_exactly(workspace: Workspace, drawn: Path, tmp_path: Path, suffix: str) -> None:
    import_labels(workspace, drawn)
    with workspace.reviews() as store:
        before = store.latest()
    path = tmp_path / f"out{suffix}"
    assert export_labels(workspace, path) == 3
    assert import_labels(workspace, path).added == 0
    forget_decisions(workspace)
    assert import_labels(workspace, path).added == 3
    with workspace.reviews() as store:
        after = store.latest()
    for name, one in before.items():
        assert (one.queue, one.inclusion_probability) == (after[name].queue, after[name].inclusion_probability)
        assert one.seconds == after[name].seconds


def test_an_export_says_how_a_sample_was_drawn_though_it_was_looked_at_again(
    workspace: Workspace, drawn: Path, tmp_path: Path
) -> None:
    import_labels(workspace, drawn)
    again = tmp_path / "again.csv"
    again.write_text("key,verification_label,queue\n0,0,suspicious\n", encoding="utf-8")
    import_labels(workspace, again)
    export_labels(workspace, tmp_path / "out.csv")
    forget_decisions(workspace)
    import_labels(workspace, tmp_path / "out.csv")
    with workspace.reviews() as store:
        one = store.latest()["train", "0"]
        resolved = store.resolve(["train"], ["0"], np.array([one.given_label]))
    assert (one.verification_label, one.queue) == (0, "audit")
    assert resolved.inclusion_probabilities.tolist() == [0.1]
