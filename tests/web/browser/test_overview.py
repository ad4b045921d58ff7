from playwright.sync_api import Browser, Page, expect

from tests.web.browser.conftest import open_class, presses, serving, until
from tests.web.browser.fake_server import FakeData, make_app


def test_the_overview_shows_progress_queues_and_classes(page: Page, address: str, data: FakeData) -> None:
    for row in range(4):
        data.add(row, {"verdict": "wrong" if row == 0 else "correct", "client_id": str(row)}, "demo")
    page.goto(address)
    expect(page.locator("#headline")).to_have_text("4 labels checked")
    expect(page.locator("#lead")).to_contain_text("Of 1,797 pictures. Estimated share of wrong labels: 25")
    expect(page.locator("#bar")).to_have_attribute("aria-label", "3 correct, 1 wrong, 0 unsure, 1,793 not checked")
    expect(page.locator("a.queue")).to_have_count(3)
    expect(page.locator(".queue.idle")).to_contain_text("Disagreements")
    expect(page.locator(".class")).to_have_count(10)
    page.locator(".class", has_text="three").click()
    expect(page.locator("#class-name")).to_have_text("three")


def test_classes_are_found_by_name_and_sorted_by_error(page: Page, address: str, data: FakeData) -> None:
    row = int((data.given == 8).argmax())
    data.add(row, {"verdict": "wrong", "client_id": "a"}, "demo")
    page.goto(address)
    presses(page, "/")
    page.keyboard.type("SEV")
    expect(page.locator(".class")).to_have_count(1)
    expect(page.locator("#found")).to_have_text("1 class of 10")
    page.fill("#search", "")
    page.select_option("#sort", "error")
    expect(page.locator(".class .class-name").first).to_have_text("eight")


def test_a_thousand_classes_are_shown_and_narrowed(chromium: Browser) -> None:
    data = FakeData([f"class {number}" for number in range(1000)], 1000)
    page = chromium.new_page()
    with serving(make_app(data)) as address:
        page.goto(address)
        expect(page.locator(".class")).to_have_count(1000)
        page.fill("#search", "class 77")
        expect(page.locator(".class")).to_have_count(11)
        page.close()


def test_names_of_classes_are_text_wherever_they_are_shown(chromium: Browser) -> None:
    name = "<script>alert(1)</script>"
    data = FakeData([name, "<img src=x onerror=alert(2)>"], 40)
    data.given[:] = 0
    page = chromium.new_page()
    alerts: list[str] = []
    page.on("console", lambda line: alerts.append(line.text))
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    with serving(make_app(data)) as address:
        page.goto(address)
        expect(page.locator(".class .class-name").first).to_have_text(name)
        open_class(page, address, 0)
        expect(page.locator("#class-name")).to_have_text(name)
        expect(page.locator("#board-heading")).to_contain_text(name)
        presses(page, "/")
        expect(page.locator("#choose-list li").nth(1)).to_have_text("<img src=x onerror=alert(2)>")
        presses(page, "Escape", "1")
        expect(page.locator(".tile .caption").first).to_have_text("→ <img src=x onerror=alert(2)>")
        page.goto(f"{address}/queues/plan")
        expect(page.locator(".tile .caption").first).to_have_text(name)
        assert page.locator("main script, main img[src=x]").count() == 0
        page.close()
    assert alerts == []


def test_a_refit_runs_beside_and_says_what_changed(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 3)
    page.click("#refit-button")
    page.click("#refit-start")
    expect(page.locator("#refit-text")).to_have_text("Under way: scoring every label")
    page.keyboard.press("Escape")
    presses(page, "y")
    until(lambda: len(data.decisions) == 1, page, "a decision during the refit")
    page.click("#refit-button")
    expect(page.locator("#refit-changes")).to_contain_text("241 → 263")
    expect(page.locator("#refit-changes")).to_contain_text("Newly flagged31")
    expect(page.locator("#refit-start")).to_have_text("Refit again")


def test_exemplars_are_verified_first_and_can_be_pinned_and_rejected(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 3)
    tiles = page.locator(".exemplar")
    expect(tiles).to_have_count(6)
    expect(tiles.nth(0).locator("img")).to_have_attribute("alt", "Exemplar, verified")
    expect(tiles.nth(5).locator("img")).to_have_attribute("alt", "Exemplar, unverified")
    expect(page.locator("#exemplars-note")).to_have_text("Dashed: unverified.")
    tiles.nth(5).hover()
    tiles.nth(5).get_by_role("button", name="Pin this exemplar").click()
    expect(tiles.nth(0).locator("img")).to_have_attribute("alt", "Exemplar, unverified, pinned")
    tiles.nth(1).hover()
    tiles.nth(1).get_by_role("button", name="Not a good exemplar").click()
    until(lambda: sorted(data.exemplar_actions.values()) == ["pin", "reject"], page, "pin and reject")
