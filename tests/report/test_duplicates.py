from __future__ import annotations

import re

from noisette.report import render_report
from tests.report.example import make_duplicates, make_report

HEADING = "The same picture under different labels"


def section(page: str) -> str:
    start = page.index("<h2>The same picture")
    return page[start : page.index("</section>", start)]


def test_pictures_under_different_labels_are_shown_with_keys_and_labels() -> None:
    part = section(render_report(make_report(duplicates=make_duplicates())))
    assert "1,234 samples show 600 pictures" in part
    assert "a cosine of 0.99 or more" in part
    assert "7 of them have a duplicate in another of train, validation and test" in part
    assert "2 pictures carry different labels" in part
    assert part.count("<tbody>") == 2
    assert part.count("<img") == 3
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", part)[1:]]
    assert rows[0] == ["class", "0", "a/1.png", "train"]
    assert rows[1] == ["class", "1", "b/1.png", "train", "checked:", "correct"]
    assert rows[2] == ["class", "0", "→", "class", "2", "c/9.png", "test", "corrected"]


def test_without_conflicts_there_is_a_number_and_no_table() -> None:
    found = make_duplicates(num_conflicting=0, conflicts=[], num_across_splits=0, num_pictures=1, num_samples=2)
    part = section(render_report(make_report(duplicates=found)))
    assert "2 samples show 1 picture that comes more than once" in part
    assert "different labels" not in part
    assert "train, validation" not in part


def test_without_duplicates_there_is_no_section() -> None:
    for found in (None, make_duplicates(num_samples=0, conflicts=[])):
        assert "<h2>The same picture" not in render_report(make_report(duplicates=found))


def test_names_of_duplicates_never_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    (first, second, _), _ = make_duplicates().conflicts
    object.__setattr__(first, "key", evil)
    page = render_report(make_report(duplicates=make_duplicates(conflicts=[[first, second]])))
    assert evil not in page
    assert "&lt;script&gt;" in section(page)


def test_what_neighbours_say_stands_with_each_suspicious_label() -> None:
    for images in (True, False):
        assert "8 of 10 neighbours are class 1" in render_report(make_report(images=images))
