from pathlib import Path

import pytest

from noisette.data.datasets.shard_groups import ShardError, iter_groups
from noisette.types import BadRows
from tests.data.datasets.tar_shards import write_tar


def groups(path: Path, bad: BadRows | None = None) -> list[tuple[str, list[str]]]:
    return [(group.name, sorted(group.members)) for group in iter_groups(path, bad or BadRows())]


def test_adjacent_members_up_to_the_first_dot_are_a_group(tmp_path: Path) -> None:
    names = ["./a.b/1.JPG", "a.b/1.seg.png", "a.b/1.json", "2.jpg", "2", "1.jpg", "x/2.cls", "2.txt"]
    path = write_tar(tmp_path / "0.tar", [(name, b"") for name in names])
    assert groups(path) == [
        ("a.b/1", ["jpg", "json", "seg.png"]),
        ("2", ["", "jpg"]),
        ("1", ["jpg"]),
        ("x/2", ["cls"]),
        ("2", ["txt"]),
    ]


def test_a_member_that_comes_again_begins_a_group(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "0.tar", [(name, b"") for name in ("1.jpg", "1.cls", "1.jpg", "1.cls")])
    assert groups(path) == [("1", ["cls", "jpg"]), ("1", ["cls", "jpg"])]


def test_links_belong_to_the_group_they_are_in(tmp_path: Path) -> None:
    members: list[tuple[str, bytes | str]] = [("1.jpg", "9.jpg"), ("1.cls", b"0"), ("2.jpg", b""), ("3.jpg", "9.jpg")]
    found = list(iter_groups(write_tar(tmp_path / "0.tar", members), BadRows()))
    assert [(one.name, list(one.members), one.skipped) for one in found] == [
        ("1", ["cls"], {"jpg": "link to '9.jpg'"}),
        ("2", ["jpg"], {}),
        ("3", [], {"jpg": "link to '9.jpg'"}),
    ]


def test_hidden_members_are_left_out(tmp_path: Path) -> None:
    names = ["._1.jpg", "1.jpg", "./._1.json", "1.json", "a/.DS_Store", "__MACOSX/1.jpg", "__meta__", "__x__/1.jpg"]
    bad = BadRows()
    assert groups(write_tar(tmp_path / "0.tar", [(name, b"") for name in names]), bad) == [("1", ["jpg", "json"])]
    assert dict(bad.left_out) == {"hidden file": 6}


@pytest.mark.parametrize(
    ("names", "picture"),
    [
        (["1.jpg", "1.png"], "1.jpg"),
        (["1.mask.png", "1.jpg"], "1.jpg"),
        (["1.left.png", "1.right.png", "1.txt"], "1.left.png"),
        (["1.txt"], None),
        (["1.jpg.txt"], None),
        (["1"], None),
    ],
)
def test_the_picture_of_a_group(tmp_path: Path, names: list[str], picture: str | None) -> None:
    (group,) = iter_groups(write_tar(tmp_path / "0.tar", [(name, b"") for name in names]), BadRows())
    found = group.picture()
    assert (found.name if found else None) == picture


def test_groups_before_a_cut_come_and_the_last_is_marked(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "0.tar", [(name, b"x") for name in ("1.jpg", "1.cls", "2.jpg", "2.cls")])
    path.write_bytes(path.read_bytes()[: 3 * 1024 + 512])
    found = iter_groups(path, BadRows())
    assert [(one.name, one.is_last_of_cut) for one in (next(found), next(found))] == [("1", False), ("2", True)]
    with pytest.raises(ShardError, match=r"is cut off within member '2\.cls'"):
        next(found)


def test_a_shard_without_members_has_no_groups(tmp_path: Path) -> None:
    assert groups(write_tar(tmp_path / "0.tar", {})) == []
