"""Nearest neighbours and duplicates of a workspace: one search over its features, kept for every later step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from noisette.neighbors import DuplicateLinks, build_index, search_table
from noisette.pipeline.descriptions import NUM_NEIGHBORS, about_neighbors
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.provenance import forget, is_current, record
from noisette.pipeline.workspace import Workspace
from noisette.store import NeighborRows, read_table, write_neighbors, write_table
from noisette.types import Float32Array, IntArray, Progress, silent


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
    group = np.asarray(read_table(workspace.duplicates, ["duplicate_group"])["duplicate_group"], dtype=np.int64)
    return replace(labelled, duplicate_group=group)


def _search(workspace: Workspace, labelled: LabelledFeatures, progress: Progress) -> None:
    table, seed = labelled.table, workspace.settings.project.random_state
    index = build_index(table, labels=labelled.given_labels, random_state=seed, progress=progress)
    links = DuplicateLinks(index, threshold=workspace.settings.detect.duplicate_similarity)

    def found() -> Iterator[tuple[IntArray, IntArray, Float32Array]]:
        for rows, neighbors in search_table(index, table, NUM_NEIGHBORS, progress=progress):
            links.add(rows, neighbors)
            samples = labelled.sample_rows[index.rows[neighbors.rows]]
            yield rows, np.where(neighbors.rows >= 0, samples, -1), neighbors.similarities

    write_neighbors(workspace.neighbors, labelled.splits, labelled.keys, in_order(found()), NUM_NEIGHBORS)
    # The same bytes of features count as the same picture: `embed` keeps no hashes of the files themselves.
    group = links.groups(table)
    columns = {"split": labelled.splits, "key": labelled.keys, "duplicate_group": group.astype(np.int32)}
    write_table(workspace.duplicates, columns)


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
