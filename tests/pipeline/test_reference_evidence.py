from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from noisette.pipeline.detect import detect
from noisette.pipeline.labelled import LabelledFeatures, load_labelled
from noisette.pipeline.reference_evidence import nearest_references, reference_words
from noisette.pipeline.workspace import Workspace
from tests.pipeline.duplicated import make_data

ROWS = np.array([0, 3, 77, 200])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_data().write(tmp_path / "w")


@pytest.fixture
def labelled(workspace: Workspace) -> LabelledFeatures:
    return load_labelled(workspace)


def test_it_is_the_class_of_the_reference_with_the_largest_cosine(
    workspace: Workspace, labelled: LabelledFeatures
) -> None:
    detect(workspace)  # which finds the references, whichever verifier judges
    references = load_file(workspace.references)["references"]
    features = labelled.table.take(ROWS)
    expected = []
    for row in features:
        best = {
            class_id: max(float(row @ one / np.linalg.norm(one)) for one in own if not np.isnan(one).any())
            for class_id, own in enumerate(references)
        }
        expected.append(max(best, key=lambda class_id: best[class_id]))
    assert nearest_references(workspace, labelled, ROWS).tolist() == expected
    assert nearest_references(workspace, labelled, ROWS[:0]).tolist() == []


def test_without_references_that_fit_nothing_is_known(workspace: Workspace, labelled: LabelledFeatures) -> None:
    unknown = [-1] * ROWS.size
    assert nearest_references(workspace, labelled, ROWS).tolist() == unknown
    workspace.references.parent.mkdir(parents=True, exist_ok=True)
    workspace.references.write_bytes(b"damaged")
    assert nearest_references(workspace, labelled, ROWS).tolist() == unknown
    save_file({"references": np.zeros((99, 2, 3), dtype=np.float32)}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS).tolist() == unknown


def test_a_class_without_references_is_never_the_nearest(workspace: Workspace, labelled: LabelledFeatures) -> None:
    shape = (len(labelled.class_names), 2, labelled.table.num_features)
    references = np.full(shape, np.nan, dtype=np.float32)
    workspace.references.parent.mkdir(parents=True, exist_ok=True)
    save_file({"references": references}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS).tolist() == [-1] * ROWS.size
    references[1, 0] = -labelled.table.take(ROWS[:1])[0]  # as far away as can be, but the only one
    save_file({"references": references}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS[:1]).tolist() == [1]


def test_a_row_that_is_a_reference_does_not_speak_for_its_own_label(
    workspace: Workspace, labelled: LabelledFeatures
) -> None:
    own, other = labelled.table.take(ROWS[:1])[0], labelled.table.take(ROWS[1:2])[0]
    references = np.full((len(labelled.class_names), 2, own.size), np.nan, dtype=np.float32)
    workspace.references.parent.mkdir(parents=True, exist_ok=True)
    references[2, 0] = own * np.float32(1 + 1e-6)  # the centre of a cluster of one
    references[4, 0] = other
    save_file({"references": references}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS[:2]).tolist() == [4, 2]
    references[2, 1] = own * 2  # another row in the same direction
    save_file({"references": references}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS[:1]).tolist() == [2]
    references[2:] = np.nan
    references[1, 0] = own
    save_file({"references": references}, workspace.references)
    assert nearest_references(workspace, labelled, ROWS[:1]).tolist() == [-1]


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert reference_words(-1, 0, ("pho",)) == ""
