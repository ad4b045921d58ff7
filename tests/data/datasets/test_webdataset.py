import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from noisette.data.datasets.webdataset import read_webdataset
from noisette.data.images import read_image
from noisette.errors import DataFileError, TooManyBadRowsError
from noisette.types import BadRows, Sample
from tests.data.datasets.tar_shards import img2dataset_members, write_tar


def read(
    root: Path, names: Sequence[str] | None = None, label_field: str | None = None
) -> tuple[tuple[str, ...], list[Sample], BadRows]:
    bad = BadRows(on_error="skip", max_bad=1.0)
    found = read_webdataset(root, bad, class_names=names, label_field=label_field)
    assert found.root == root
    return found.class_names, list(found.samples), bad


def problems(root: Path, bad: BadRows) -> list[str]:
    return [str(row).removeprefix(f"{root}/") for row in bad.rows]


def img2dataset(root: Path) -> Path:
    """Two shards of img2dataset with the files it writes beside them; some downloads failed, so numbers are missing."""
    labels = ["dog", "cat", None, "dog"]
    for shard in range(2):
        members: dict[str, bytes] = {}
        for at, label in enumerate(labels):
            if label is not None:
                members |= img2dataset_members(10_000 * shard + at, label=label)
        write_tar(root / f"{shard:05d}.tar", members)
        (root / f"{shard:05d}.parquet").write_bytes(b"never opened")
        (root / f"{shard:05d}_stats.json").write_text("{}", encoding="utf-8")
    return root


def test_shards_as_img2dataset_writes_them(tmp_path: Path) -> None:
    names, samples, bad = read(img2dataset(tmp_path))
    assert names == ("cat", "dog")
    assert [(one.key, one.given_label) for one in samples] == [
        ("00000.tar/000000000.jpg", 1),
        ("00000.tar/000000001.jpg", 0),
        ("00000.tar/000000003.jpg", 1),
        ("00001.tar/000010000.jpg", 1),
        ("00001.tar/000010001.jpg", 0),
        ("00001.tar/000010003.jpg", 1),
    ]
    assert [read_image(tmp_path, one.uri) for one in samples[::3]] == [b"jpeg 0", b"jpeg 10000"]
    assert (bad.num_read, bad.num_bad, dict(bad.left_out)) == (6, 0, {})


def test_captions_are_labels_where_they_are_named(tmp_path: Path) -> None:
    names, samples, _ = read(img2dataset(tmp_path), label_field="caption")
    assert names[:2] == ("picture 0", "picture 1")
    assert [one.given_label for one in samples[:2]] == [0, 1]


def test_shards_as_webdataset_writes_them(tmp_path: Path) -> None:
    write_tar(tmp_path / "train/a-0.tar", {"n1/x1.cls": b"2", "n1/x1.jpg": b"one", "x2.cls": b"0", "x2.png": b"two"})
    names, samples, _ = read(tmp_path)
    assert names == ("0", "1", "2")
    assert [(one.key, one.given_label) for one in samples] == [
        ("train/a-0.tar/n1/x1.jpg", 2),
        ("train/a-0.tar/x2.png", 0),
    ]
    assert [read_image(tmp_path, one.uri) for one in samples] == [b"one", b"two"]


def test_a_class_list_settles_ids_and_names(tmp_path: Path) -> None:
    write_tar(tmp_path / "0.tar", {"1.jpg": b"x", "1.cls": b"1", "2.jpg": b"x", "2.cls": b"dog", "3.jpg": b"x"})
    names, samples, bad = read(tmp_path, ["dog", "cat"])
    assert (names, [one.given_label for one in samples]) == (("dog", "cat"), [1, 0])
    assert problems(tmp_path, bad) == ["0.tar/3: no label: expected a .cls or .json beside the picture, got jpg"]


