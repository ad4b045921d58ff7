import pytest
from PIL import Image

from noisette.data.datasets.file_names import PICTURE_ENDINGS, is_hidden, is_picture, is_usable, printable


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.b.Png", "x/a.webp", "漢字.tif", "a .bmp", ".png.gif"])
def test_pictures_are_known_by_their_ending(name: str) -> None:
    assert is_picture(name)


@pytest.mark.parametrize("name", ["jpg", "a.txt", "a.jpg.part", "a.jpg/readme", "a.", "", "a.json"])
def test_other_files_are_no_pictures(name: str) -> None:
    assert not is_picture(name)


def test_every_ending_is_one_that_pillow_reads() -> None:
    Image.init()
    readable = {ending[1:] for ending, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    assert PICTURE_ENDINGS - readable <= {"avif", "avifs", "qoi"}  # newer Pillows
    assert set("jpg jpeg png ppm bmp pgm tif tiff webp".split()) < PICTURE_ENDINGS  # those of ImageFolder


def test_files_of_the_system_are_hidden() -> None:
    assert all(map(is_hidden, (".DS_Store", "._a.jpg", ".", "Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX")))
    assert not any(map(is_hidden, ("a.jpg", "_a.jpg", "__init__", "")))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\tb\x7f", r"a\tb\x7f"),
        ("\udcffa", r"\xffa"),
        ("a\u2028\x85", r"a\u2028\x85"),
        ("\ud800", r"\ud800"),
    ],
)
def test_names_that_no_list_can_hold_are_printed_with_escapes(name: str, shown: str) -> None:
    assert not is_usable(name)
    assert printable(name) == shown


@pytest.mark.parametrize("name", ["a b", "é漢字\u3000\xa0", "\\", "a|b,c'\""])
def test_any_other_name_is_usable_and_printed_as_it_is(name: str) -> None:
    assert is_usable(name)
    assert printable(name) == name
