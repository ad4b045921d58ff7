from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noisette.data.datasets import shard_index
from noisette.data.datasets.shard_index import ShardIndex
from noisette.data.images.tar_index import TarMember, iter_tar_members
from noisette.data.rows import BadRowError
from tests.data.datasets.tar_shards import write_tar


def problem(index: ShardIndex, shard: str, member: str) -> str:
    with pytest.raises(BadRowError) as error:
        index.find(shard, member)
    return f"{error.value.kind}: {error.value.detail}"


def test_members_are_found_by_name(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "s/0.tar", [("./a/1.jpg", b"old"), ("2.jpg", b"two"), ("./a/1.jpg", b"new")])
    found = ShardIndex(tmp_path).find("s/0.tar", "a/1.jpg")
    assert path.read_bytes()[found.offset : found.offset + found.size] == b"new"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write_tar(tmp_path / "0.tar", [("1.jpg", b"x" * 600), ("./link.jpg", "1.jpg"), ("2.jpg", b"y")])
    (tmp_path / "cut.tar").write_bytes((tmp_path / "0.tar").read_bytes()[:2560])
    index = ShardIndex(tmp_path)
    assert problem(index, "0.tar", "3.jpg") == "no such member: '3.jpg' is not in '0.tar'"
    assert problem(index, "0.tar", "link.jpg") == "member is no file: 'link.jpg' in '0.tar' is a link to '1.jpg'"
    assert problem(index, "none.tar", "1.jpg") == "unreadable shard: 'none.tar' does not exist; check the path"
    assert index.find("cut.tar", "1.jpg").size == 600
    assert problem(index, "cut.tar", "2.jpg") == (
        "no such member: '2.jpg' is not in 'cut.tar'; the shard is cut off within member '2.jpg'; fetch it again"
    )


def test_only_the_shards_used_last_are_kept_and_each_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard in "abc":
        write_tar(tmp_path / f"{shard}.tar", {"1": b"", "2": b""})
    reads: list[str] = []

    def counted(path: Path, *, on_skipped: Callable[[str, str], None]) -> Iterator[TarMember]:
        reads.append(path.stem)
        return iter_tar_members(path, on_skipped=on_skipped)

    monkeypatch.setattr(shard_index, "iter_tar_members", counted)
    index = ShardIndex(tmp_path, most_members=4)
    for shard in "ababacacab":
        index.find(f"{shard}.tar", "1")
    assert reads == ["a", "b", "c", "b"]
    tiny = ShardIndex(tmp_path, most_members=1)
    for shard in "aab":
        tiny.find(f"{shard}.tar", "2")
    assert reads[4:] == ["a", "b"]
