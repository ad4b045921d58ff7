import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from noisette.data.datasets import cifar_pictures
from noisette.data.datasets.cifar import read_cifar10n, read_cifar100n
from noisette.data.datasets.cifar_layout import CIFAR10, CIFAR100
from noisette.data.images import read_image
from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError
from noisette.types import BadRows
from tests import shared_data
from tests.data.datasets.cifar_files import Batch, cifar_batches, human_labels, write_binary, write_python
from tests.data.datasets.trees import samples, skipping


def pixels_of(root: Path, uri: str) -> np.ndarray:
    with Image.open(io.BytesIO(read_image(root, uri))) as image:
        return np.asarray(image).transpose(2, 0, 1).reshape(-1)


def write_folders(root: Path, batches: list[Batch], first: int = 0) -> Path:
    """Write file k of class c for the k-th picture of the class; its content is its place in the whole."""
    labels = {"train": np.concatenate([labels for labels, _ in batches[:-1]]), "test": batches[-1][0]}
    for split, classes in labels.items():
        for number, name in enumerate(CIFAR10.class_names):
            (root / split / name).mkdir(parents=True)
            for k, place in enumerate(np.flatnonzero(classes == number)):
                (root / split / name / f"{k + first:04d}.jpg").write_text(str(place), encoding="utf-8")
    return root


@pytest.mark.parametrize("num_classes", [10, 100])
@pytest.mark.parametrize("write", [write_binary, write_python])
def test_raw_pixels_with_their_human_labels(
    tmp_path: Path, write: Callable[[Path, list[Batch], int], Path], num_classes: int
) -> None:
    batches = cifar_batches(num_classes)
    sets = human_labels(batches, num_classes=num_classes)
    torch.save(sets, write(tmp_path, batches, num_classes) / f"CIFAR-{num_classes}_human.pt")
    bad = BadRows()
    data = (read_cifar10n if num_classes == 10 else read_cifar100n)(tmp_path, bad)
    assert data.class_names == (CIFAR10 if num_classes == 10 else CIFAR100).class_names
    found = samples(data)
    num_train = len(sets["clean_label"])
    assert [one.key for one in found[:num_train]] == [f"{number:05d}.png" for number in range(num_train)]
    assert [one.split for one in found] == ["train"] * num_train + ["test"] * len(batches[-1][0])
    given = sets["worse_label" if num_classes == 10 else "noisy_label"]
    for sample, human, clean in zip(found, given.tolist(), sets["clean_label"].tolist(), strict=False):
        assert sample.given_label == human
        assert (sample.verification_label, sample.correct_label) == (int(human == clean), clean)
    for sample, label in zip(found[num_train:], batches[-1][0].tolist(), strict=True):
        assert (sample.given_label, sample.verification_label, sample.correct_label) == (label, -1, -1)
    expected = np.concatenate([pixels for _, pixels in batches])
    for sample, pixels in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pixels_of(tmp_path, sample.uri), pixels)
    assert bad.num_read == len(found)


@pytest.mark.parametrize("first", [0, 1])
def test_folders_are_read_in_torchvisions_order(tmp_path: Path, first: int) -> None:
    batches = cifar_batches()
    sets = human_labels(batches)
    np.savez(write_folders(tmp_path, batches, first) / "CIFAR-10_human.npz", **sets)
    found = samples(read_cifar10n(tmp_path, BadRows(), label_field="aggre"))
    training = [one for one in found if one.split == "train"]
    assert [(tmp_path / one.uri).read_text(encoding="utf-8") for one in training] == [str(at) for at in range(15)]
    assert [one.given_label for one in training] == sets["aggre_label"].tolist()
    names = [CIFAR10.class_names[label] for label in sets["clean_label"]]
    assert [one.key.split("/")[0] for one in training] == names
    assert all(one.uri == f"{one.split}/{one.key}" for one in found)
    assert sorted(one.given_label for one in found[15:]) == sorted(batches[-1][0].tolist())
    assert all(one.key.startswith(CIFAR10.class_names[one.given_label]) for one in found[15:])


def test_a_missing_or_added_file_would_shift_the_labels_and_is_refused(tmp_path: Path) -> None:
    batches = cifar_batches()
    np.savez(write_folders(tmp_path, batches) / "CIFAR-10_human.npz", **human_labels(batches))
    (tmp_path / "train" / "cat" / ".hidden.jpg").touch()
    (tmp_path / "train" / "cat" / "notes.txt").touch()
    assert len(samples(read_cifar10n(tmp_path, BadRows()))) == 21
    number, count = max(
        enumerate(np.bincount(np.concatenate([b[0] for b in batches[:-1]])).tolist()), key=lambda p: p[1]
    )
    folder = tmp_path / "train" / CIFAR10.class_names[number]
    (folder / "0000.jpg").rename(folder / "9999.jpg")
    with pytest.raises(DataFileError, match=rf"must hold {count} pictures, numbered in torchvision's order"):
        samples(read_cifar10n(tmp_path, BadRows()))
    (folder / "9999.jpg").unlink()
    with pytest.raises(DataFileError, match=rf"without a gap, and holds {count - 1}"):
        samples(read_cifar10n(tmp_path, BadRows()))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(DataFileError, match="does not exist; expected a folder for each class"):
        samples(read_cifar10n(tmp_path, BadRows()))