def test_verification_labels_splits_and_several_labels_of_the_json(tmp_path: Path) -> None:
    first = {"label": "dog", "correct_label": "cat", "split": "val", "url": "x"}
    second = {"label": ["dog", "cat"], "verification_label": [1, -1]}
    members = {f"{n}.{end}": data for n, fields in enumerate((first, second)) for end, data in (
        ("jpg", b"x"), ("json", json.dumps(fields).encode()))}  # fmt: skip
    write_tar(tmp_path / "0.tar", members)
    _, samples, _ = read(tmp_path)
    assert [(s.key, s.given_label, s.split, s.verification_label, s.correct_label) for s in samples] == [
        ("0.tar/0.jpg", 1, "validation", 0, 0),
        ("0.tar/1.jpg|dog", 1, "train", 1, -1),
        ("0.tar/1.jpg|cat", 0, "train", -1, -1),
    ]


def test_the_path_of_a_shard_tells_the_split_where_the_json_does_not(tmp_path: Path) -> None:
    for shard in ("train-0.tar", "val/0.tar", "x-test-0.tar"):
        stated = json.dumps({"label": 0, "split": "extra"}).encode()
        write_tar(tmp_path / shard, {"1.jpg": b"x", "1.cls": b"0", "2.jpg": b"x", "2.json": stated})
    assert [(one.key, one.split) for one in read(tmp_path)[1]] == [
        ("train-0.tar/1.jpg", "train"),
        ("train-0.tar/2.jpg", "extra"),
        ("val/0.tar/1.jpg", "validation"),
        ("val/0.tar/2.jpg", "extra"),
        ("x-test-0.tar/1.jpg", "test"),
        ("x-test-0.tar/2.jpg", "extra"),
    ]


def test_bad_samples_are_reported_and_the_others_kept(tmp_path: Path) -> None:
    members: list[tuple[str, bytes | str]] = [
        ("01.jpg", b"x"), ("01.cls", b"dog"),
        ("02.jpg", b""), ("02.cls", b"dog"),
        ("03.cls", b"dog"), ("03.txt", b"x"),
        ("04.jpg", b"x"), ("04.json", b"{"),
        ("05.jpg", b"x"), ("05.json", b'{"caption": "x"}'),
        ("06.jpg", "01.jpg"), ("06.cls", b"cat"),
        ("07.jpg", b"x"), ("07.json", b'{"label": "dog", "verification_label": 7}'),
        ("08\n.jpg", b"x"), ("08\n.cls", b"dog"),
        ("09\udcff.jpg", b"x"), ("09\udcff.cls", b"dog"),
        ("01.jpg", b"again"), ("01.cls", b"cat"),
        ("10.jpg", b"x"), ("10.json", b'{"label": "\\ud800"}'),
        ("README", b"x"),
        ("11.jpg", b"x"), ("11.cls", b"cat"),
    ]  # fmt: skip
    write_tar(tmp_path / "0.tar", members)
    names, samples, bad = read(tmp_path)
    assert names == ("cat", "dog")
    assert [one.key for one in samples] == ["0.tar/01.jpg", "0.tar/11.jpg"]
    assert problems(tmp_path, bad) == [
        "0.tar/02: empty picture: '02.jpg'",
        "0.tar/03: no picture: expected a .jpg, .png, ..., got cls, txt",
        "0.tar/04: corrupt json: '04.json': Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
        "0.tar/05: no label: the .json has no field given_label, label, class, class_name, class_label; it has "
        "caption; name one with --label-field",
        "0.tar/06: no picture: expected a .jpg, .png, ..., got cls, jpg (link to '01.jpg')",
        "0.tar/07: bad verification label: expected 1, 0 or -1, got '7'",
        r"0.tar/08\n: unusable name: it is not UTF-8 or holds control characters",
        r"0.tar/09\xff: unusable name: it is not UTF-8 or holds control characters",
        "0.tar: duplicate key: '0.tar/01.jpg' in split 'train' comes twice",
        "0.tar/10: unknown class: '\\ud800' is none of the 2 classes",
        "0.tar/README: no picture: expected a .jpg, .png, ..., got no ending",
    ]
    assert (bad.num_read, bad.num_bad) == (13, 11)


