import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from noisette.data.datasets.cifar_labels import read_human_labels
from noisette.data.datasets.cifar_layout import CIFAR10, CIFAR100
from noisette.errors import DataFileError, InvalidInputError
from tests import shared_data
from tests.data.datasets.cifar_files import cifar_batches, human_labels

SETS = human_labels(cifar_batches())


def rename_numpy(source: Path, target: Path, ours: bytes, theirs: bytes) -> None:
    """Write a torch file as another numpy would: the core of numpy 2 has another name than that of numpy 1."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(ours, theirs))


@pytest.mark.parametrize("core", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
def test_the_published_torch_file_of_any_numpy(tmp_path: Path, core: bytes, kind: str) -> None:
    torch.save({name: values.astype(kind) for name, values in SETS.items()}, tmp_path / "made.pt")
    ours = np.zeros(0).__reduce__()[0].__module__.encode()
    rename_numpy(tmp_path / "made.pt", tmp_path / "CIFAR-10_human.pt", ours, core)
    found = read_human_labels(tmp_path, CIFAR10, None)
    assert found.path == tmp_path / "CIFAR-10_human.pt"
    assert found.clean.tolist() == SETS["clean_label"].tolist()
    assert found.human.tolist() == SETS["worse_label"].tolist()
    assert np.ndarray not in torch.serialization.get_safe_globals()  # allowed for that one file only


def test_a_torch_file_of_the_older_form_and_of_tensors(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "CIFAR-10_human.pt"
    torch.save(SETS, path, _use_new_zipfile_serialization=False)
    assert read_human_labels(tmp_path, CIFAR10, None).human.tolist() == SETS["worse_label"].tolist()
    torch.save({name: torch.from_numpy(values) for name, values in SETS.items()}, path)
    assert read_human_labels(tmp_path, CIFAR10, None).human.tolist() == SETS["worse_label"].tolist()


@pytest.mark.parametrize("wanted", ["random2", "random_label2", "label_random2"])
@pytest.mark.parametrize("turned", [False, True])
def test_sets_by_any_of_their_names(tmp_path: Path, wanted: str, turned: bool) -> None:
    names = {name: "label_" + name.replace("_label", "") if turned else name for name in SETS}
    np.savez(tmp_path / "mine.npz", features=np.zeros((3, 2)), **{names[name]: SETS[name] for name in SETS})
    np.savez(tmp_path / "a_test.npz", features=np.zeros((3, 2)), label_clean=np.zeros(3, dtype=np.int64))
    found = read_human_labels(tmp_path, CIFAR10, wanted)
    assert found.path == tmp_path / "mine.npz"
    assert found.human.tolist() == SETS["random_label2"].tolist()


def test_of_several_archives_of_other_names_none_is_chosen(tmp_path: Path) -> None:
    for name in ("b.npz", "a.npz"):
        np.savez(tmp_path / name, **SETS)
    np.savez(tmp_path / "c.npz", clean_label=SETS["clean_label"], given_label=SETS["clean_label"])
    with pytest.raises(DataFileError, match=r"labels in a\.npz, b\.npz; leave one, or call .* CIFAR-10_human\.npz$"):
        read_human_labels(tmp_path, CIFAR10, None)
    (tmp_path / "a.npz").unlink()
    assert read_human_labels(tmp_path, CIFAR10, None).path == tmp_path / "b.npz"
    assert read_human_labels(tmp_path, CIFAR10, "given").path == tmp_path / "c.npz"
    np.savez(tmp_path / "CIFAR-10_human.npz", **SETS)
    assert read_human_labels(tmp_path, CIFAR10, None).path == tmp_path / "CIFAR-10_human.npz"


def test_cifar100_has_noisy_labels_of_fine_classes_only(tmp_path: Path) -> None:
    sets = human_labels(cifar_batches(100), num_classes=100)
    torch.save(sets, tmp_path / "CIFAR-100_human.pt")
    assert read_human_labels(tmp_path, CIFAR100, None).human.tolist() == sets["noisy_label"].tolist()
    for wanted in ("noisy_coarse", "noisy_coarse_label", "worse"):
        with pytest.raises(InvalidInputError, match=f"`label_field` '{wanted}' is not in .*; it has noisy$"):
            read_human_labels(tmp_path, CIFAR100, wanted)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"holds no human labels; expected CIFAR-10_human\.pt \(or an \.npz"):
        read_human_labels(tmp_path, CIFAR10, None)
    (tmp_path / "CIFAR-10_human_ordered.npy").touch()
    (tmp_path / "broken.npz").write_bytes(b"none")
    with pytest.raises(DataFileError, match=r"CIFAR-10_human_ordered\.npy is in the order of another library"):
        read_human_labels(tmp_path, CIFAR10, None)


def test_torch_files_of_anything_else_are_refused_and_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "CIFAR-10_human.pt"
    objects = {"clean_label": np.array([None], dtype=object), "worse_label": np.zeros(1, dtype=np.int64)}
    for content in (Trap(), {"clean_label": Trap()}, objects):
        torch.save(content, path)
        with pytest.raises(DataFileError, match="is no torch file of arrays and numbers alone"):
            read_human_labels(tmp_path, CIFAR10, None)
    assert not (tmp_path / "sprung").exists()
    for data in (b"", b"none"):
        path.write_bytes(data)
        with pytest.raises(DataFileError, match="is no torch file of arrays"):
            read_human_labels(tmp_path, CIFAR10, None)
    torch.save([1, 2], path)
    with pytest.raises(DataFileError, match="must hold a dict of arrays by name"):
        read_human_labels(tmp_path, CIFAR10, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clean_label": np.zeros((2, 2), dtype=np.int64)}, r"clean_label must be an array \(N,\) of class ids"),
        ({"worse_label": np.zeros(15)}, r"worse_label must be an array \(N,\) of class ids, got float64"),
        ({"worse_label": np.array([None] * 15)}, "worse_label must be an array of class ids"),
        ({"worse_label": np.zeros(14, dtype=np.int64)}, "worse_label has 14 labels, and clean_label has 15"),
        ({"clean_label": np.full(15, 10)}, "clean_label must hold class ids below 10"),
        ({"clean_label": np.full(15, -1)}, "clean_label must hold class ids below 10"),
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path: Path, change: dict[str, np.ndarray], reason: str) -> None:
    np.savez(tmp_path / "CIFAR-10_human.npz", **{**SETS, **change})
    with pytest.raises(DataFileError, match=reason):
        read_human_labels(tmp_path, CIFAR10, None)
    np.savez(tmp_path / "CIFAR-10_human.npz", worse_label=SETS["worse_label"])
    with pytest.raises(DataFileError, match="holds no clean_label"):
        read_human_labels(tmp_path, CIFAR10, None)


@pytest.mark.skipif(not (shared_data.SHARED / "data").exists(), reason="the measured data are not here")
def test_the_measured_labels() -> None:
    found = read_human_labels(shared_data.SHARED / "data", CIFAR10, "aggre")
    assert found.path.name == "cifar10n_features.npz"
    assert float((found.clean != found.human).mean()) == pytest.approx(0.0903, abs=0.0005)
