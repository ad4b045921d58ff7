from pathlib import Path

import pytest

from noisette.data.datasets.webvision import read_mini_webvision, read_webvision
from noisette.errors import DataFileError
from noisette.types import BadRows, Sample
from tests.data.datasets.trees import plant, problems, samples, skipping

SYNSETS = [f"n{number:08d} word {number}, other word" for number in range(60)]
SYNSETS[10], SYNSETS[55] = "n02012849 crane", "n03126707 crane"
FILES = {
    "info/synsets.txt": "\n".join(SYNSETS),
    "info/train_filelist_google.txt": "google/q0001/a b.jpg 0\ngoogle/q0002/b.jpg 55\ngoogle/q0003/c.jpg 49\n",
    "info/train_filelist_flickr.txt": "flickr/q0001/a.jpg 10\nflickr/q0001/b.jpg 59",
    "info/val_filelist.txt": "val000001.jpg 0\nval000002.jpg 50\n",
}
GOOGLE = [
    Sample("google/q0001/a b.jpg", 0, "train", "google/q0001/a b.jpg"),
    Sample("google/q0002/b.jpg", 55, "train", "google/q0002/b.jpg"),
    Sample("google/q0003/c.jpg", 49, "train", "google/q0003/c.jpg"),
]


def test_the_published_layout(tmp_path: Path) -> None:
    bad = BadRows()
    data = read_webvision(plant(tmp_path, FILES), bad)
    assert data.class_names == tuple(SYNSETS)
    assert samples(data) == [
        *GOOGLE,
        Sample("flickr/q0001/a.jpg", 10, "train", "flickr/q0001/a.jpg"),
        Sample("flickr/q0001/b.jpg", 59, "train", "flickr/q0001/b.jpg"),
        Sample("val000001.jpg", 0, "validation", "val_images_256/val000001.jpg"),
        Sample("val000002.jpg", 50, "validation", "val_images_256/val000002.jpg"),
    ]
    assert bad.num_read == 7
    assert not bad.left_out


def test_mini_webvision_is_google_and_fifty_classes(tmp_path: Path) -> None:
    bad = BadRows()
    files = {name: content for name, content in FILES.items() if "flickr" not in name}
    data = read_mini_webvision(plant(tmp_path, files), bad)
    assert data.class_names == tuple(SYNSETS[:50])
    assert samples(data) == [
        GOOGLE[0],
        GOOGLE[2],
        Sample("val000001.jpg", 0, "validation", "val_images_256/val000001.jpg"),
    ]
    assert bad.left_out == {"class is none of the first 50": 2}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [(["val_images"], "val_images"), (["val_images", "val_images_256"], "val_images_256"), ([], "val_images_256")],
)
def test_validation_pictures_of_full_size(tmp_path: Path, folders: list[str], expected: str) -> None:
    plant(tmp_path, FILES)
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert samples(read_webvision(tmp_path, BadRows()))[-1].uri == f"{expected}/val000002.jpg"


def test_bad_rows_are_named_with_their_lines(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        **FILES,
        "info/train_filelist_google.txt": "google/a.jpg\n\ngoogle/a.jpg 60\ngoogle/a.jpg 1\ngoogle/a.jpg 1\n",
        "info/train_filelist_flickr.txt": b"google/a.jpg 2\n\xff.jpg 1\n/flickr/a.jpg 1\nval000001.jpg 5\n",
    }
    bad = skipping()
    found = samples(read_webvision(plant(tmp_path, files), bad))
    assert [(one.split, one.key) for one in found] == [
        ("train", "google/a.jpg"),
        ("train", "val000001.jpg"),
        ("validation", "val000001.jpg"),
        ("validation", "val000002.jpg"),
    ]
    assert problems(bad) == [
        "train_filelist_google.txt:1: wrong form",
        "train_filelist_google.txt:2: blank line",
        "train_filelist_google.txt:3: unknown class",
        "train_filelist_google.txt:5: duplicate key",
        "train_filelist_flickr.txt:2: invalid UTF-8",
        "train_filelist_flickr.txt:3: wrong path",
        "train_filelist_flickr.txt:1: duplicate key",
    ]
    assert bad.rows[-1].detail == "'google/a.jpg' is on line 4 of train_filelist_google.txt too"


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    plant(tmp_path, {name: content for name, content in FILES.items() if "flickr" not in name})
    with pytest.raises(DataFileError, match=r"lacks info/train_filelist_flickr.txt; expected WebVision 1.0"):
        read_webvision(tmp_path, skipping())
    (tmp_path / "info" / "val_filelist.txt").unlink()
    with pytest.raises(DataFileError, match=r"lacks info/val_filelist.txt; ") as caught:
        read_mini_webvision(tmp_path, skipping())
    assert "flickr" not in caught.value.reason
