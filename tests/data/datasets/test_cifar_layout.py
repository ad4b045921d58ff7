import numpy as np
import pytest

from noisette.data.datasets.cifar_layout import CIFAR10, CIFAR100
from tests import shared_data


def test_the_classes_are_in_alphabetical_order_as_published() -> None:
    for layout, size in ((CIFAR10, 10), (CIFAR100, 100)):
        assert len(layout.class_names) == size
        assert list(layout.class_names) == sorted(set(layout.class_names))


def test_the_layout_is_described() -> None:
    assert CIFAR100.describe() == (
        "the pictures of CIFAR-100 as cifar-100-binary/train.bin (binary version), cifar-100-python/train (python "
        "version), or train/<class>/NNNN.jpg and test/<class>/NNNN.jpg"
    )


@pytest.mark.skipif(not (shared_data.SHARED / "data").exists(), reason="the measured data are not here")
def test_the_measured_classes() -> None:
    with np.load(shared_data.SHARED / "data" / "cifar10n_features.npz") as archive:
        assert tuple(archive["class_names"].tolist()) == CIFAR10.class_names
