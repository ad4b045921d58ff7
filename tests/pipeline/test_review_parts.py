"""Parts of the review that need no page: estimates, transactions, thumbnails on disk, the board against the store."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.errors import DataFileError, InvalidInputError
from noisette.pipeline.review_audit import AuditDraws
from noisette.pipeline.review_board import STATES, ReviewBoard
from noisette.pipeline.review_errors import class_error, total_error
from noisette.pipeline.review_exemplars import Exemplars
from noisette.pipeline.review_samples import ReviewSamples
from noisette.pipeline.review_thumbnails import ThumbnailCache
from noisette.pipeline.review_writer import DecisionWriter
from noisette.pipeline.workspace import Workspace
from noisette.scores.intervals import wilson_interval
from noisette.store import ReviewStore
from noisette.types import Review
from tests.web.conftest import make_workspace

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def a_review(key: str, token: str, **more: Any) -> Review:
    return replace(
        Review(key=key, given_label=0, verification_label=1, reviewer="ann", time=NOW, queue="class", client_id=token),
        **more,
    )


@pytest.mark.parametrize(
    ("verdicts", "size", "audit", "expected"),
    [
        ((0, 0), 0, (0, 0), None),
        ((0, 0), 10, (0, 0), None),
        ((5, 4), 10, (0, 0), None),
        ((5, 5), 10, (0, 0), (0.5, 0.5, 0.5)),
        ((10, 0), 10, (10, 0), (0.0, 0.0, 0.0)),
        ((9, 1), 10**6, (10, 1), (0.1, *(float(end) for end in wilson_interval(1, 10)))),
        ((80, 20), 100, (10, 5), (0.2, 0.2, 0.2)),
    ],
)
def test_the_error_of_a_class_by_its_random_draw_and_by_what_is_certain(
    verdicts: tuple[int, int], size: int, audit: tuple[int, int], expected: tuple[float, float, float] | None
) -> None:
    found = class_error(verdicts, size, audit)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found["value"], found["low"], found["high"]) == pytest.approx(expected, abs=1e-6)


def test_draws_of_one_chance_weigh_the_same_whatever_it_is() -> None:
    for chance in (1.0, 0.1, 1e-4):
        weights = np.array([20 / chance, 3 / chance, 20 / chance**2])
        found, plain = total_error((17, 3), 10**6, weights), class_error((17, 3), 10**6, (20, 3))
        assert found is not None
        assert plain is not None
        assert found == pytest.approx(plain)


def test_a_rare_draw_weighs_more() -> None:
    found = total_error((1, 1), 10**6, np.array([1 / 0.1 + 1 / 0.01, 1 / 0.01, 1 / 0.1**2 + 1 / 0.01**2]))
    assert found is not None
    assert found["value"] == pytest.approx(100 / 110)


class FakeStore:
    """Counts transactions; a review with key "bad" is refused, and the first transaction waits to be let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go, self.entered = threading.Event(), threading.Event()

    def expect_many_writes(self) -> None:
        """Nothing to prepare."""

    def add_many(self, reviews: list[Review]) -> list[int]:
        self.entered.set()
        self.go.wait(30)
        self.batches.append([review.key for review in reviews])
        if any(review.key == "bad" for review in reviews):
            raise InvalidInputError("bad")
        return [int(review.key) for review in reviews]


@pytest.mark.parametrize("bad", [(), ("bad",)])
def test_those_who_wait_share_a_transaction_and_each_gets_the_own_numbers(bad: tuple[str, ...]) -> None:
    store, found = FakeStore(), dict[str, object]()
    writer = DecisionWriter(store, lambda _numbers, _reviews: None)  # type: ignore[arg-type]

    def add(*keys: str) -> None:
        try:
            found[keys[0]] = writer.add([a_review(key, "t") for key in keys])
        except InvalidInputError as error:
            found[keys[0]] = str(error)

    threads = [threading.Thread(target=add, args=keys) for keys in (("1",), ("2", "3"), ("4",), bad) if keys]
    threads[0].start()
    end = time.monotonic() + 30
    assert store.entered.wait(30)
    for thread in threads[1:]:
        thread.start()
    while writer.num_waiting() < len(threads) - 1 and time.monotonic() < end:
        time.sleep(0.001)
    store.go.set()
    for thread in threads:
        thread.join(30)
    assert found == {"1": [1], "2": [2, 3], "4": [4]} | {key: key for key in bad}
    assert store.batches[0] == ["1"]
    assert sorted(store.batches[1]) == ["2", "3", "4", *bad]
    assert sorted(map(sorted, store.batches[2:])) == ([["2", "3"], ["4"], ["bad"]] if bad else [])


def test_thumbnails_stay_within_their_budget_and_the_latest_used_stay(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, budget=1000)
    made: list[str] = []

    def get(tag: str, size: int = 100) -> bytes:
        def make() -> bytes:
            made.append(tag)
            return tag[:1].encode() * size

        return cache.get(tag, make)

    for number in range(10):
        get(f"{number}a")
    assert get("0a") == b"0" * 100
    assert made == [f"{number}a" for number in range(10)]
    get("xa")
    kept = {path.stem for path in tmp_path.glob("*/*")}
    assert kept == {f"{number}a" for number in (0, 3, 4, 5, 6, 7, 8, 9)} | {"xa"}
    assert cache.total == sum(path.stat().st_size for path in tmp_path.glob("*/*")) == 900
    get("1a")
    assert made[-1] == "1a"


