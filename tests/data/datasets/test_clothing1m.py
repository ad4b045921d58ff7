from pathlib import Path

import pytest

from noisette.data.datasets.clothing1m import read_clothing1m
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.trees import plant, problems, samples, skipping

NAMES = (
    "T-Shirt Shirt Knitwear Chiffon Sweater Hoodie Windbreaker Jacket Downcoat Suit Shawl Dress Vest Underwear".split()
)
FILES = {
    "category_names_eng.txt": "\n".join(NAMES),
    "noisy_label_kv.txt": (
        "images/0/0/a,1.jpg 5\nimages/0/0/b,1.jpg 13\nimages/0/0/ct,1.jpg 3\n"
        "images/0/0/both,1.jpg 4\nimages/0/0/cv,1.jpg 2\nimages/0/0/ce,1.jpg 5\n"
    ),
    "clean_label_kv.txt": (
        "images/0/0/ct,1.jpg 3\nimages/0/0/both,1.jpg 9\nimages/0/0/only,1.jpg 1\nimages/0/0/cv,1.jpg 7\n"
        "images/0/0/cv,2.jpg 6\nimages/0/0/ce,1.jpg 0\nimages/0/0/ce,2.jpg 8"
    ),
    "noisy_train_key_list.txt": "images/0/0/b,1.jpg\nimages/0/0/both,1.jpg\nimages/0/0/a,1.jpg\n",
    "clean_train_key_list.txt": "images/0/0/ct,1.jpg\nimages/0/0/both,1.jpg\nimages/0/0/only,1.jpg\n",
    "clean_val_key_list.txt": "images/0/0/cv,1.jpg\nimages/0/0/cv,2.jpg\n",
    "clean_test_key_list.txt": "images/0/0/ce,1.jpg\nimages/0/0/ce,2.jpg",
}


def sample(name: str, given: int, split: str = "train", verdict: int = -1, correct: int = -1) -> Sample:
    return Sample(f"images/0/0/{name}.jpg", given, split, f"images/0/0/{name}.jpg", verdict, correct)


EXPECTED = [
    sample("b,1", 13),
    sample("both,1", 4, verdict=0, correct=9),
    sample("a,1", 5),
    sample("ct,1", 3, verdict=1, correct=3),
    sample("cv,1", 2, "validation", 0, 7),
    sample("cv,2", 6, "validation"),
    sample("ce,1", 0, "test"),  # noisy label 5: a test picture carries the clean one
    sample("ce,2", 8, "test"),
]


@pytest.mark.parametrize("folder", ["", "annotations/"])
def test_the_published_layout(tmp_path: Path, folder: str) -> None:
    bad = skipping()
    data = read_clothing1m(plant(tmp_path, {folder + name: content for name, content in FILES.items()}), bad)
    assert (data.root, data.class_names) == (tmp_path, tuple(NAMES))
    assert samples(data) == EXPECTED
    assert bad.num_bad == 0
    assert bad.left_out == {"training picture with a clean label only": 1}


def test_windows_line_ends(tmp_path: Path) -> None:
    files = {name: content.replace("\n", "\r\n") for name, content in FILES.items()}
    assert samples(read_clothing1m(plant(tmp_path, files), BadRows())) == EXPECTED


def test_a_picture_of_another_split_is_kept_out_of_training(tmp_path: Path) -> None:
    files = {
        **FILES,
        "noisy_train_key_list.txt": FILES["noisy_train_key_list.txt"] + "images/0/0/cv,1.jpg\nimages/0/0/ce,1.jpg\n",
        "clean_train_key_list.txt": FILES["clean_train_key_list.txt"] + "images/0/0/cv,2.jpg\n",
        "clean_val_key_list.txt": FILES["clean_val_key_list.txt"] + "images/0/0/ce,2.jpg\n",
    }
    bad = skipping()
    assert samples(read_clothing1m(plant(tmp_path, files), bad)) == EXPECTED
    assert bad.num_bad == 0
    assert bad.left_out["listed for training, but of the validation or test split"] == 3
    assert bad.left_out["listed for validation, but of the test split"] == 1


def test_bad_rows_are_named_with_their_lines(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        **FILES,
        "noisy_label_kv.txt": FILES["noisy_label_kv.txt"] + "images/0/0/x.jpg\nx.jpg 14\nimages/0/0/a,1.jpg 5\n",
        "clean_label_kv.txt": FILES["clean_label_kv.txt"] + "\n\n/x.jpg 1\n",
        "noisy_train_key_list.txt": FILES["noisy_train_key_list.txt"].encode()
        + b"none.jpg\n\xff\nimages/0/0/b,1.jpg\n",
        "clean_train_key_list.txt": "\n" + FILES["clean_train_key_list.txt"] + "images/0/0/a,1.jpg\nnone.jpg\n",
        "clean_val_key_list.txt": FILES["clean_val_key_list.txt"] + "images/0/0/cv,2.jpg\n",
    }
    bad = skipping()
    assert samples(read_clothing1m(plant(tmp_path, files), bad)) == EXPECTED
    assert problems(bad) == [
        "noisy_label_kv.txt:7: wrong form",
        "noisy_label_kv.txt:8: unknown class",
        "noisy_label_kv.txt:9: duplicate key",
        "clean_label_kv.txt:8: blank line",
        "clean_label_kv.txt:9: wrong path",
        "noisy_train_key_list.txt:5: invalid UTF-8",
        "noisy_train_key_list.txt:6: duplicate key",
        "noisy_train_key_list.txt:4: no label",
        "clean_train_key_list.txt:1: blank line",
        "clean_train_key_list.txt:5: no label",
        "clean_train_key_list.txt:6: no label",
        "clean_val_key_list.txt:3: duplicate key",
    ]


def test_the_first_bad_row_stops_where_it_shall(tmp_path: Path) -> None:
    files = {**FILES, "clean_label_kv.txt": FILES["clean_label_kv.txt"].replace(" 9", " 99")}
    with pytest.raises(TooManyBadRowsError, match=r"clean_label_kv\.txt:2: unknown class: '99' is no class id from 0"):
        samples(read_clothing1m(plant(tmp_path, files), BadRows()))


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    plant(tmp_path, {f"annotations/{name}": text for name, text in FILES.items() if "val" not in name})
    expected = r"lacks annotations/clean_val_key_list.txt; expected Clothing1M as published: images/"
    with pytest.raises(DataFileError, match=expected):
        read_clothing1m(tmp_path, skipping())
    with pytest.raises(DataFileError, match=r"lacks category_names_eng.txt, noisy_label_kv.txt, "):
        read_clothing1m(plant(tmp_path / "other", {"a": ""}), skipping())
