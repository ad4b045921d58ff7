"""Draw the picture of docs/review.md: the grid of `noisette review`, on the handwritten digits of the demo.

Command: noisette demo digits && python docs/draw_review_picture.py digits [docs/review.png]     (needs Chromium)

A copy of the demo's workspace is reviewed in a browser without a window: the first pictures of one class are answered
by what they truly show. The workspace itself is left as it is.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright
from sklearn.datasets import load_digits

from noisette.files import atomic_path

CLASS_ID, NUM_ANSWERED = 4, 10
SIZE: ViewportSize = {"width": 1280, "height": 760}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def draw(workspace: Path, path: Path) -> None:
    """Review a copy of the demo in `workspace`, write the page's picture to `path`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(workspace, Path(folder) / "digits")
        command = [sys.executable, "-m", "noisette", "review", "-w", str(copy), "--port", "0", "--json"]
        with subprocess.Popen([*command, "--reviewer", "Ada"], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                picture = _look(json.loads(server.stdout.readline())["url"])
            finally:
                server.terminate()
    # A palette is enough for ink on paper, and a third of the bytes.
    small = Image.open(io.BytesIO(picture)).convert("RGB").quantize(192, dither=Image.Dither.NONE)
    with atomic_path(path) as temporary:
        small.save(temporary, format="PNG", optimize=True)


def _look(url: str) -> bytes:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{url}classes/{CLASS_ID}")
        page.wait_for_selector(".tile.current")
        _answer(page)
        page.wait_for_timeout(1000)  # until all pictures are there and every answer is saved
        picture = page.screenshot()
        browser.close()
    return picture


def _answer(page: Page) -> None:
    """Press the key of the class that each of the first pictures truly shows."""
    truth = load_digits().target
    keys = page.evaluate("[...document.querySelectorAll('.tile')].map((tile) => tile.item.key)")
    for key in keys[:NUM_ANSWERED]:
        page.keyboard.press(str(truth[int(Path(key).stem)]))


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/review.png"))
