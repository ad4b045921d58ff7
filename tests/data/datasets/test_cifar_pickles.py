import pickle
from pathlib import Path

import numpy as np
import pytest

from noisette.data.datasets.cifar_pickles import find_pixels
from noisette.errors import DataFileError
from tests.data.datasets.cifar_files import make_batch, published_pickle


def check(path: Path, labels: np.ndarray, pixels: np.ndarray, key: str = "labels") -> None:
    place, found = find_pixels(path, key)
    assert found.tolist() == labels.tolist()
    assert path.read_bytes()[place : place + pixels.size] == pixels.tobytes()


@pytest.mark.parametrize("key", ["labels", "fine_labels"])
@pytest.mark.parametrize("size", [1, 2, 300])
def test_the_published_files(tmp_path: Path, size: int, key: str) -> None:
    labels, pixels = make_batch(size, 0)
    if size == 2:
        pixels[0, :200] = np.frombuffer(b"labels" * 33 + b"T\0", np.uint8)  # pixels that look like tokens
    (tmp_path / "b").write_bytes(published_pickle(labels, pixels, key.encode()))
    check(tmp_path / "b", labels, pixels, key)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("size", [1, 1200])
@pytest.mark.parametrize("data_first", [True, False])
def test_what_python_3_writes(tmp_path: Path, protocol: int, size: int, data_first: bool) -> None:
    labels, pixels = make_batch(size, 1, 400)
    cells = {"labels": labels.tolist(), "data": pixels, "filenames": ["x.png"] * size}
    if data_first:
        cells = dict(reversed(cells.items()))
    (tmp_path / "b").write_bytes(pickle.dumps(cells, protocol=protocol))
    check(tmp_path / "b", labels, pixels)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        find_pixels(path, "labels")
    assert "the archive that the CIFAR page offers" in caught.value.reason
    return caught.value.reason


def test_pixels_that_are_no_plain_rows_are_refused(tmp_path: Path) -> None:
    labels, pixels = make_batch(4, 2)
    cells = {b"labels": labels.tolist(), b"data": pixels}
    no_rows = "does not hold the pixels of its 4 pictures as one row of bytes each"
    texts = {key.decode(): value for key, value in cells.items()}
    assert no_rows in refused(tmp_path / "text", pickle.dumps(texts, protocol=2))  # pixels as UTF-8 text
    assert "holds no list" in refused(tmp_path / "texts", pickle.dumps(cells, protocol=2))
    assert no_rows in refused(tmp_path / "first", published_pickle(labels, pixels, columns_first=True))
    for protocol in (4, 5):
        columns_first = {**cells, b"data": np.asfortranarray(pixels)}
        assert no_rows in refused(tmp_path / "fortran", pickle.dumps(columns_first, protocol=protocol))
    assert no_rows in refused(tmp_path / "less", pickle.dumps({**cells, b"data": pixels[1:]}, protocol=4))
    assert no_rows in refused(tmp_path / "twice", pickle.dumps({**cells, b"more": pixels.tobytes()}, protocol=4))


def test_other_files_are_refused(tmp_path: Path) -> None:
    labels, pixels = make_batch(4, 2)
    whole = published_pickle(labels, pixels)
    assert "is no whole file of CIFAR's python version" in refused(tmp_path / "cut", whole[:5000])
    assert "is no whole file of CIFAR's python version" in refused(tmp_path / "text", b"no pickle")
    assert "holds no list named 'labels'" in refused(
        tmp_path / "other", published_pickle(labels, pixels, b"fine_labels")
    )
    assert "holds no list named 'labels'" in refused(
        tmp_path / "array", pickle.dumps({"labels": labels, "data": pixels})
    )
    with pytest.raises(DataFileError, match="does not exist"):
        find_pixels(tmp_path / "none", "labels")


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    labels, pixels = make_batch(2, 3)
    content = pickle.dumps({"trap": Trap(), "labels": labels.tolist(), "data": pixels}, protocol=4)
    (tmp_path / "b").write_bytes(content)
    check(tmp_path / "b", labels, pixels)
    assert not (tmp_path / "sprung").exists()
