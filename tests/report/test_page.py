from __future__ import annotations

import dataclasses
import io
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.detection_metrics import expected_calibration_error
from noisette.report import ReportData, VerifierResult, render_report, write_report
from noisette.report.figures import calibration_error
from noisette.types import LabelScores
from tests.report.example import make_report

VOID = {"meta", "img", "br", "link", "input", "hr"}


class _Checker(HTMLParser):
    """Collects what a browser would choke on: tags left open, ids used twice, things loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [str(values["id"])] if "id" in values else []
        self.sources += [str(values[k]) for k in ("src", "href", "xlink:href", "action") if k in values]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def _check(page: str) -> _Checker:
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert not any(name.startswith("on") for _, values in checker.tags for name in values)
    assert all(source.startswith(("data:image/", "#")) for source in checker.sources)
    return checker


def test_the_page_is_whole_accessible_and_needs_nothing_else() -> None:
    page = render_report(make_report())
    checker = _check(page)
    references = re.findall(r"url\(#([^)]+)\)", page) + [s[1:] for s in checker.sources if s[0] == "#"]
    assert set(references) <= set(checker.ids)
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert not re.search(r"@import|<script|<link", page)
    assert not any("font-family" in svg for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    for tag, values in checker.tags:
        if tag == "img":
            assert values.get("alt")
        if tag == "svg":
            assert values.get("role") == "img"
            assert values.get("aria-label")
        if tag == "th":
            assert values.get("scope") in ("row", "col")
    assert page.count("<h1>") == 1
    assert page.count("<svg") == 5
    assert "#0101" not in page  # every marker colour became a variable


def test_the_first_screen_says_it_in_words() -> None:
    data = make_report()
    page = render_report(data)
    total = data.noise_rates.total
    assert total.low < total.value < total.high
    assert re.search(r"<h1>About <em>[\d,]+</em> of 360 labels are wrong\.</h1>", page)
    assert "with 95\N{NO-BREAK SPACE}% confidence" in page
    assert "120 labels were checked by people, in 4 of 6 classes" in page
    worst = data.class_names[int(np.nanargmax(data.noise_rates.rate))]
    assert re.search(rf'<ul class="worst">\s*<li><span class="name" title="{worst}">', page)
    assert '<code class="command">noisette review</code>' in page
    assert "The verdicts of cleannet are wrong for 6.1\N{NO-BREAK SPACE}%" in page


def test_names_from_the_data_never_become_markup() -> None:
    evil = "<script>alert('x')</script>"
    names = (evil, 'a"onload="x', "R&D $x_1$", "#010101 id=\"y\" url(#z)", "猫\nneko", "</style><b>")  # fmt: skip
    sample = dataclasses.replace(make_report().samples[0], key=evil)
    row = VerifierResult(name=evil, micro_error=0.1, scores=np.array([0.1, 0.9]), verification_labels=np.array([0, 1]))
    page = render_report(
        make_report(
            class_names=names,
            title=evil,
            notes=[evil],
            next_step=evil,
            next_reason=evil,
            samples=[sample],
            evaluation=[row],
            settings={evil: evil},
            versions={evil: evil},
            score_name=evil,
        )
    )
    _check(page)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("</style>") == 1
    assert "R&amp;D $x_1$" in page
    assert "猫 neko" in page


def test_the_same_data_give_the_same_bytes_whatever_the_settings_of_the_machine(tmp_path: Path) -> None:
    first = render_report(make_report())
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "axes.facecolor": "red", "text.usetex": False}):
        assert render_report(make_report()) == first
    write_report(tmp_path / "a" / "index.html", make_report())
    write_report(tmp_path / "b" / "other.html", make_report())
    assert (tmp_path / "a" / "index.html").read_bytes() == (tmp_path / "b" / "other.html").read_bytes()
    assert (tmp_path / "a" / "index.html").read_text(encoding="utf-8") == first
    assert str(tmp_path) not in first
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["index.html"]


@pytest.mark.parametrize("num_classes", [1, 2, 1000])
def test_few_and_many_classes(num_classes: int) -> None:
    data = make_report(num_classes, size=20, verified_classes=min(num_classes, 30), num_verified=20)
    page = render_report(data)
    _check(page)
    if num_classes == 1000:
        assert "The 20 classes with the highest estimated share of wrong labels, of 1,000." in page
        assert "The 30 worst of 1,000 classes." in page


def test_without_verification_labels_it_says_so() -> None:
    data = make_report(verified_classes=0, notes=["no verification labels: nothing bounds these numbers"])
    page = render_report(data)
    _check(page)
    assert re.search(r"<h1>Perhaps <em>[\d,]+</em> of 360 labels are wrong", page)
    assert "No label has been checked by people yet." in page
    assert "Check about twenty labels in each of a few classes" in page
    assert '<p class="note">no verification labels' in page
    assert "a guess" in page
    assert "Can the probabilities be trusted" not in page


def _ranking_only() -> ReportData:
    data = make_report(verified_classes=0, threshold=None, model_quality=None, per_class_error=None, samples=())
    unknown = np.full(data.num_samples, np.nan)
    scores = LabelScores(
        given_label=data.label_scores.given_label,
        score=data.label_scores.score,
        label_quality=unknown,
        is_label_issue=np.zeros(data.num_samples, dtype=bool),
        suggested_label=np.full(data.num_samples, -1),
        suggested_probability=unknown,
        none_probability=unknown,
        sample_weight=np.ones(data.num_samples),
    )
    rates = dataclasses.replace(
        data.noise_rates,
        rate=np.full(6, np.nan),
        source=("not known",) * 6,
        total=dataclasses.replace(data.noise_rates.total, value=float("nan")),
    )
    return dataclasses.replace(data, label_scores=scores, noise_rates=rates)


def test_a_verifier_that_only_ranks() -> None:
    page = render_report(_ranking_only())
    _check(page)
    assert "labels are ranked by suspicion, and none is judged yet" in page
    assert "not checked, not judged" in page
    assert "No class is known to have wrong labels" in page
    assert "nan" not in re.sub(r"<svg.*?</svg>|base64,[^\"]+", "", page, flags=re.DOTALL).lower()


def test_without_pictures_the_most_suspicious_are_a_table() -> None:
    page = render_report(make_report(images=False))
    assert "<img" not in page
    assert 'scope="row">pictures/' in page


def test_a_picture_that_cannot_be_read_leaves_its_place_empty() -> None:
    samples = list(make_report().samples[:3])
    samples[1] = dataclasses.replace(samples[1], image=b"not a picture")
    page = render_report(make_report(samples=samples))
    _check(page)
    assert page.count('aria-label="picture could not be read"') == 1


def test_size_and_time_for_ten_thousand_samples() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    data = make_report(100, size=100, verified_classes=50, num_verified=50)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")  # pure noise: nothing compresses worse
    data = dataclasses.replace(data, samples=[dataclasses.replace(s, image=buffer.getvalue()) for s in data.samples])
    start = time.process_time()
    page = render_report(data)
    assert time.process_time() - start < 10
    assert len(page.encode()) < 3_000_000


def test_parts_that_do_not_fit_are_named() -> None:
    data = make_report()
    with pytest.raises(ShapeError, match=r"`per_class_error` of the report must have shape \(6,\), got \(2,\)"):
        render_report(dataclasses.replace(data, per_class_error=np.zeros(2)))
    with pytest.raises(ShapeError, match=r"`verification_labels` of the report must have shape \(360,\)"):
        render_report(dataclasses.replace(data, verification_labels=np.zeros(3, dtype=int)))
    with pytest.raises(InvalidInputError, match="verifier 'a': give `scores` and `verification_labels`, or neither"):
        render_report(dataclasses.replace(data, evaluation=[VerifierResult(name="a", scores=np.zeros(2))]))
    row = VerifierResult(name="a", scores=np.zeros(2), verification_labels=np.zeros(3, dtype=int))
    with pytest.raises(ShapeError, match="verifier 'a': `scores` and `verification_labels` must have one length"):
        render_report(dataclasses.replace(data, evaluation=[row]))


def test_the_calibration_error_counts_labels_by_their_weights() -> None:
    data = make_report()
    weights = np.where(data.verification_labels == 0, 100.0, 1.0)
    plain, weighted = (
        calibration_error(data),
        calibration_error(dataclasses.replace(data, verification_weights=weights)),
    )
    rows = data.verification_labels >= 0
    assert data.model_quality is not None
    assert plain == expected_calibration_error(data.model_quality[rows], data.verification_labels[rows])
    assert weighted > plain
    with pytest.raises(ShapeError, match="`verification_weights` of the report"):
        render_report(dataclasses.replace(data, verification_weights=weights[1:]))
