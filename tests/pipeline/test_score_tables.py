from __future__ import annotations

from pathlib import Path

import numpy as np

from noisette.pipeline.detect import detect
from noisette.pipeline.score_tables import read_scores
from noisette.store import read_table, write_table
from tests.pipeline.duplicated import make_data


def test_a_table_of_an_older_version_lacks_some_columns(tmp_path: Path) -> None:
    workspace = make_data().write(tmp_path / "w")
    detect(workspace)
    path = workspace.scores("filtering")
    columns = read_table(path)
    assert np.asarray(columns["suggested_votes"]).dtype == np.asarray(columns["num_votes"]).dtype == np.int8
    new = read_scores(path)
    assert np.isfinite(new.scores.none_probability).all()
    kept = {name: columns[name] for name in columns if name not in ("none_probability", "suggested_votes", "num_votes")}
    write_table(path, kept)
    old = read_scores(path)
    assert np.isnan(old.scores.none_probability).all()
    assert old.suggested_votes is old.num_votes is None
    np.testing.assert_array_equal(old.scores.suggested_label, new.scores.suggested_label)


def test_probabilities_of_a_wrong_label_add_up(tmp_path: Path) -> None:
    data = make_data()
    for row in (3, 5, 7, 9):
        data.check(row, 0, -2)
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    scores = read_scores(workspace.scores("filtering")).scores
    open_rows = np.flatnonzero([row not in data.decisions for row in range(240)])
    left = 1 - scores.label_quality[open_rows]
    assert (scores.none_probability[open_rows] > 0).any()
    assert (scores.none_probability[open_rows] <= left + 1e-12).all()
    assert (scores.none_probability[[3, 5, 7, 9]] == 1).all()
    assert (scores.suggested_label[[3, 5, 7, 9]] == -2).all()
