"""People at the real page: `noisette review` as a process of its own, Chromium, and what the store holds afterwards."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sklearn.datasets import load_digits

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.settings import DetectSettings, Settings
from noisette.pipeline.workspace import Workspace, open_workspace
from noisette.store import StoredReview
from noisette.types import NONE_OF_THE_CLASSES, NOT_KNOWN, Review
from tests.web.browser.conftest import FLAGS, open_class, presses, review_as, until

SCRIPT = "<script>alert(1)</script>"
NAMES = ("zero", SCRIPT, "two", "three")
STALE_S = 30.0
LOADED = "[...document.querySelectorAll('.tile img')].every((image) => image.complete)"


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace of digits in four classes, one picture in six mislabelled, with features and scores."""
    root = tmp_path_factory.mktemp("review")
    images, truth = load_digits(n_class=4, return_X_y=True)
    given = np.where(np.arange(truth.size) % 6 == 0, (truth + 1) % 4, truth)
    (root / "pictures").mkdir()
    lines = ["path,given_label,verification_label"]
    for number, (pixels, label) in enumerate(zip(images.reshape(-1, 8, 8), given, strict=True)):
        ink = np.uint8(255) - (pixels * (255 / 16)).astype(np.uint8)
        path = root / "pictures" / f"{number:04d}.png"
        Image.fromarray(ink).resize((64, 64), Image.Resampling.NEAREST).save(path)
        lines.append(f"pictures/{path.name},{NAMES[label]},{int(label == truth[number]) if number % 8 == 0 else -1}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    settings = Settings(detect=DetectSettings(verifier="auto", candidates=("average", "filtering"))).with_options(
        project={"title": "Four digits"}, embed={"backbone": "pixels"}
    )
    source = ImageSource(manifest=root / "manifest.csv", classes=root / "names.txt")
    create_from_images(root / "workspace", source, settings)
    workspace = open_workspace(root / "workspace")
    embed(workspace)
    detect(workspace)
    return root


@pytest.fixture
def workspace(digits: Path, tmp_path: Path) -> Workspace:
    """Give a workspace of one's own."""
    shutil.copytree(digits, tmp_path / "copy")
    return open_workspace(tmp_path / "copy" / "workspace")


@contextmanager
def reviewing(workspace: Workspace) -> Iterator[str]:
    """Run the command; give the page's address. It is ended as by Ctrl-C."""
    command = [sys.executable, "-m", "noisette", "review", "-w", str(workspace.root), "--port", "0", "--json"]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "--reviewer", "host"], stdout=subprocess.PIPE, text=True, env=settings) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"].rstrip("/")
        finally:
            server.terminate()
            server.wait(STALE_S)


def _rows(workspace: Workspace) -> list[StoredReview]:
    with workspace.reviews() as store:
        return [row for row in store.since(0, 10_000) if row.review.queue != "import"]


def _standing(workspace: Workspace) -> list[Review]:
    rows = _rows(workspace)
    undone = {row.undoes for row in rows}
    return [row.review for row in rows if row.undoes is None and row.id not in undone]


def _saved(page: Page) -> Callable[[], bool]:
    unsent = "Object.keys(localStorage).filter((name) => name.startsWith('noisette.unsent')).length"
    return lambda: page.evaluate(unsent) == 0


def _first_ids(page: Page, number: int) -> list[int]:
    ids = page.evaluate("[...document.querySelectorAll('.tile')].map((tile) => tile.item.id)")
    return [int(name) for name in ids[:number]]


def test_a_person_checks_fifty_pictures_with_keys_undoes_two_closes_the_browser_and_comes_back(
    chromium: Browser, workspace: Workspace, tmp_path: Path
) -> None:
    def open_browser() -> BrowserContext:
        return chromium.browser_type.launch_persistent_context(
            tmp_path / "profile",
            executable_path=shutil.which("chromium"),
            args=FLAGS,
            viewport={"width": 1280, "height": 800},
        )

    with reviewing(workspace) as address:
        browser = open_browser()
        page = browser.pages[0]
        open_class(page, address, 2)
        for number in range(50):
            presses(page, "ynxu3"[number % 10 % 5] if number % 10 < 5 else "y")
        presses(page, "z", "Control+z")
        browser.close()  # in mid-grid, with decisions perhaps still on their way

        browser = open_browser()
        page = browser.pages[0]
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        open_class(page, address, 2)
        until(_saved(page), page, "all decisions saved")
        assert len(_standing(workspace)) == 48
        page.reload()
        expect(page.locator(".tile.current")).to_have_attribute("data-state", "open")
        presses(page, "y", "y")
        until(_saved(page), page, "two more decisions")
        browser.close()

    standing = _standing(workspace)
    assert len(standing) == 50
    assert len({row.client_id for row in standing}) == 50
    assert 50 <= sum(row.undoes is None for row in _rows(workspace)) <= 52
    assert len({row.key for row in standing}) == 50
    assert {row.reviewer for row in standing} == {"host"}
    assert {row.given_label for row in standing} == {2}
    said = [(row.verification_label, row.correct_label) for row in standing]
    assert said[:5] == [(1, -1), (0, -1), (0, -2), (-1, -1), (0, 3)]
    assert all(row.seconds is not None and 0 <= row.seconds < 60 for row in standing)
    assert all(row.model_quality is not None for row in standing)
    _check_export(workspace)


