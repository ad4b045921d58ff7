"""A Chromium without a window, and servers for its pages."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("fastapi", reason="the pages need the extra `web`")
pytest.importorskip("playwright", reason="the pages are tried with Playwright, which is not installed")

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.web.browser.fake_server import FakeData, make_app

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 20.0


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium once."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: the pages of the review are not tried")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an app from a thread; give its address."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([held],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.fixture
def data() -> FakeData:
    """Give made-up data that a test may change before and while it is served."""
    return FakeData()


@pytest.fixture
def address(data: FakeData) -> Iterator[str]:
    """Serve the made-up data."""
    with serving(make_app(data)) as found:
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Give a person's browser: its pages share what they keep, and no page may complain in its console."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_S * 1000)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Give an empty page of that browser."""
    return context.new_page()


def until(holds: Callable[[], bool], page: Page, what: str) -> None:
    """Wait until something holds; the page goes on meanwhile."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE_S:.0f} s in vain: {what}"
        page.wait_for_timeout(20)


def open_class(page: Page, address: str, label: int) -> None:
    """Open the grid of a class and wait for its first picture."""
    page.goto(f"{address}/classes/{label}")
    page.wait_for_selector(".tile.current")


def presses(page: Page, *keys: str) -> None:
    """Press keys one after another."""
    for key in keys:
        page.keyboard.press(key)


def review_as(page: Page, name: str) -> None:
    """Put a name behind "Reviewing as", and go back to the grid."""
    page.click("#reviewer-button")
    page.fill("#reviewer-input", name)
    page.keyboard.press("Enter")
    expect(page.locator("#reviewer-name")).to_have_text(name)  # the dialog tells of its end a moment later
    page.focus(".tile.current")
