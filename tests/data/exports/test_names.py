from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.data.exports.names import MAX_BYTES, distinct, file_stems, safe_name, safe_names, split_names

NASTY = [
    "a/b",
    "a\\b",
    "..",
    ".",
    "",
    " ",
    ".git",
    "con",
    "CON.txt",
    "LPT¹",
    "name.",
    "name ",
    "Name",
    "tab\there",
    "nul\x00",
    "half \ud800",
    "é" * 300,
    "x" * 300,
    "x" * 301,
    'who?"<>|*:',
]
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in "0123456789¹²³")}


def assert_takes(name: str) -> None:
    assert name
    assert not re.search(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*]', name)
    assert name == name.strip(" ").rstrip(".")
    assert not name.startswith(".")
    assert name.split(".")[0].lower() not in RESERVED
    assert len(name.encode()) <= MAX_BYTES


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_name_becomes_one_that_every_system_takes(text: str) -> None:
    assert_takes(safe_name(text))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=250))
def test_any_text_becomes_a_name_and_a_name_stays_itself(text: str) -> None:
    name = safe_name(text)
    assert_takes(name)
    assert safe_name(name) == name


@pytest.mark.parametrize("text", ["zebra", "crème brûlée", "n01440764", "犬", "a.b", "-x", "Old English sheepdog"])
def test_a_good_name_stays_as_it_is(text: str) -> None:
    assert safe_name(text) == text


def test_names_that_would_meet_on_some_system_are_told_apart() -> None:
    composed, apart = "é", "e\u0301"
    texts = ["a/b", "a_b", "Apple", "apple", composed, apart, "straße", "STRASSE", "other"]
    names = safe_names(texts)
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(folded) == len(texts)
    assert names[-1] == "other"
    # A name depends on its own text and on there being a like one, not on their order.
    assert safe_names(texts[::-1]) == names[::-1]


def test_names_that_look_like_the_digits_added_are_told_apart_too() -> None:
    first = distinct(["x", "x"], ["1", "2"])[0]
    names = distinct(["x", "x", first], ["1", "2", "3"])
    assert len(set(names)) == 3


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("aAbB/_.", max_size=4), unique=True, max_size=20))
def test_no_two_are_alike(texts: list[str]) -> None:
    names = safe_names(texts)
    assert len({name.casefold() for name in names}) == len(texts)


def test_splits_become_words() -> None:
    assert split_names(["train", "noisy-1", "noisy 1", "größe"]).keys() == {"train", "noisy-1", "noisy 1", "größe"}
    names = list(split_names(["train", "noisy-1", "noisy 1", "größe"]).values())
    assert names[0] == "train"
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in names)


def test_stems_leave_out_split_and_class_and_ending() -> None:
    keys = ["train/bun/1.jpg", "bun/sub/1.JPEG", "1.jpg", "bun", "x/bun/1.png", "train/bun/v1.2", "./a//b.jpg"]
    assert file_stems(keys, [("train", "bun")] * len(keys)) == ["1", "sub_1", "1", "bun", "x_bun_1", "v1.2", "a_b"]
    assert file_stems(["../../etc/passwd.png", "con.jpg"], [("train", "x")] * 2) == ["_._.._etc_passwd", "_con"]
