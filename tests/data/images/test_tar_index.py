import gzip
import io
import tarfile
from pathlib import Path

import pytest

from noisette.data.images.tar_index import TarMember, iter_tar_members
from noisette.errors import DataFileError

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def add(archive: tarfile.TarFile, name: str, data: bytes, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    archive.addfile(info, io.BytesIO(data))


def write(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for name, data in files.items():
            add(archive, name, data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    return {name: data[offset : offset + size] for name, offset, size in iter_tar_members(path)}


def until_error(path: Path) -> tuple[list[str], str]:
    """Names of the members that came, and what was wrong then."""
    names = []
    try:
        for member in iter_tar_members(path):
            names.append(member.name)
    except DataFileError as error:
        return names, error.reason
    return names, ""


FILES = {"a/1.jpg": b"x" * 700, "2.jpg": b"", "a/3.jpg": b"z"}


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_the_bytes_of_every_member_are_where_the_index_says(tmp_path: Path, form: int) -> None:
    path = write(tmp_path / "a.tar", FILES, form)
    assert contents(path) == FILES
    assert next(iter_tar_members(path)) == TarMember("a/1.jpg", 512, 700)


ODD = {"é 漢字.jpg": b"1", "a b|c::d.jpg": b"2", "line\nbreak.jpg": b"3", "not utf-8 \udcff.jpg": b"4"}


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_odd_names_come_as_they_are(tmp_path: Path, form: int) -> None:
    assert contents(write(tmp_path / "a.tar", ODD, form)) == ODD


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_come_whole(tmp_path: Path, form: int) -> None:
    files = {f"{'deep/' * 80}{number}.jpg": bytes([number]) * 10 for number in range(3)}
    files["x" * 150 + ".jpg"] = b"no slash to cut at"
    assert contents(write(tmp_path / "a.tar", files, form)) == files


def test_folders_are_passed_over_and_links_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "folder", b"", tarfile.DIRTYPE)
        add(archive, "folder/a.jpg", b"a")
        add(archive, "soft.jpg", b"", tarfile.SYMTYPE, "folder/a.jpg")
        add(archive, "hard.jpg", b"", tarfile.LNKTYPE, "folder/a.jpg")
        add(archive, "pipe.jpg", b"", tarfile.FIFOTYPE)
        add(archive, "b.jpg", b"b")
    skipped: list[tuple[str, str]] = []
    members = list(iter_tar_members(path, on_skipped=lambda *what: skipped.append(what)))
    assert [member.name for member in members] == ["folder/a.jpg", "b.jpg"]
    assert skipped == [
        ("soft.jpg", "link to 'folder/a.jpg'"),
        ("hard.jpg", "link to 'folder/a.jpg'"),
        ("pipe.jpg", "device"),
    ]


def test_a_tar_without_members_is_whole(tmp_path: Path) -> None:
    assert contents(write(tmp_path / "a.tar", {})) == {}


@pytest.mark.parametrize(
    ("size", "names", "reason"),
    [
        (100, [], "is no tar file, or damaged or cut off (truncated header); fetch it again"),
        (512, [], "is cut off within member '1.jpg'; fetch it again"),
        (512 + 599, [], "is cut off within member '1.jpg'; fetch it again"),
        (512 + 600, ["1.jpg"], "is no tar file, or damaged or cut off (unexpected end of data); fetch it again"),
        (1536, ["1.jpg"], "is cut off at byte 1536: it has no end mark; fetch it again"),
        (1536 + 100, ["1.jpg"], "is cut off at byte 1536: it has no end mark; fetch it again"),
        (2048 + 3, ["1.jpg"], "is cut off within member '2.jpg'; fetch it again"),
    ],
)
def test_members_before_a_cut_come_and_the_cut_is_named(
    tmp_path: Path, size: int, names: list[str], reason: str
) -> None:
    path = write(tmp_path / "a.tar", {"1.jpg": b"x" * 600, "2.jpg": b"y" * 10})
    path.write_bytes(path.read_bytes()[:size])
    assert until_error(path) == (names, reason)


def test_a_header_that_is_overwritten_does_not_end_the_tar_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", {"1.jpg": b"x", "2.jpg": b"y", "3.jpg": b"z"})
    data = bytearray(path.read_bytes())
    data[1024:1100] = b"?" * 76
    path.write_bytes(data)
    names, reason = until_error(path)
    assert (names, reason) == (
        ["1.jpg"],
        "is damaged at byte 1024: there is no header of a member; fetch it again",
    )


def test_a_tar_behind_another_is_not_lost_in_silence(tmp_path: Path) -> None:
    first = write(tmp_path / "a.tar", {"1.jpg": b"x"}).read_bytes()
    (tmp_path / "b.tar").write_bytes(first + write(tmp_path / "c.tar", {"2.jpg": b"y"}).read_bytes())
    names, reason = until_error(tmp_path / "b.tar")
    assert names == ["1.jpg"]
    assert reason.startswith("goes on after its end mark at byte 1024; join tars with tar --concatenate")


def test_a_negative_size_does_not_send_the_reader_round_for_ever(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.size = -1024
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    names, reason = until_error(tmp_path / "a.tar")
    assert names == []
    assert "damaged" in reason


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_compressed_tar_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(write(tmp_path / "plain.tar", FILES).read_bytes()))
    with pytest.raises(DataFileError, match=r"a\.tar(\.gz)?: is compressed; unpack it to a plain \.tar"):
        list(iter_tar_members(tmp_path / name))


def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no tar\n" * 200, encoding="utf-8")
    (tmp_path / "empty.tar").write_bytes(b"")
    assert until_error(tmp_path / "text.tar")[1].startswith("is no tar file, or damaged or cut off (")
    assert until_error(tmp_path / "empty.tar")[1].startswith("is no tar file, or damaged or cut off (empty file)")
    assert until_error(tmp_path / "none.tar")[1] == "does not exist; check the path"
    assert until_error(tmp_path)[1] == "is a folder; name a tar file"


def test_a_long_tar_is_indexed_without_keeping_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tar", {f"{number}.jpg": b"" for number in range(500)})
    kept: list[int] = []
    following = tarfile.TarFile.next

    def count(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        kept.append(len(archive.getmembers()) if archive._loaded else len(archive.members))  # type: ignore[attr-defined]
        return following(archive)

    monkeypatch.setattr(tarfile.TarFile, "next", count)
    assert len(list(iter_tar_members(path))) == 500
    assert max(kept) <= 1
