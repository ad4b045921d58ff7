from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from noisette.errors import InvalidInputError, ShapeError
from noisette.heads import correlation, shared_covariance
from noisette.report import ClassConfusions, class_confusions, render_report
from noisette.report.confusions import confusion_words
from noisette.types import Float64Array
from tests.report.example import make_report


def names(size: int) -> list[str]:
    return [f"class {i}" for i in range(size)]


def blocks(size: int, seed: int = 0) -> tuple[Float64Array, list[int]]:
    """Make a covariance of pairs of classes in random places; give it and the place of each class's partner."""
    order = np.random.default_rng(seed).permutation(size)
    covariance = np.eye(size) * 2
    partner = [0] * size
    for a, b in zip(order[::2].tolist(), order[1::2].tolist(), strict=True):
        covariance[a, b] = covariance[b, a] = 1.5
        partner[a], partner[b] = b, a
    return covariance, partner


def chances(size: int, seed: int = 0) -> Float64Array:
    found = np.random.default_rng(seed).random((size, size)) / size**2
    np.fill_diagonal(found, 0)
    return found + found.T


def made(size: int = 8, **options: Any) -> ClassConfusions:
    chance = chances(size)
    options = {"disagreement": chance, "label_noise": chance / 4} | options
    return class_confusions(blocks(size)[0], names(size), **options)


def test_classes_with_like_noise_stand_side_by_side() -> None:
    covariance, partner = blocks(20)
    found = class_confusions(covariance, names(20))
    order = [int(name.split()[1]) for name in found.class_names]
    assert sorted(order) == list(range(20))
    assert all(partner[a] == b for a, b in zip(order[::2], order[1::2], strict=True))
    wanted = correlation(shared_covariance(covariance))[np.ix_(order, order)]
    np.testing.assert_array_equal(found.correlation, wanted)


def test_of_many_classes_those_of_the_most_confused_pairs_are_shown() -> None:
    chance = chances(90)
    chance[70, 80] = chance[80, 70] = 0.3
    found = class_confusions(np.eye(90), names(90), disagreement=chance, max_classes=10)
    assert len(found.class_names) in (9, 10)
    assert {"class 70", "class 80"} <= set(found.class_names)
    assert found.pairs[0].names == ("class 70", "class 80")
    assert found.num_classes == 90
    assert f"The map shows the {len(found.class_names)} classes of the most confused pairs, of 90." in confusion_words(
        found
    )


def test_pairs_are_ordered_by_chance_where_it_is_known_else_by_shared_covariance() -> None:
    covariance, chance = blocks(8)[0], chances(8)
    by_chance = class_confusions(covariance, names(8), disagreement=chance, label_noise=chance / 2, max_pairs=5)
    assert by_chance.are_chances
    assert [pair.value for pair in by_chance.pairs] == sorted(chance[np.triu_indices(8, 1)], reverse=True)[:5]
    assert all(pair.label_noise == pair.value / 2 for pair in by_chance.pairs)
    assert by_chance.differ == pytest.approx(chance.sum() / 2)
    assert by_chance.differ_by_noise == pytest.approx(chance.sum() / 4)
    by_noise = class_confusions(covariance, names(8))
    assert not by_noise.are_chances
    assert np.isnan(by_noise.differ)
    assert by_noise.pairs[0].value == pytest.approx(
        shared_covariance(covariance).max(initial=0, where=~np.eye(8, dtype=bool))
    )


def test_noise_of_several_labels_a_sample_is_taken_as_it_is() -> None:
    covariance = np.array([[4.0, 2.0], [2.0, 4.0]])
    found = class_confusions(covariance, ["a", "b"], multilabel=True)
    assert found.correlation.tolist() == [[1, 0.5], [0.5, 1]]
    assert found.pairs[0].value == 2
    assert "Fewer than four classes" not in confusion_words(found)
    assert class_confusions(covariance, ["a", "b"]).correlation.tolist() == [[1, 0], [0, 1]]


def test_it_is_said_in_words() -> None:
    chance = np.zeros((4, 4))
    chance[0, 1] = chance[1, 0] = 0.044
    chance[2, 3] = chance[3, 2] = 0.0012
    found = class_confusions(np.eye(4), ["cat", "dog", "car", "ship"], disagreement=chance, label_noise=chance / 4)
    said = confusion_words(dataclasses.replace(found, pairs=found.pairs[:2])).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "Two labels of one sample would most often be cat and dog (4.4 %), and car and ship (0.12 %). They would "
        "differ for 4.5 % of all samples; 25 % of that is noise of the labels, as the classifier sees it."
    )
    no_chance = class_confusions(np.eye(3), ["cat", "dog", "car"], max_pairs=1)
    assert confusion_words(no_chance) == (
        "Their noise ties most closely cat and dog. Fewer than four classes cannot tell correlated noise from noise of "
        "unequal size: the map is 0."
    )


def test_the_page_has_the_section_only_where_something_is_known() -> None:
    heading = "<h2>Which classes are confused</h2>"
    assert heading not in render_report(make_report())
    assert heading not in render_report(make_report(confusions=class_confusions([[1.0]], ["only"])))
    page = render_report(make_report(confusions=made()))
    assert heading in page
    assert page.count("<svg") == 6
    assert render_report(make_report(confusions=made())) == page


def test_parts_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match="`class_names` must have 4 names"):
        class_confusions(np.eye(4), ["a"])
    with pytest.raises(ShapeError, match=r"`label_noise` must have shape \(4, 4\), got \(3, 3\)"):
        class_confusions(np.eye(4), names(4), label_noise=np.eye(3))
    with pytest.raises(ShapeError, match=r"`disagreement` must have shape \(4, 4\)"):
        class_confusions(np.eye(4), names(4), disagreement=np.eye(3))
    with pytest.raises(InvalidInputError, match="`covariance` must be finite"):
        class_confusions(np.full((4, 4), np.nan), names(4))
