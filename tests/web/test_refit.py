import shutil
import time
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from noisette.pipeline.detect import detect
from noisette.pipeline.review import ReviewSession
from noisette.pipeline.review_refit import Refit, refit_changes
from noisette.pipeline.review_scores import ReviewScores
from noisette.pipeline.workspace import Workspace
from noisette.web.app import make_app
from tests.pipeline.conftest import files, workspace
from tests.web.conftest import BASE, WRITES, Page

__all__ = ["files", "workspace"]
DEADLINE = 180


def finished(page: Page) -> Any:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = page.get("/api/refit")
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError("the refit did not end")


def test_a_refit_says_what_changed_and_keeps_what_was_decided_meanwhile(workspace: Workspace) -> None:
    detect(workspace)
    session = ReviewSession(workspace, "host")
    with TestClient(make_app(session), base_url=BASE) as client:
        page = Page(workspace, session, client)
        assert page.get("/api/refit")["state"] == "idle"
        flagged = [item["id"] for item in page.get("/api/grid", queue="suspicious", only="open")["items"]]
        known = len(page.stored())
        for row in flagged[:5]:
            page.decide(row, "correct", queue="suspicious")
        assert client.post("/api/refit", json={}, headers=WRITES).status_code == 202
        second = client.post("/api/refit", json={}, headers=WRITES)
        assert (second.status_code, second.json()) == (409, {"error": "a refit is running already"})
        during = page.decide(flagged[6], "none", queue="suspicious")["decision_id"]
        assert page.get("/api/refit")["state"] == "running"
        done = finished(page)
        assert (done["state"], done["error"]) == ("done", None)
        changes = done["changes"]
        difference = changes["newly_flagged"] - changes["no_longer"]
        assert changes["flagged_after"] - changes["flagged_before"] == difference
        assert changes["no_longer"] >= 5  # a person has found them correct
        assert changes["error_before"] is not None
        assert changes["error_after"] is not None
        assert session.scores is not None
        assert not session.scores.is_flagged[flagged[:5]].any()
        assert len(page.stored()) == known + 6
        item = page.get("/api/grid", class_id=int(session.samples.given[flagged[6]]), limit=200)["items"]
        assert {one["id"]: one for one in item}[flagged[6]]["decision_id"] == during


def test_a_refit_that_fails_says_why_and_the_page_goes_on(workspace: Workspace) -> None:
    shutil.rmtree(workspace.features)
    session = ReviewSession(workspace, "host")
    with TestClient(make_app(session), base_url=BASE) as client:
        page = Page(workspace, session, client)
        assert client.post("/api/refit", json={}, headers=WRITES).status_code == 202
        found = finished(page)
        assert (found["state"], found["changes"]) == ("failed", None)
        assert "features/imported is not there yet" in found["error"]
        page.decide(1)


def test_a_process_that_dies_is_told_as_failed(workspace: Workspace) -> None:
    refit = Refit(workspace, lambda: None, lambda: None)
    assert refit.start()
    refit.stop()
    refit.wait(DEADLINE)
    assert refit.status()["state"] == "failed"
    assert "exit code" in refit.status()["error"]


def scores(flagged: list[bool], error: float | None) -> ReviewScores:
    size = len(flagged)
    nothing, none = np.full(size, np.nan, np.float32), np.full(size, -1, np.int8)
    flags = np.array(flagged, dtype=np.bool_)
    return ReviewScores(nothing, nothing, flags, none.astype(np.int32), nothing, none, none, error)


@pytest.mark.parametrize("error", [None, float("nan")])
def test_changes_are_counted_by_sample(error: float | None) -> None:
    found = refit_changes(scores([True, True, False], 0.5), scores([True, False, True], error))
    assert found == {
        "flagged_before": 2,
        "flagged_after": 2,
        "newly_flagged": 1,
        "no_longer": 1,
        "error_before": 0.5,
        "error_after": None,
    }


def test_the_first_fit_of_all_changes_from_nothing() -> None:
    found = refit_changes(None, scores([True, False], 0.1))
    assert found is not None
    assert (found["flagged_before"], found["newly_flagged"], found["error_before"]) == (0, 1, None)
    assert refit_changes(scores([True], 0.1), None) is None