def test_labels_of_another_order_are_refused(tmp_path: Path) -> None:
    batches = cifar_batches()
    sets = human_labels(batches)
    write_binary(tmp_path, batches)
    swapped = {**sets, "clean_label": sets["clean_label"].copy()}
    swapped["clean_label"][4] = (swapped["clean_label"][4] + 1) % 10
    np.savez(tmp_path / "CIFAR-10_human.npz", **swapped)
    with pytest.raises(DataFileError, match=r"CIFAR-10_human\.npz:5: is not in the order of the pictures: number 4"):
        samples(read_cifar10n(tmp_path, skipping()))
    for cut, reason in ((slice(14), "has 14 labels, and there are 15"), (slice(0), "has 0 labels, and there are 15")):
        np.savez(tmp_path / "CIFAR-10_human.npz", **{name: values[cut] for name, values in sets.items()})
        with pytest.raises(DataFileError, match=reason):
            samples(read_cifar10n(tmp_path, skipping()))
    longer = {name: np.r_[values, values[:1]] for name, values in sets.items()}
    np.savez(tmp_path / "CIFAR-10_human.npz", **longer)
    with pytest.raises(DataFileError, match="has 16 labels, and there are 15"):
        samples(read_cifar10n(tmp_path, skipping()))


def test_labels_that_name_no_class_are_bad_rows(tmp_path: Path) -> None:
    batches = cifar_batches()
    sets = human_labels(batches)
    sets["worse_label"][2], sets["worse_label"][7] = 10, -1
    batches[-1][0][3] = 11
    np.savez(write_binary(tmp_path, batches) / "CIFAR-10_human.npz", **sets)
    bad = skipping()
    found = samples(read_cifar10n(tmp_path, bad))
    assert [str(row).removeprefix(f"{tmp_path}/") for row in bad.rows] == [
        "CIFAR-10_human.npz:3: unknown class: 10 is none of 10 class ids",
        "CIFAR-10_human.npz:8: unknown class: -1 is none of 10 class ids",
        "cifar-10-batches-bin/test_batch.bin:4: unknown class: 11 is no class id",
    ]
    assert [one.key for one in found[1:3]] == ["00001.png", "00003.png"]
    with pytest.raises(TooManyBadRowsError, match=r"CIFAR-10_human\.npz:3: unknown class"):
        samples(read_cifar10n(tmp_path, BadRows()))


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"is no folder; expected the pictures of CIFAR-10 as .*CIFAR-10_human\.pt"):
        read_cifar10n(tmp_path / "none", skipping())
    with pytest.raises(
        DataFileError, match="holds no pictures; expected the pictures of CIFAR-100 as cifar-100-binary"
    ):
        read_cifar100n(tmp_path, skipping())
    write_binary(tmp_path, cifar_batches())
    with pytest.raises(DataFileError, match="holds no human labels"):
        read_cifar10n(tmp_path, skipping())
    np.savez(tmp_path / "CIFAR-10_human.npz", **human_labels(cifar_batches()))
    with pytest.raises(InvalidInputError, match="it has aggre, random1, random2, random3, worse"):
        read_cifar10n(tmp_path, skipping(), label_field="best")
    (tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(DataFileError, match=r"lacks cifar-10-batches-bin/data_batch_3\.bin; unpack the archive again"):
        read_cifar10n(tmp_path, skipping())


def test_a_binary_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    batches = cifar_batches()
    np.savez(write_binary(tmp_path, batches) / "CIFAR-10_human.npz", **human_labels(batches))
    path = tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataFileError, match=r"data_batch_1\.bin: must hold records of 3073 bytes, but has 9218"):
        samples(read_cifar10n(tmp_path, skipping()))


@pytest.mark.skipif(not (shared_data.SHARED / "data").exists(), reason="the measured data are not here")
def test_the_measured_folders_match_the_measured_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60,000 files are slow to make, and only their names matter."""
    source = shared_data.SHARED / "data" / "cifar10n_features.npz"
    (tmp_path / "labels.npz").symlink_to(source)
    for split in ("train", "test"):
        (tmp_path / split).mkdir()

    def names(folder: Path) -> list[str]:
        return [f"{number:04d}.jpg" for number in range(5000 if folder.parent.name == "train" else 1000)]

    monkeypatch.setattr(cifar_pictures, "_files", names)
    found = samples(read_cifar10n(tmp_path, BadRows()))
    with np.load(source) as archive:
        assert [one.uri for one in found[:50000]] == archive["paths"].tolist()
        assert [one.given_label for one in found[:50000]] == archive["label_worse"].tolist()
    assert len(found) == 60000
    wrong = sum(one.verification_label == 0 for one in found[:50000]) / 50000
    assert wrong == pytest.approx(0.4021, abs=0.0005)