def test_a_new_server_takes_over_thumbnails_and_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    ThumbnailCache(tmp_path).get("abc", lambda: b"12345")
    (tmp_path / "ab" / "abd.7.partial").write_bytes(b"half")
    again = ThumbnailCache(tmp_path)
    assert (again.total, [path.name for path in tmp_path.glob("*/*")]) == (5, ["abc.webp"])
    assert again.get("abc", lambda: b"never made") == b"12345"
    small = ThumbnailCache(tmp_path, budget=3)
    assert (small.total, list(tmp_path.glob("*/*"))) == (0, [])


def test_a_thumbnail_larger_than_the_budget_is_given_and_not_kept(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, budget=0)
    assert cache.get("abc", lambda: b"12345") == b"12345"
    assert cache.total == 0


def test_where_the_disk_cannot_be_written_thumbnails_are_made_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = ThumbnailCache(tmp_path / "file")
    assert [cache.get("abc", lambda: b"1") for _ in range(2)] == [b"1", b"1"]


@pytest.fixture(scope="module")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("fruit") / "fruit")


@pytest.fixture(scope="module")
def samples(fruit: Workspace) -> ReviewSamples:
    return ReviewSamples(fruit)


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 59),
        st.sampled_from([(1, -1), (0, -1), (0, -2), (0, 2), (-1, -1)]),
        st.sampled_from(["ann", "bob", "eve"]),
        st.sampled_from([("class", None), ("audit", 0.5), ("plan", 0.25), ("audit", 0.1)]),
        st.booleans(),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ACTIONS)
def test_a_board_kept_up_to_date_equals_one_read_anew(samples: ReviewSamples, actions: list[tuple]) -> None:  # type: ignore[type-arg]
    store = ReviewStore("sqlite://")
    board = ReviewBoard(samples, store)
    for place, (row, (verdict, correct), who, (queue, chance), is_undone) in enumerate(actions):
        split, key = samples.name(row)
        label = int(samples.given[row])
        said = a_review(key, f"t{place}", split=split, given_label=label, verification_label=verdict, reviewer=who)
        said = replace(said, correct_label=correct, queue=queue, inclusion_probability=chance)
        number = store.add(said)
        if place % 2:
            board.take([number], [said])
        if is_undone:
            store.undo(number, reviewer=who, time=NOW)
        board.refresh()
    anew = ReviewBoard(samples, store)
    for name in ("state", "correct_label", "decision_id", "counts", "_chance"):
        np.testing.assert_array_equal(getattr(board, name), getattr(anew, name), name)
    np.testing.assert_allclose(board._audit, anew._audit, atol=1e-9)
    assert board.disputed() == anew.disputed()
    progress = store.progress()
    for class_id in range(3):
        found, expected = board.of_class(class_id), progress.get(class_id)
        counted = (found["decided"], found["correct"], found["wrong"], found["unsure"])
        assert counted == (
            (0, 0, 0, 0) if expected is None else (expected.decided, expected.correct, expected.wrong, expected.unsure)
        )
    assert board.counts.sum() == len(samples)
    store.close()


@pytest.mark.parametrize("reading", ["draw_columns", "standing_columns"])
def test_what_is_decided_while_a_board_is_read_is_not_missed(
    samples: ReviewSamples, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    with ReviewStore("sqlite://") as store:
        read = getattr(store, reading)

        def read_and_decide() -> Any:
            found = read()
            store.add(a_review("03.png", "t", queue="audit", inclusion_probability=0.5))
            return found

        monkeypatch.setattr(store, reading, read_and_decide)
        board = ReviewBoard(samples, store)
        board.refresh()
        monkeypatch.setattr(store, reading, read)
        anew = ReviewBoard(samples, store)
        assert anew.total()["decided"] == 1
        for name in ("state", "_chance", "_is_drawn", "counts", "_audit"):
            np.testing.assert_array_equal(getattr(board, name), getattr(anew, name), name)


def test_a_decision_on_another_label_than_todays_counts_as_none(samples: ReviewSamples) -> None:
    with ReviewStore("sqlite://") as store:
        store.add(a_review("30.png", "t", given_label=0))
        store.add(a_review("nobody.png", "t"))
        assert ReviewBoard(samples, store).total()["decided"] == 0
        board = ReviewBoard(samples, store)
        store.add(a_review("31.png", "t", given_label=0))
        board.refresh()
        assert (board.total()["decided"], STATES[board.state[31]]) == (0, "open")


def test_a_random_draw_is_uniform_over_what_is_open(fruit: Workspace, samples: ReviewSamples, tmp_path: Path) -> None:
    taken = np.zeros(60)
    with ReviewStore("sqlite://") as store:
        board = ReviewBoard(samples, store)
        for seed in range(200):
            workspace = replace(
                fruit, root=tmp_path / str(seed), settings=fruit.settings.with_options(project={"random_state": seed})
            )
            audit = AuditDraws(workspace, samples, board)
            first = audit.rows(0)[:5]
            taken[first] += 1
            assert audit.chance(int(first[0])) == 1.0
    assert taken[20:].sum() == 0
    assert taken[:20].min() > 25  # 50 expected, standard deviation 6
    assert taken[:20].max() < 75


@pytest.mark.parametrize("text", ["{", "[1]", '{"all": {"chance": 2, "number": 0, "samples": []}}', '{"all": {}}'])
def test_a_damaged_draw_is_named_and_not_guessed_at(
    fruit: Workspace, samples: ReviewSamples, tmp_path: Path, text: str
) -> None:
    workspace = replace(fruit, root=tmp_path)
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "audit.json").write_text(text)
    (tmp_path / "review" / "exemplars.json").write_text("[1]")
    with ReviewStore("sqlite://") as store:
        board = ReviewBoard(samples, store)
        with pytest.raises(DataFileError, match="is damaged"):
            AuditDraws(workspace, samples, board)
        with pytest.raises(DataFileError, match="is damaged"):
            Exemplars(workspace, samples, board)
