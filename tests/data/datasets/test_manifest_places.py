from pathlib import Path

import pytest

from noisette.data.datasets.manifest_places import ManifestPlaces
from noisette.data.images.uris import Piece, parse_uri
from noisette.data.rows import BadRowError
from tests.data.datasets.tar_shards import write_tar


def problem(places: ManifestPlaces, **cells: object) -> str:
    with pytest.raises(BadRowError) as error:
        places.find(cells)
    return f"{error.value.kind}: {error.value.detail}"


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("cat/1.jpg", "cat/1.jpg"),
        ("./cat//1.jpg", "cat/1.jpg"),
        ("../far/1.jpg", "../far/1.jpg"),
        ("cat\\x\\1.jpg", "cat/x/1.jpg"),
        (" a, b|c.jpg ", " a, b|c.jpg "),
        ("/elsewhere/1.jpg", "/elsewhere/1.jpg"),
        ("a\\" + "x" * 300, "a/" + "x" * 300),
    ],
)
def test_paths_become_relative_posix_paths(tmp_path: Path, cell: str, path: str) -> None:
    assert ManifestPlaces(tmp_path).find({"path": cell}) == (path, path)


def test_a_file_that_has_a_backslash_in_its_name_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "a\\b.jpg").write_bytes(b"")
    assert ManifestPlaces(tmp_path).find({"path": "a\\b.jpg"})[1] == "a\\b.jpg"


def test_absolute_paths_below_the_root_become_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    monkeypatch.chdir(tmp_path)
    for places in (ManifestPlaces(root), ManifestPlaces(link), ManifestPlaces(Path("root"))):
        assert places.find({"path": f"{root}/cat/1.jpg"})[1] == "cat/1.jpg"
    assert ManifestPlaces(link).find({"path": f"{link}/1.jpg"})[1] == "1.jpg"
    assert ManifestPlaces(root).find({"path": f"{root}x/1.jpg"})[1] == f"{root}x/1.jpg"


def test_a_key_column_names_the_sample(tmp_path: Path) -> None:
    assert ManifestPlaces(tmp_path).find({"path": "1.jpg", "key": 17}) == ("17", "1.jpg")


def test_members_of_shards(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "s/0.tar", {"./a::b.jpg": b"bytes"})
    places = ManifestPlaces(tmp_path)
    for shard in ("s/0.tar", str(path)):
        key, uri = places.find({"shard": shard, "member": "./a::b.jpg"})
        piece = parse_uri(uri)
        assert isinstance(piece, Piece)
        assert (key, piece.name, piece.path) == ("s/0.tar/a::b.jpg", "a::b.jpg", "s/0.tar")
        assert path.read_bytes()[piece.offset : piece.offset + piece.size] == b"bytes"
    assert problem(places, shard="s/0.tar", member="b.jpg") == "no such member: 'b.jpg' is not in 's/0.tar'"
    assert problem(places, shard="s/1.tar", member="b.jpg").startswith("unreadable shard: 's/1.tar' does not exist")


BAD = {
    "empty": ({"path": " "}, "empty path: "),
    "none": ({"path": None}, "empty path: "),
    "here": ({"path": "./"}, "empty path: "),
    "address": ({"path": "http://x.org/1.jpg"}, "web address for a path: 'http://x.org/1.jpg'; fetch the images"),
    "our own form": ({"path": "tar://1+2/a::/etc/passwd"}, "web address for a path: "),
    "control": ({"path": "a\0.jpg"}, "unusable path: 'a\\x00.jpg' is not UTF-8 or holds control characters"),
    "key": ({"path": "a.jpg", "key": ""}, "empty key: "),
    "odd key": ({"path": "a.jpg", "key": "a\nb"}, "unusable key: "),
    "shard": ({"shard": "", "member": "a"}, "empty shard: "),
    "member": ({"shard": "0.tar", "member": ""}, "empty member: "),
}


@pytest.mark.parametrize(("cells", "message"), BAD.values(), ids=BAD)
def test_rows_that_name_no_place(tmp_path: Path, cells: dict[str, object], message: str) -> None:
    assert problem(ManifestPlaces(tmp_path), **cells).startswith(message)
