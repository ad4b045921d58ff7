from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noisette.neighbors import build_index, find_duplicates, search_table
from noisette.pipeline.detect import detect
from noisette.pipeline.duplicates import in_order, with_duplicates
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.provenance import input_hashes
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, with_settings
from noisette.store import NeighborTable, read_samples, read_table, write_samples
from noisette.types import ArrayTable, SampleTable
from tests.pipeline.duplicated import Data, make_data


def states(workspace: Workspace) -> dict[str, tuple[str, str]]:
    return {row.path: (row.state, row.reason) for row in workspace_status(workspace).artifacts}


def test_every_row_has_its_neighbours_and_its_duplicates(tmp_path: Path) -> None:
    data = make_data()
    data.copy(0, "same bytes")
    data.copy(1, "nearly the same", noise=0.05)
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    group = read_table(workspace.duplicates)
    assert group["key"] == data.keys
    expected = np.full(242, -1)
    expected[[0, 240]], expected[[1, 241]] = 0, 1
    np.testing.assert_array_equal(group["duplicate_group"], expected)
    table = ArrayTable(data.values)
    index = build_index(table)
    np.testing.assert_array_equal(find_duplicates(index, table), expected)
    found = next(NeighborTable(workspace.neighbors).iter_batches(1000))
    is_test = np.array(data.splits) == "test"
    for rows, neighbors in search_table(index, table, 20):
        for row, others, cosines in zip(rows, index.rows[neighbors.rows], neighbors.similarities, strict=True):
            kept = np.flatnonzero(~is_test[others])[:10]  # samples kept for evaluation are nobody's neighbours
            assert found.neighbors[row, : kept.size].tolist() == others[kept].tolist()
            assert (found.neighbors[row, kept.size :] == -1).all()
            np.testing.assert_allclose(found.similarities[row, : kept.size], cosines[kept], atol=1e-3)
    assert found.neighbors[1, 0] == 241
    assert 240 not in found.neighbors[0]  # a copy to the byte is never a neighbour


def test_neighbours_are_named_by_their_row_among_the_samples(tmp_path: Path) -> None:
    workspace = make_data().write(tmp_path / "w")
    detect(workspace)
    before = NeighborTable(workspace.neighbors).take(np.arange(240)).neighbors
    samples = read_samples(workspace.samples)
    order = np.arange(240)[::-1]
    splits, keys, uris = ([values[i] for i in order] for values in (samples.splits, samples.keys, samples.uris))
    write_samples(workspace.samples, SampleTable(splits, keys, uris, samples.given_labels[order]))
    assert states(workspace)["neighbors/neighbors.parquet"] == ("stale", "samples changed")
    detect(workspace)
    np.testing.assert_array_equal(NeighborTable(workspace.neighbors).take(np.arange(240)).neighbors, 239 - before)


def test_rows_of_features_without_a_sample_take_no_part(tmp_path: Path) -> None:
    data = make_data()
    data.copy(3, "copy")
    workspace = data.write(tmp_path / "w")
    samples = read_samples(workspace.samples)
    kept = SampleTable(samples.splits[1:], samples.keys[1:], samples.uris[1:], samples.given_labels[1:])
    write_samples(workspace.samples, kept)
    detect(workspace)
    found = NeighborTable(workspace.neighbors)
    assert found.num_rows == 240
    assert found.take(np.arange(240)).neighbors.max() == 239  # the copy, a training sample
    group = np.asarray(read_table(workspace.duplicates)["duplicate_group"])
    assert np.flatnonzero(group >= 0).tolist() == [2, 239]


def test_decisions_do_not_make_neighbours_stale_and_settings_do(tmp_path: Path) -> None:
    data = make_data()
    workspace = data.write(tmp_path / "w")
    detect(workspace)
    data.decide(workspace, 0, 1)
    assert states(workspace)["neighbors/duplicates.parquet"] == ("current", "")
    assert states(workspace)["verifiers/filtering"] == ("stale", "decisions changed")
    other = with_settings(workspace, detect={"duplicate_similarity": 0.5})
    assert states(other)["neighbors/duplicates.parquet"] == ("stale", "duplicate_similarity changed")
    assert states(other)["verifiers/filtering"][0] == "stale"
    detect(other)
    assert np.asarray(read_table(workspace.duplicates)["duplicate_group"]).max() >= 0
    workspace.neighbors.unlink()
    assert states(other)["neighbors/neighbors.parquet"] == ("missing", "")
    detect(other)
    assert workspace.neighbors.exists()


def test_a_search_that_is_stopped_is_not_taken_for_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_data().write(tmp_path / "w")
    detect(workspace)
    whole = workspace.neighbors.read_bytes(), workspace.duplicates.read_bytes()
    other = with_settings(workspace, detect={"duplicate_similarity": 0.98})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("noisette.pipeline.duplicates.write_table", stop)
    with pytest.raises(KeyboardInterrupt):
        with_duplicates(other, load_labelled(other), input_hashes(other))
    monkeypatch.undo()
    assert states(workspace)["neighbors/neighbors.parquet"] == ("missing", "")
    detect(workspace)
    assert (workspace.neighbors.read_bytes(), workspace.duplicates.read_bytes()) == whole


def test_parts_in_any_order_become_blocks_in_order() -> None:
    rng = np.random.default_rng(0)
    neighbors = rng.integers(0, 30, (30, 2))
    similarities = rng.random((30, 2)).astype(np.float32)
    parts = [*np.split(rng.permutation(20), 4), *np.split(20 + rng.permutation(10), 2)]
    blocks = list(in_order((rows, neighbors[rows], similarities[rows]) for rows in parts))
    assert len(blocks) >= 2  # a block is not held back until the last has come
    np.testing.assert_array_equal(np.concatenate([block.neighbors for block in blocks]), neighbors)
    np.testing.assert_array_equal(np.concatenate([block.similarities for block in blocks]), similarities)


def one_sample() -> Data:
    data = make_data()
    return Data(data.values[:1], data.given[:1], data.truth[:1], data.keys[:1], data.splits[:1])


def test_a_single_sample_has_no_neighbours(tmp_path: Path) -> None:
    workspace = one_sample().write(tmp_path / "w")
    labelled = with_duplicates(workspace, load_labelled(workspace), input_hashes(workspace))
    assert labelled.duplicate_group is not None
    assert labelled.duplicate_group.tolist() == [-1]
    assert (NeighborTable(workspace.neighbors).take(np.array([0])).neighbors == -1).all()
