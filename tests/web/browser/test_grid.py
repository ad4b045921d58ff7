import json
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web.browser.conftest import open_class, presses, review_as, serving, until
from tests.web.browser.fake_server import FakeData, make_app


def _states(data: FakeData, label: int) -> dict[int, tuple[str, int | None]]:
    rows = [data.item(int(row)) for row in np.flatnonzero(data.given == label)]
    return {row["id"]: (row["state"], row["correct_label"]) for row in rows if row["state"] != "open"}


def test_each_key_makes_its_decision(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 3)
    first = np.flatnonzero(data.given == 3)[:6].tolist()
    presses(page, "y", "n", "x", "u", "8", "3")
    until(lambda: len(data.decisions) == 6, page, "six decisions")
    found = [_states(data, 3)[row] for row in first]
    assert found == [
        ("correct", None),
        ("wrong", None),
        ("none", None),
        ("unsure", None),
        ("wrong", 8),
        ("correct", None),
    ]
    expect(page.locator("#progress-text")).to_have_text("6 of 179 pictures checked, 3 wrong")


def test_the_right_class_is_found_by_typing(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 3)
    presses(page, "/")
    page.keyboard.type("SE")
    expect(page.locator("#choose-list [aria-selected=true]")).to_have_text("seven")
    presses(page, "Enter")
    until(lambda: len(data.decisions) == 1, page, "a decision")
    assert data.decisions[0].verdict == "wrong"
    assert data.decisions[0].correct_label == 7
    expect(page.locator(".tile .caption").first).to_have_text("→ seven")


