from pathlib import Path

import pytest

from noisette.data.datasets.food101n import read_food101n
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.trees import plant, problems, samples, skipping

STRAY = "hot_and_sour_soup/a49e6fb26e356c6c41a37b5c18176355.jpg"
HEADER = "class_name/key\tverification_label\n"
FILES = {
    "meta/classes.txt": "class_name\napple_pie\nhot_and_sour_soup\n",
    "meta/imagelist.tsv": (
        "class_name/key\napple_pie/0.jpg\napple_pie/1.jpg\nhot_and_sour_soup/0.jpg\napple_pie/2.jpg\n"
    ),
    "meta/verified_train.tsv": f"{HEADER}apple_pie/1.jpg\t0\n{STRAY}\t1\nhot_and_sour_soup/0.jpg\t1\n",
    "meta/verified_val.tsv": f"{HEADER}apple_pie/2.jpg\t1\n",
}
EXPECTED = [
    Sample("apple_pie/0.jpg", 0, "train", "images/apple_pie/0.jpg"),
    Sample("apple_pie/1.jpg", 0, "train", "images/apple_pie/1.jpg", 0),
    Sample("hot_and_sour_soup/0.jpg", 1, "train", "images/hot_and_sour_soup/0.jpg", 1),
    Sample("apple_pie/2.jpg", 0, "validation", "images/apple_pie/2.jpg", 1),
]


def test_the_published_layout_with_its_stray_verified_row(tmp_path: Path) -> None:
    bad = skipping()
    data = read_food101n(plant(tmp_path, FILES), bad)
    assert data.root == tmp_path
    assert data.class_names == ("apple_pie", "hot_and_sour_soup")
    assert samples(data) == EXPECTED
    assert problems(bad) == ["verified_train.tsv:3: verified picture is not listed"]
    assert bad.rows[0].detail == f"'{STRAY}' is not in imagelist.tsv"
    assert bad.num_read == 4 + 4


def test_the_stray_row_does_not_stop_a_reader_that_stops_at_bad_rows(tmp_path: Path) -> None:
    bad = BadRows(on_error="stop")
    assert samples(read_food101n(plant(tmp_path, FILES), bad)) == EXPECTED
    assert bad.counts == {"verified picture is not listed": 1}


def test_many_stray_rows_do_stop_it(tmp_path: Path) -> None:
    strays = "".join(f"apple_pie/none{number}.jpg\t1\n" for number in range(99))
    files = {**FILES, "meta/verified_train.tsv": HEADER + "apple_pie/1.jpg\t0\n" + strays}
    bad = BadRows(on_error="skip", max_bad=0.01, grace=50)
    with pytest.raises(TooManyBadRowsError, match="verified picture is not listed"):
        samples(read_food101n(plant(tmp_path, files), bad))


def test_copies_without_headers_and_final_line_ends(tmp_path: Path) -> None:
    files = {
        name: content[content.index("\n") + 1 :].removesuffix("\n").replace("\n", "\r\n")
        for name, content in FILES.items()
    }
    assert samples(read_food101n(plant(tmp_path, files), skipping())) == EXPECTED


def test_bad_rows_are_named_with_their_lines(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        **FILES,
        "meta/imagelist.tsv": (
            b"class_name/key\napple_pie/0.jpg\nbun/0.jpg\n\napple_pie.jpg\napple_pie/\xff.jpg\n"
            b"apple_pie/../../0.jpg\napple_pie/0.jpg\napple_pie/2.jpg"
        ),
        "meta/verified_train.tsv": f"{HEADER}apple_pie/0.jpg\t2\napple_pie/0.jpg\napple_pie/2.jpg\t0\n",
        "meta/verified_val.tsv": f"{HEADER}apple_pie/2.jpg\t1\napple_pie/0.jpg\t-1\napple_pie/2.jpg\t1\n",
    }
    bad = skipping()
    found = samples(read_food101n(plant(tmp_path, files), bad))
    assert found == [EXPECTED[0], EXPECTED[3]]
    assert problems(bad) == [
        "verified_val.tsv:4: duplicate key",
        "verified_train.tsv:2: bad verification label",
        "verified_train.tsv:3: wrong form",
        "verified_train.tsv:4: duplicate key",
        "imagelist.tsv:3: unknown class",
        "imagelist.tsv:4: blank line",
        "imagelist.tsv:5: wrong form",
        "imagelist.tsv:6: invalid UTF-8",
        "imagelist.tsv:7: wrong path",
        "imagelist.tsv:8: duplicate key",
    ]
    assert bad.rows[3].detail == "'apple_pie/2.jpg' is on line 2 of verified_val.tsv too"
    assert bad.left_out == {"verification label -1": 1}


def test_lists_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    files = {**FILES, "meta/imagelist.tsv": "class_name/key\napple_pie/9.jpg\n"}
    with pytest.raises(DataFileError, match=r"imagelist\.tsv: lists none of the verified pictures"):
        samples(read_food101n(plant(tmp_path, files), skipping()))


def test_the_test_pictures_of_food101(tmp_path: Path) -> None:
    root = plant(tmp_path / "food-101n", FILES)
    test = plant(tmp_path / "food-101", {"meta/test.txt": "apple_pie/11\nbun/1\napple_pie/12.jpg\napple_pie/11"})
    bad = skipping()
    found = samples(read_food101n(root, bad, test_root=test))
    assert found[:4] == EXPECTED
    assert found[4:] == [
        Sample("apple_pie/11.jpg", 0, "test", "../food-101/images/apple_pie/11.jpg"),
        Sample("apple_pie/12.jpg", 0, "test", "../food-101/images/apple_pie/12.jpg"),
    ]
    assert problems(bad)[1:] == ["test.txt:2: unknown class", "test.txt:4: duplicate key"]


def test_the_way_to_the_test_pictures_leads_out_of_a_link(tmp_path: Path) -> None:
    plant(tmp_path / "disk" / "deep" / "food-101n", FILES)
    test = plant(tmp_path / "food-101", {"meta/test.txt": "apple_pie/11\n", "images/apple_pie/11.jpg": b"jpg"})
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "deep" / "food-101n")
    *_, last = samples(read_food101n(tmp_path / "link", skipping(), test_root=test))
    assert (tmp_path / "link" / last.uri).read_bytes() == b"jpg"


def test_what_is_missing_is_named_at_once(tmp_path: Path) -> None:
    plant(tmp_path, {"meta/classes.txt": "a\n", "meta/verified_val.tsv": "x"})
    with pytest.raises(DataFileError, match=r"lacks meta/imagelist.tsv, meta/verified_train.tsv; expected Food-101N"):
        read_food101n(tmp_path, skipping())
    plant(tmp_path, FILES)
    with pytest.raises(DataFileError, match=r"lacks meta/test.txt; expected Food-101 as published"):
        read_food101n(tmp_path, skipping(), test_root=tmp_path)
