"""Nearest neighbours and duplicates of a workspace: one search over its features, kept for every later step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from noisette.neighbors import DuplicateLinks, Neighbors, build_index, search_table
from noisette.pipeline.descriptions import NUM_NEIGHBORS, about_neighbors
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.provenance import forget, is_current, record
from noisette.pipeline.workspace import Workspace
from noisette.store import NeighborRows, read_table, write_neighbors, write_table
from noisette.types import Float32Array, IntArray, Progress, silent

SEARCHED_WITH_EVALUATION = 2 * NUM_NEIGHBORS
"""Neighbours that are searched where some of them may be of validation or test, and are passed over."""


def with_duplicates(
    workspace: Workspace, labelled: LabelledFeatures, inputs: dict[str, str], progress: Progress = silent
) -> LabelledFeatures:
    """Give the rows with their duplicate groups; neighbours are searched only where they are missing or stale.

    Args:
        workspace: the workspace; `neighbors/` is written.
        labelled: its rows.
        inputs: hashes of what people put into the workspace.
        progress: called as ``progress("neighbors", rows done, N)``.
    """
    about = about_neighbors(workspace, inputs)
    if not (is_current(workspace.neighbors, about) and is_current(workspace.duplicates, about)):
        for path in (workspace.neighbors, workspace.duplicates):
            forget(path)
        _search(workspace, labelled, progress)
        record(workspace.neighbors, about)
        record(workspace.duplicates, about)
    found = kept_duplicates(workspace, labelled)
    assert found is not None  # they were made for these rows
    return found


def kept_duplicates(workspace: Workspace, labelled: LabelledFeatures) -> LabelledFeatures | None:
    """Give the rows with the duplicate groups that `detect` wrote; None where it wrote none, or those of other rows."""
    groups = duplicate_groups(workspace, labelled.keys, labelled.splits)
    return None if groups is None else replace(labelled, duplicate_group=groups)


def duplicate_groups(workspace: Workspace, keys: list[str], splits: list[str]) -> IntArray | None:
    """Give the (N,) groups that `detect` wrote for these rows, -1 = no duplicate; None where it wrote none for them."""
    if not (workspace.duplicates.exists() and workspace.neighbors.exists()):
        return None
    columns = read_table(workspace.duplicates)
    if (columns["key"], columns["split"]) != (keys, splits):
        return None
    return np.asarray(columns["duplicate_group"], dtype=np.int64)


def _search(workspace: Workspace, labelled: LabelledFeatures, progress: Progress) -> None:
    table, seed = labelled.table, workspace.settings.project.random_state
    index = build_index(table, labels=labelled.given_labels, random_state=seed, progress=progress)
    num_searched = SEARCHED_WITH_EVALUATION if labelled.is_evaluation.any() else NUM_NEIGHBORS
    links = DuplicateLinks(index, threshold=workspace.settings.detect.duplicate_similarity)

    def found() -> Iterator[tuple[IntArray, IntArray, Float32Array]]:
        for rows, neighbors in search_table(index, table, num_searched, progress=progress):
            links.add(rows, neighbors)
            yield rows, *_kept(neighbors, index.rows, labelled)

    write_neighbors(workspace.neighbors, labelled.splits, labelled.keys, in_order(found()), NUM_NEIGHBORS)
    # The same bytes of features count as the same picture: `embed` keeps no hashes of the files themselves.
    group = links.groups(table)
    columns = {"split": labelled.splits, "key": labelled.keys, "duplicate_group": group.astype(np.int32)}
    write_table(workspace.duplicates, columns)


def _kept(neighbors: Neighbors, table_rows: IntArray, labelled: LabelledFeatures) -> tuple[IntArray, Float32Array]:
    """Give the row numbers among the samples of the nearest neighbours that are not kept for evaluation, and cosines.

    Of those, nobody who checks training labels should be told the label.
    """
    rows = table_rows[neighbors.rows]
    is_kept = (neighbors.rows >= 0) & ~labelled.is_evaluation[rows]
    first = np.argsort(~is_kept, axis=1, kind="stable")[:, :NUM_NEIGHBORS]
    samples = np.where(is_kept, labelled.sample_rows[rows], -1)
    similarities = np.where(is_kept, neighbors.similarities, -np.inf).astype(np.float32)
    return np.take_along_axis(samples, first, axis=1), np.take_along_axis(similarities, first, axis=1)


def in_order(parts: Iterator[tuple[IntArray, IntArray, Float32Array]]) -> Iterator[NeighborRows]:
    """Sort (rows, neighbours, similarities) that come block after block, but within a block in any order."""
    waiting: list[tuple[IntArray, IntArray, Float32Array]] = []
    start, held, stop = 0, 0, 0
    for part in parts:
        waiting.append(part)
        held, stop = held + part[0].size, max(stop, int(part[0].max(initial=-1)) + 1)
        if start + held == stop:  # every row up to here has come
            rows, neighbors, similarities = (np.concatenate(columns) for columns in zip(*waiting, strict=True))
            order = np.argsort(rows)
            yield NeighborRows(neighbors[order], similarities[order])
            waiting, start, held = [], stop, 0