def test_samples_before_a_cut_are_kept_and_the_shard_is_one_bad_entry(tmp_path: Path) -> None:
    whole = img2dataset(tmp_path) / "00000.tar"
    whole.write_bytes(whole.read_bytes()[: 4 * 1024])  # within the .json of the second sample
    _, samples, bad = read(tmp_path)
    assert len(samples) == 1 + 3
    (problem,) = problems(tmp_path, bad)
    assert problem.startswith("00000.tar: unreadable shard: is cut off")
    with pytest.raises(TooManyBadRowsError, match=r"00000\.tar: unreadable shard: is cut off"):
        list(read_webdataset(tmp_path, BadRows()).samples)


def test_shards_that_cannot_be_read_are_reported_one_by_one(tmp_path: Path) -> None:
    plain = write_tar(tmp_path / "d.tar", {"1.jpg": b"x", "1.cls": b"a"}).read_bytes()
    (tmp_path / "a.tar").write_bytes(gzip.compress(plain))
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "c.tar").write_bytes(b"")
    (tmp_path / "e.tgz").write_bytes(b"")
    (tmp_path / "f\n.TAR").write_bytes(plain)
    (tmp_path / "notes.txt").write_bytes(b"")
    (tmp_path / ".h.tar").write_bytes(plain)
    _, samples, bad = read(tmp_path)
    assert [one.key for one in samples] == ["d.tar/1.jpg"]
    unpack = "unpack it to a plain .tar, in which members can be found"
    assert problems(tmp_path, bad) == [
        f"a.tar: unreadable shard: is compressed; {unpack} without reading the rest",
        f"b.tar.gz: compressed shard: {unpack}",
        "c.tar: unreadable shard: is no tar file, or damaged or cut off (empty file); fetch it again",
        f"e.tgz: compressed shard: {unpack}",
        r"f\n.TAR: unusable name: it is not UTF-8 or holds control characters; rename it",
    ]
    assert dict(bad.left_out) == {"no .tar file": 1, "hidden file": 1}


def test_too_many_bad_samples_stop_the_reader(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"1.jpg": b""})
    write_tar(tmp_path / "b.tar", {"1.jpg": b"x", "1.cls": b"a", "2.jpg": b"x", "2.cls": b"a"})
    few = BadRows(on_error="skip", max_bad=0.1, grace=3)
    with pytest.raises(TooManyBadRowsError, match=r"b\.tar: 1 of 3 rows are bad.*'empty picture'"):
        list(read_webdataset(tmp_path, few, class_names=["a"]).samples)


def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"1.jpg": b"x", "1.cls": b"a"})
    (tmp_path / "b.tar").symlink_to("nowhere.tar")
    assert problems(tmp_path, read(tmp_path)[2]) == ["b.tar: broken link"]


def test_nothing_is_reported_before_samples_are_asked_for(tmp_path: Path) -> None:
    (img2dataset(tmp_path) / "x.tar").write_bytes(b"no tar")
    bad = BadRows()
    samples = read_webdataset(tmp_path, bad).samples
    assert (bad.num_read, bad.num_bad, dict(bad.left_out)) == (0, 0, {})
    assert next(samples).key == "00000.tar/000000000.jpg"


def test_a_folder_without_shards_or_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"holds no \.tar shards \(no bad rows\); expected x\.jpg with x\.cls"):
        read(tmp_path)
    shard = write_tar(tmp_path / "0.tar", {})
    with pytest.raises(DataFileError, match=r"gives no samples \(no bad rows\)"):
        read(tmp_path)
    with pytest.raises(DataFileError, match=r"is a file; name the folder"):
        read(shard)
    with pytest.raises(DataFileError, match=r"does not exist"):
        read(tmp_path / "none")