def _check_export(workspace: Workspace) -> None:
    """Compare `noisette labels export` with what each person at the page said of each sample."""
    path = workspace.root / "labels.csv"
    command = [sys.executable, "-m", "noisette", "labels", "export", str(path), "-w", str(workspace.root)]
    subprocess.run([*command, "--every-reviewer"], check=True, capture_output=True)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["queue"] != "import"]
    names = {**dict(enumerate(NAMES)), NOT_KNOWN: "-1", NONE_OF_THE_CLASSES: "-2"}
    found = {(row["key"], row["reviewer"]): (row["verification_label"], row["correct_label"]) for row in rows}
    said = {(r.key, r.reviewer): (str(r.verification_label), names[r.correct_label]) for r in _standing(workspace)}
    assert found == said
    assert len(rows) == len(said)


def test_two_people_at_once_lose_nothing_and_see_each_other(chromium: Browser, workspace: Workspace) -> None:
    with reviewing(workspace) as address:
        pages = [chromium.new_context(viewport={"width": 1280, "height": 800}).new_page() for _ in range(2)]
        for page, name in zip(pages, ("Ánna", "Ben"), strict=True):
            open_class(page, address, 3)
            review_as(page, name)
        ids = _first_ids(pages[0], 20)
        assert _first_ids(pages[1], 20) == ids
        presses(pages[1], *["ArrowRight"] * 9)
        for _ in range(10):  # both decide on the tenth picture
            presses(pages[0], "y")
            presses(pages[1], "n")
        for page in pages:
            until(_saved(page), page, "all decisions saved")
            expect(page.locator("#progress-text")).to_contain_text(_checked_words(19, workspace))
        for page in pages:
            page.context.close()
    rows = [row.review for row in _rows(workspace)]
    assert sorted(row.reviewer for row in rows) == ["Ben"] * 10 + ["Ánna"] * 10
    assert len({(row.key, row.reviewer) for row in rows}) == 20
    assert len({row.key for row in rows}) == 19
    _check_export(workspace)


def _checked_words(more: int, workspace: Workspace) -> str:
    """Give the words of the page when `more` pictures of class 3 are checked beyond those of the file."""
    with workspace.reviews() as store:
        before = sum(r.given_label == 3 and r.queue == "import" and r.verification_label >= 0 for r in store.reviews())
    return f"{before + more} of "


def test_a_refit_keeps_what_is_decided_meanwhile_and_shows_what_changed(
    chromium: Browser, workspace: Workspace
) -> None:
    with reviewing(workspace) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        open_class(page, address, 0)
        presses(page, *"yynyn")
        page.click("#refit-button")
        page.click("#refit-start")
        expect(page.locator("#refit-text")).to_contain_text("Under way")
        presses(page, "Escape")
        page.focus(".tile.current")
        presses(page, *"nny")
        until(_saved(page), page, "decisions during the refit")
        page.click("#refit-button")
        expect(page.locator("#refit-changes")).to_contain_text("Newly flagged", timeout=180_000)
        page.context.close()
    rows = [row.review for row in _rows(workspace)]
    assert [row.verification_label for row in rows] == [1, 1, 0, 1, 0, 0, 0, 1]
    _check_export(workspace)


def test_the_rest_is_decided_by_one_request_and_taken_back_by_one(chromium: Browser, workspace: Workspace) -> None:
    with reviewing(workspace) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        open_class(page, address, 2)
        presses(page, "n")
        until(lambda: bool(page.evaluate(LOADED)), page, "the pictures")
        page.wait_for_timeout(300)
        presses(page, "r", "Enter")
        until(_saved(page), page, "the rest")
        number = len(_standing(workspace)) - 1
        assert number > 5
        presses(page, "z")
        until(_saved(page), page, "the undo")
        expect(page.locator(".tile:not([data-state=open])")).to_have_count(1)
        page.context.close()
    assert [url.removeprefix(f"{address}/api/") for url in sent] == ["decisions", "decisions/bulk", "undo"]
    assert [row.verification_label for row in _standing(workspace)] == [0]
    assert len(_rows(workspace)) == 1 + 2 * number


def test_a_class_whose_name_is_a_script_is_text(chromium: Browser, workspace: Workspace) -> None:
    with reviewing(workspace) as address:
        page = chromium.new_page()
        alerts: list[str] = []
        page.on("dialog", lambda dialog: alerts.append(dialog.message))
        page.goto(address)
        expect(page.locator(".class .class-name").nth(1)).to_have_text(SCRIPT)
        open_class(page, address, 1)
        expect(page.locator("h1")).to_have_text(SCRIPT)
        expect(page).to_have_title(f"{SCRIPT} · Four digits · Noisette")
        presses(page, "2", "s")
        expect(page.locator(".tile .caption").first).to_have_text("→ two")
        expect(page.locator("#hint")).to_contain_text("P(correct)")
        expect(page.locator(".exemplar").first).to_be_visible()
        page.goto(f"{address}/queues/suspicious")
        expect(page.locator(".tile.current")).to_be_visible()
        page.context.close()
    assert alerts == []
