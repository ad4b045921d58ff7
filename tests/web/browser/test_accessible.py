"""What an accessibility checker would ask, by hand: names, contrast, one tab stop in the grid, keyboard alone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import noisette.web
from tests.web.browser.conftest import open_class, presses, until
from tests.web.browser.fake_server import FakeData

STYLE = Path(noisette.web.__path__[0]) / "static" / "base.css"
TEXT, PART = 4.5, 3.0  # WCAG 2.2 AA: text, and parts that carry meaning
PAIRS = [
    *(("ink", on, TEXT) for on in ("page", "surface", "accent-soft")),
    *(("muted", on, TEXT) for on in ("page", "surface", "accent-soft")),
    *((name, on, TEXT) for name in ("accent", "wrong") for on in ("page", "surface", "accent-soft")),
    *((name, "page", TEXT) for name in ("correct", "none", "unsure")),
    *(("on-state", on, TEXT) for on in ("correct", "wrong", "none", "unsure")),
    ("on-accent", "accent", TEXT),
    ("page", "ink", TEXT),
    *(("edge", on, PART) for on in ("page", "surface")),
    *((name, "open", PART) for name in ("correct", "wrong")),
]
NAMELESS = """() => [...document.querySelectorAll(
    "a, button, input, select, [role=option], [role=listbox], [tabindex], dialog")]
  .filter((e) => e.getAttribute("tabindex") !== "-1" || e.getAttribute("role") === "option")
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length
    || document.getElementById(e.getAttribute("aria-labelledby"))))
  .map((e) => e.outerHTML)"""
SMALL = """() => [...document.querySelectorAll("a, button, input, select")].filter((e) => e.checkVisibility())
  .map((e) => [e.id || e.textContent, e.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && box.left >= 0 && (box.width < 24 || box.height < 24) && box.height > 0)
  .map(([name, box]) => `${name} ${box.width} x ${box.height}`)
  .filter((words) => !words.startsWith("letters "))"""


def _palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    return dict(zip(("light", "dark"), found, strict=True))


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_follows_the_formula() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_the_palette_has_the_contrast_of_wcag_aa(scheme: str, text: str, ground: str, least: float) -> None:
    colors = _palettes()[scheme]
    assert _contrast(colors[text], colors[ground]) >= least


@pytest.mark.parametrize("path", ["/", "/classes/3", "/queues/plan"])
def test_everything_that_can_be_used_has_a_name_and_a_size(page: Page, address: str, path: str) -> None:
    page.goto(address + path)
    page.wait_for_selector(".class, .tile.current")
    page.wait_for_selector(".class, .exemplar")
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(SMALL) == []
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.evaluate("[...document.images].filter((i) => !i.hasAttribute('alt')).length") == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_the_grid_is_one_tab_stop_that_tells_what_is_in_it(page: Page, address: str) -> None:
    open_class(page, address, 3)
    assert page.locator("#tiles [tabindex='0']").count() == 1
    expect(page.locator(".tile.current")).to_be_focused()
    expect(page.locator(".tile.current")).to_have_attribute("aria-label", re.compile("Picture 1, labelled three, open"))
    presses(page, "n")
    expect(page.locator(".tile").first).to_have_attribute("aria-label", re.compile("labelled three, wrong"))
    expect(page.locator("#status")).to_have_text("Picture 1: wrong")
    expect(page.locator(".tile.current")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.querySelector('.tile.current .picture')).boxShadow")
    assert outline != "none"


def test_a_person_gets_from_the_overview_to_a_decision_by_keyboard_alone(
    page: Page, address: str, data: FakeData
) -> None:
    page.goto(address)
    page.wait_for_selector("a.queue")
    for _ in range(12):
        presses(page, "Tab")
        if page.evaluate("document.activeElement.classList.contains('queue')"):
            break
    presses(page, "Enter")
    expect(page.locator(".tile.current")).to_be_focused()
    presses(page, "y")
    until(lambda: len(data.decisions) == 1, page, "a decision")
    presses(page, "?")
    expect(page.locator("#help-close")).to_be_focused()
    presses(page, "y", "Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    assert len(data.decisions) == 1


def test_single_keys_can_be_switched_off(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 3)
    page.click("[data-command=help]")
    page.uncheck("#letters")
    presses(page, "Escape", "y", "n", "3")
    page.click("[data-command=unsure]")
    until(lambda: len(data.decisions) == 1, page, "a decision by button")
    assert data.decisions[0].verdict == "unsure"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (768, 1024), (390, 844), (320, 640)])
def test_no_page_is_wider_than_the_screen(chromium: Browser, address: str, width: int, height: int) -> None:
    page = chromium.new_page(viewport={"width": width, "height": height})
    for path in ("/", "/classes/3", "/queues/plan"):
        page.goto(address + path)
        page.wait_for_selector(".class, .tile.current")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_motion_stops_for_who_asks_for_it(chromium: Browser, address: str) -> None:
    page = chromium.new_page(reduced_motion="reduce")
    page.goto(f"{address}/classes/3")
    page.wait_for_selector(".tile.current")
    assert page.evaluate("getComputedStyle(document.getElementById('meter-done')).transitionDuration") == "0s"
    page.close()