def test_a_range_is_decided_together_and_undone_together(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 1)
    presses(page, "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "n")
    until(lambda: len(data.decisions) > 0, page, "the range")
    number = len(data.decisions)
    assert number == 3 + int(
        page.evaluate("getComputedStyle(document.getElementById('tiles')).gridTemplateColumns.split(' ').length")
    )
    assert len({decision.client_id for decision in data.decisions}) == 1
    presses(page, "Control+z")
    until(lambda: len(data.undone) == number, page, "the undo")
    assert data.undo_requests == 1
    assert _states(data, 1) == {}
    expect(page.locator(".tile[data-state=wrong]")).to_have_count(0)


def test_rest_is_correct_names_the_number_and_takes_only_what_was_on_screen(
    page: Page, address: str, data: FakeData
) -> None:
    open_class(page, address, 2)
    loaded = "[...document.querySelectorAll('.tile img')].every((image) => image.complete)"
    until(lambda: bool(page.evaluate(loaded)), page, "the pictures")
    presses(page, "n")
    page.wait_for_timeout(200)
    presses(page, "r")
    words = page.locator("#confirm-text")
    expect(words).to_contain_text("open pictures that you have had on screen")
    number = int(words.locator("b").inner_text().split()[0])
    presses(page, "Escape")
    assert len(data.decisions) <= 1
    presses(page, "r", "Enter")
    until(lambda: len(data.decisions) == 1 + number, page, "the rest")
    on_screen = page.evaluate(
        "[...document.querySelectorAll('.tile')].filter((t) => t.getBoundingClientRect().top < innerHeight).length"
    )
    assert 5 < number < on_screen <= 60
    assert {decision.verdict for decision in data.decisions[1:]} == {"correct"}


def test_the_suggestion_is_hidden_until_asked_for_and_can_be_accepted(page: Page, address: str, data: FakeData) -> None:
    wrong = int(np.flatnonzero((data.given == 3) & (data.truth != 3))[0])
    place = np.flatnonzero(data.given == 3).tolist().index(wrong)
    open_class(page, address, 3)
    presses(page, *["ArrowRight"] * place)
    expect(page.locator("#hint")).to_be_empty()
    presses(page, "a")
    presses(page, "s")
    expect(page.locator("#hint")).to_contain_text("P(correct) 8.0")
    presses(page, "a")
    until(lambda: len(data.decisions) == 1, page, "a decision")
    assert data.decisions[0].correct_label == data.truth[wrong]


def test_the_queue_of_suspicious_labels_shows_suggestions_at_once(page: Page, address: str) -> None:
    page.goto(f"{address}/queues/suspicious")
    expect(page.locator("#hint")).to_contain_text("P(correct)")
    expect(page.locator("#kicker")).to_have_text("Most suspicious")


def test_a_lost_connection_is_shown_and_loses_nothing(
    page: Page, address: str, data: FakeData, context: BrowserContext
) -> None:
    open_class(page, address, 4)
    context.set_offline(True)
    presses(page, "y", "n", "y")
    expect(page.locator("#connection")).to_contain_text("No connection. 3 decisions kept here")
    assert data.decisions == []
    context.set_offline(False)
    until(lambda: len(data.decisions) == 3, page, "the three decisions")
    expect(page.locator("#connection")).to_be_empty()


def test_unsent_decisions_outlive_the_page_and_are_sent_with_the_same_token(
    page: Page, address: str, data: FakeData, context: BrowserContext
) -> None:
    open_class(page, address, 4)
    data.trouble = 503
    presses(page, "n", "y", "y", "z")
    expect(page.locator("#connection")).to_contain_text("kept here")
    kept = page.evaluate(
        "Object.entries(localStorage).filter(([k]) => k.startsWith('noisette.unsent')).map(([, v]) => v)"
    )
    tokens = {entry["client_id"] for entry in map(json.loads, kept)}
    page.close(run_before_unload=False)
    data.trouble = 0
    again = context.new_page()
    open_class(again, address, 4)
    until(lambda: len(data.decisions) == 2, again, "what was left")
    assert {decision.client_id for decision in data.decisions} == tokens
    assert [decision.verdict for decision in data.decisions] == ["wrong", "correct"]


def test_a_decision_whose_answer_was_lost_is_not_doubled(page: Page, address: str, data: FakeData) -> None:
    bodies: list[Any] = []

    def swallow_first(route: Any) -> None:
        bodies.append(route.request.post_data_json)
        if len(bodies) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/decisions", swallow_first)
    open_class(page, address, 5)
    presses(page, "y")
    until(lambda: len(bodies) == 2, page, "the second attempt")
    expect(page.locator("#connection")).to_be_empty()
    assert bodies[0]["client_id"] == bodies[1]["client_id"]
    assert len(data.decisions) == 1


def test_an_undo_of_a_decision_that_is_still_under_way_waits_for_its_number(
    page: Page, address: str, data: FakeData
) -> None:
    open_class(page, address, 5)
    data.trouble = 500
    presses(page, "n")
    expect(page.locator("#connection")).to_contain_text("1 decision kept here")
    presses(page, "z")
    data.trouble = 0
    until(lambda: data.undone == {1}, page, "the undo")
    assert _states(data, 5) == {}
    expect(page.locator(".tile[data-state=wrong]")).to_have_count(0)


def test_one_right_class_for_many_is_undone_by_one_request(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 1)
    presses(page, "Shift+ArrowRight", "Shift+ArrowRight", "7")
    until(lambda: len(data.decisions) == 3, page, "three decisions")
    presses(page, "z")
    until(lambda: len(data.undone) == 3, page, "the undo")
    expect(page.locator(".tile:not([data-state=open])")).to_have_count(0)
    expect(page.locator(".tile.pending")).to_have_count(0)
    assert {data.decisions[number - 1].correct_label for number in data.undone} == {7}
    assert data.undo_requests == 1


def test_undo_leaves_alone_what_another_person_decided(page: Page, address: str, data: FakeData) -> None:
    row = int(np.flatnonzero(data.given == 3)[0])
    data.add(row, {"verdict": "wrong", "client_id": "theirs"}, "Ben")
    open_class(page, address, 3)
    page.select_option("#show", "all")
    page.focus(".tile.current")
    presses(page, "Home", "z")
    expect(page.locator("#status")).to_have_text("Not undone: this decision is somebody else's")
    expect(page.locator(".tile").first).to_have_attribute("data-state", "wrong")
    expect(page.locator(".tile.pending")).to_have_count(0)
    assert data.undone == set()


def test_undo_goes_back_over_ones_own_decisions_when_the_reviewer_changes(
    page: Page, address: str, data: FakeData
) -> None:
    open_class(page, address, 3)
    presses(page, "n")
    until(lambda: len(data.decisions) == 1, page, "the first decision")
    review_as(page, "Ben")
    presses(page, "x")
    until(lambda: len(data.decisions) == 2, page, "Ben's decision")
    presses(page, "z", "z")
    until(lambda: data.undone == {2}, page, "the undo")
    expect(page.locator("#status")).to_have_text("There is nothing to undo.")
    assert _states(data, 3) == {int(np.flatnonzero(data.given == 3)[0]): ("wrong", None)}


def test_after_coming_back_ones_own_decision_on_the_current_picture_is_undone(
    page: Page, address: str, data: FakeData
) -> None:
    open_class(page, address, 3)
    presses(page, "n")
    until(lambda: len(data.decisions) == 1, page, "the decision")
    page.reload()
    page.wait_for_selector(".tile.current")
    page.select_option("#show", "all")
    page.focus(".tile.current")
    presses(page, "Home", "z")
    until(lambda: data.undone == {1}, page, "the undo")
    expect(page.locator(".tile").first).to_have_attribute("data-state", "open")


def test_a_refused_decision_is_said_and_not_sent_again(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 6)
    data.trouble = 409
    presses(page, "n")
    expect(page.locator("#status")).to_have_text("A decision was not taken: Trouble, made on purpose.")
    data.trouble = 0
    page.wait_for_timeout(600)
    assert data.decisions == []
    expect(page.locator(".tile[data-state=wrong]")).to_have_count(0)


def test_what_others_decide_appears(chromium: Browser, address: str, data: FakeData) -> None:
    pages = [chromium.new_context().new_page() for _ in range(2)]
    for page, name in zip(pages, ("Ánna", "Ben"), strict=True):
        open_class(page, address, 7)
        review_as(page, name)
    presses(pages[0], "n", "y")
    expect(pages[1].locator(".tile").first).to_have_attribute("data-state", "wrong")
    expect(pages[1].locator("#progress-text")).to_have_text("2 of 175 pictures checked, 1 wrong")
    presses(pages[1], "ArrowRight", "ArrowRight", "x")
    expect(pages[0].locator(".tile").nth(2)).to_have_attribute("data-state", "none")
    assert [decision.reviewer for decision in data.decisions] == ["%C3%81nna", "%C3%81nna", "Ben"]
    for page in pages:
        page.context.close()


def test_looking_closer_keeps_the_keys(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 8)
    presses(page, " ")
    expect(page.locator("#zoom-dialog")).to_be_visible()
    presses(page, "y", "n")
    until(lambda: len(data.decisions) == 2, page, "two decisions")
    expect(page.locator("#zoom-text")).to_contain_text("3 of")
    presses(page, "Escape")
    expect(page.locator("#zoom-dialog")).to_be_hidden()
    presses(page, "y")
    until(lambda: len(data.decisions) == 3, page, "a third decision")


def test_a_queue_without_pictures_says_so_and_leads_on(page: Page, address: str, data: FakeData) -> None:
    for row in range(0, data.size, 9):
        data.add(row, {"verdict": "correct", "client_id": "all"}, "demo")
    page.goto(f"{address}/queues/plan")
    expect(page.locator("#empty")).to_contain_text("No suggestion is left. “noisette plan” draws new ones.")
    expect(page.locator("#board-heading")).to_have_text("Suggested next")
    expect(page.locator(".exemplars")).to_be_hidden()
    page.select_option("#show", "all")
    expect(page.locator(".exemplars")).to_be_visible()
    page.select_option("#show", "open")
    page.click("#empty a")
    expect(page.locator(".class")).to_have_count(10)


def test_the_end_of_a_class_leads_on_and_pictures_are_counted_over_all_pages(
    page: Page, address: str, data: FakeData
) -> None:
    open_class(page, address, 8)
    number = int((data.given == 8).sum())
    assert number > 120
    expect(page.locator("#more")).to_contain_text(f"120 of {number} loaded")
    expect(page.locator(".tile").first).to_have_attribute("aria-setsize", str(number))
    presses(page, " ")
    expect(page.locator("#zoom-text")).to_contain_text(f"1 of {number}")
    expect(page.locator("#zoom-image")).to_have_class("tiny")
    presses(page, "Escape", "End", "End")
    expect(page.locator("#more")).to_contain_text(f"That is all: {number} pictures.")
    expect(page.locator("#more a")).to_have_attribute("href", "/")


def test_what_is_said_of_a_wrong_label_stands_under_the_picture(page: Page, address: str, data: FakeData) -> None:
    page.goto(f"{address}/queues/plan")
    page.wait_for_selector(".tile.current")
    presses(page, "n", "x")
    name = data.names[data.given[0]]
    expect(page.locator(".tile .caption").first).to_have_text(f"not {name}")
    expect(page.locator(".tile .caption").nth(1)).to_have_text("none of the classes")


def test_who_has_no_keys_leaves_every_dialog_by_a_button(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 8)
    for opens, leaves in (
        ("[data-command=choose]", "#choose-cancel"),
        ("#reviewer-button", "#reviewer-cancel"),
        ("#refit-button", "#refit-close"),
        ("[data-command=zoom]", "#zoom-close"),
        ("[data-command=help]", "#help-close"),
    ):
        page.click(opens)
        expect(page.locator("dialog[open]")).to_have_count(1)
        page.click(leaves)
        expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#reviewer-name")).to_have_text("demo")
    assert data.decisions == []


def test_taps_mark_wrong_pictures_and_take_the_mark_back(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 8)
    page.click("[data-command=tap]")
    page.locator(".tile").nth(2).click()
    until(lambda: len(data.decisions) == 1, page, "the tap")
    page.locator(".tile").nth(2).click()
    until(lambda: data.undone == {1}, page, "the second tap")
    assert data.decisions[0].verdict == "wrong"


def _place_after_end(page: Page) -> int:
    presses(page, "End")
    return int(page.locator(".tile.current").get_attribute("aria-posinset") or 0)


def test_ten_thousand_pictures_keep_few_elements(chromium: Browser) -> None:
    many = FakeData(["all", "other"], 12_000)
    many.given[:] = 0
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    with serving(make_app(many)) as address:
        open_class(page, address, 0)
        until(lambda: _place_after_end(page) > 1000, page, "a thousand pictures")
        assert page.locator(".tile").count() < 120
        presses(page, "y")
        until(lambda: len(many.decisions) == 1, page, "a decision far down")
        page.close()


def test_a_refused_permission_is_said_and_nothing_is_dropped(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 6)
    data.trouble = 401
    presses(page, "n")
    expect(page.locator("#connection")).to_contain_text(
        "Open the address that the server printed. 1 decision kept here"
    )
    data.trouble = 0
    until(lambda: len(data.decisions) == 1, page, "the decision")


def test_undo_reaches_back_over_a_change_of_what_is_shown(page: Page, address: str, data: FakeData) -> None:
    open_class(page, address, 6)
    presses(page, "n")
    until(lambda: len(data.decisions) == 1, page, "the decision")
    page.select_option("#show", "all")
    expect(page.locator(".tile").first).to_have_attribute("data-state", "wrong")
    page.focus(".tile.current")
    presses(page, "z")
    until(lambda: data.undone == {1}, page, "the undo")
    expect(page.locator(".tile").first).to_have_attribute("data-state", "open")


def test_a_write_names_its_workspace(page: Page, address: str) -> None:
    open_class(page, address, 6)
    with page.expect_request("**/api/decisions") as asked:
        presses(page, "n")
    assert asked.value.headers["x-noisette-workspace"] == "fake"
