from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from noisette.errors import InvalidInputError, NotVerifiedError, ShapeError, UnknownClassError
from noisette.training.end_to_end_samples import JointLabels, JointSamples, check_classes, joint_labels

GIVEN = [0, 0, 0, 1, 1, 1]
VERIFICATION = [1, 0, -1, -1, 0, 1]
CORRECT = [-1, 2, -1, -1, -2, -1]


class Files(Dataset[tuple[Any, ...]]):
    """Six samples that are known one by one alone."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        return float(row), GIVEN[row], 0.5


def labels(data: Any = None, **changes: Any) -> JointLabels:
    options: dict[str, Any] = {"labels": None, "verification_labels": VERIFICATION, "correct_labels": CORRECT} | changes
    return joint_labels(Files() if data is None else data, **options)


def test_labels_are_read_from_any_data_set() -> None:
    class Folder(Files):
        targets = GIVEN

        def __getitem__(self, row: int) -> tuple[Any, ...]:
            raise AssertionError("no picture has to be opened")

    tensors = TensorDataset(torch.zeros(6, 2), torch.tensor(GIVEN))
    for data in (Files(), Folder(), tensors):
        assert labels(data).given.tolist() == GIVEN
    assert labels(Folder(), labels=[1] * 6).given.tolist() == [1] * 6


def test_a_corrected_sample_is_learned_as_its_class_and_compared_with_both() -> None:
    known = labels()
    assert known.learned.tolist() == [0, 2, 0, 1, 1, 1]
    assert known.pairs().tolist() == [0, 1, 4, 5, 6]
    samples = JointSamples(Files(), known)
    assert len(samples) == 6
    assert [samples[row][1].tolist() for row in (0, 1, 3, 6)] == [[0, 0, 1], [2, 0, 0], [1, 1, -1], [2, 2, 1]]
    assert samples[6][0] == samples[1][0] == 1.0
    assert samples[0][2] == 0.5
    assert JointSamples(TensorDataset(torch.zeros(6, 1), torch.tensor(GIVEN)), known)[2][2] == 1.0


def test_samples_known_to_show_a_class_are_its_first_references() -> None:
    known = joint_labels(
        Files(), [0] * 3 + [1] * 3, verification_labels=[-1, 1, 0, 0, -1, 0], correct_labels=[-1, -1, 1, 2, -1, -1]
    )
    for seed in range(5):
        rows = known.references(4, 2, np.random.default_rng(seed))
        assert rows.tolist() == [[1, 0], [2, 4], [3, -1], [-1, -1]]


def test_references_are_drawn_at_random_where_there_are_many() -> None:
    data = TensorDataset(torch.zeros(400, 1), torch.arange(400) % 2)
    known = joint_labels(data, None, np.where(np.arange(400) == 5, 1, -1), None)
    found = [known.references(2, 8, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert (found[2] % 2 == np.arange(2)[:, None]).all()
    assert 5 in found[2][1]
    assert np.unique(found[2]).size == 16


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"verification_labels": [-1] * 6}, NotVerifiedError, "are all -1.*verify some.*`train_classifier`"),
        ({"verification_labels": [2] * 6}, InvalidInputError, r"must be 1, 0 or -1 .*, got 2"),
        ({"verification_labels": [0.5] * 6}, InvalidInputError, "`verification_labels` must be whole numbers"),
        ({"verification_labels": [1]}, ShapeError, r"`verification_labels` must have shape \(6,\).*got \(1,\)"),
        ({"labels": [-1] * 6}, InvalidInputError, "`labels` must be at least 0, got -1"),
        ({"correct_labels": [-3] * 6}, InvalidInputError, "`correct_labels` must be at least -2, got -3"),
        ({"correct_labels": [0] * 6}, InvalidInputError, "names the given label of sample 1, which is said to be"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        labels(**changes)


def test_where_nothing_shows_any_class_there_are_no_references() -> None:
    known = labels(verification_labels=[0] * 6, correct_labels=None)
    with pytest.raises(InvalidInputError, match="call every sample mislabelled and none is corrected"):
        known.references(2, 3, np.random.default_rng(0))


def test_a_label_without_an_output_is_named() -> None:
    with pytest.raises(UnknownClassError, match=r"a label is 2, but `model` has 2 outputs, for 0\.\.1"):
        check_classes(labels(), 2)
