from __future__ import annotations

import json
import math
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noisette.data.exports import FORMATS, Link
from noisette.data.exports import arrow_rows as arrow_rows_module
from noisette.data.exports import image_folder as image_folder_module
from noisette.data.exports import shards as shards_module
from noisette.errors import InvalidInputError, NotVerifiedError, TooManyBadRowsError, WorkspaceError
from noisette.pipeline.exporting.dataset import export_dataset
from noisette.pipeline.exporting.result import ExportResult
from noisette.pipeline.settings import write_settings
from noisette.pipeline.workspace import SETTINGS_FILE, Workspace, open_workspace
from noisette.scores.curation import CurationRule
from noisette.store import read_samples, write_samples
from tests.pipeline.exporting.pictures import (
    ROWS,
    SOURCE,
    Row,
    add_pieces,
    contents,
    make_pictures,
    make_workspace,
    picture_of,
    tree,
    write_scores_of,
)

RULE = CurationRule(drop_below=0.5, relabel_above=0.8)
WAYS: list[tuple[str, Link]] = [
    *((name, "copy") for name in FORMATS),
    ("imagefolder", "hard"),
    ("imagefolder", "sym"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    make_pictures(root, ROWS)
    return root


@pytest.fixture
def workspace(tmp_path: Path, source: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace", source)


def export(
    workspace: Workspace, path: Path, name: str = "imagefolder", rule: CurationRule = RULE, **options: Any
) -> ExportResult:
    return export_dataset(workspace, path, name, rule, verifier=SOURCE, **options)


def files_of(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_the_rule_says_what_becomes_of_every_sample(workspace: Workspace, tmp_path: Path) -> None:
    found = export(workspace, tmp_path / "out")
    assert {name for name in files_of(tmp_path / "out") if "/" in name} == {
        "train/zebra/1.png",
        "train/zebra/4.png",  # decided correct
        "train/apple_pie/apple_pie_2.png",
        "train/apple_pie/2.png",  # was a zebra
        "train/_CON/apple_pie_1.png",  # corrected
        "test/zebra/1.png",  # decided wrong, but in the test split
        "test/apple_pie/apple_pie_9.png",
    }
    assert found.totals == {
        "samples": 9,
        "kept": 5,
        "dropped": 2,
        "relabelled": 2,
        "without_score": 1,
        "unreadable": 0,
        "written": 7,
    }
    train = json.loads((tmp_path / "out" / "noisette-export.json").read_text())["splits"]["train"]
    assert train["without_score"] == 1
    assert train["classes"] == {
        "zebra": {"samples": 4, "kept": 2, "dropped": 1, "relabelled_away": 1, "relabelled_into": 0},
        "apple/pie": {"samples": 2, "kept": 1, "dropped": 0, "relabelled_away": 1, "relabelled_into": 1},
        "CON": {"samples": 1, "kept": 0, "dropped": 1, "relabelled_away": 0, "relabelled_into": 1},
    }


def test_evaluation_splits_are_cleaned_only_when_asked(workspace: Workspace, tmp_path: Path) -> None:
    export(workspace, tmp_path / "out", rule=replace(RULE, clean_evaluation_splits=True))
    assert {name for name in files_of(tmp_path / "out") if name.startswith("test/")} == {
        "test/apple_pie/1.png",
        "test/apple_pie/apple_pie_9.png",
    }


def test_without_a_rule_the_verdict_decides(workspace: Workspace, tmp_path: Path) -> None:
    found = export_dataset(workspace, tmp_path / "out", "imagefolder", verifier=SOURCE)
    assert (found.totals["kept"], found.totals["dropped"], found.totals["relabelled"]) == (6, 2, 1)


@pytest.mark.parametrize(("name", "link"), WAYS)
def test_the_source_is_never_touched(workspace: Workspace, source: Path, tmp_path: Path, name: str, link: Link) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR)
    before = tree(source)
    for _ in range(2):  # the second replaces the first
        export(workspace, tmp_path / "out", name, link=link)
        assert tree(source) == before
    assert not (tmp_path / "out.partial").exists()
    assert not (tmp_path / "out.replaced").exists()


@pytest.mark.parametrize(("name", "link"), WAYS)
def test_the_same_export_is_the_same_to_the_byte(workspace: Workspace, tmp_path: Path, name: str, link: Link) -> None:
    export(workspace, tmp_path / "a", name, link=link)
    export(workspace, tmp_path / "deep" / "er" / "b", name, link=link)
    assert contents(tmp_path / "a") == contents(tmp_path / "deep" / "er" / "b")
    assert str(tmp_path) not in (tmp_path / "a" / "noisette-export.json").read_text()


def test_links_are_links_and_copies_are_copies(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    original = source / "train" / "zebra" / "1.png"
    for link in ("copy", "hard", "sym"):
        export(workspace, tmp_path / link, link=link)
        made = tmp_path / link / "train" / "zebra" / "1.png"
        assert made.read_bytes() == original.read_bytes()
        assert made.is_symlink() == (link == "sym")
        assert made.samefile(original) == (link != "copy")
    assert (tmp_path / "sym" / "train" / "zebra" / "1.png").readlink() == original


def test_a_hard_link_to_a_linked_picture_is_one_to_the_picture(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    original = source / "train" / "zebra" / "1.png"
    original.rename(source / "train" / "content")
    original.symlink_to("content")
    original.unlink()
    original.symlink_to(source / "train" / "content")
    export(workspace, tmp_path / "out", link="hard")
    made = tmp_path / "out" / "train" / "zebra" / "1.png"
    assert not made.is_symlink()
    assert made.samefile(source / "train" / "content")


def test_pieces_of_larger_files_are_written_as_pictures(tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    rows = add_pieces(source)
    workspace = make_workspace(tmp_path / "w", source, rows)
    for link in ("copy", "sym"):
        out = tmp_path / link
        export(workspace, out, link=link)
        jpeg = out / "train" / "zebra" / "shard.tar_one.jpg"
        assert not jpeg.is_symlink()
        with Image.open(jpeg) as picture:
            assert picture.format == "JPEG"
        with Image.open(out / "train" / "apple_pie" / "batch.bin_0.png") as picture:
            assert picture.format == "PNG"
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(picture_of(101)))
    with pytest.raises(
        InvalidInputError, match=r"shard.tar/one.jpg is a piece of a larger file; export as imagefolder"
    ):
        export(workspace, tmp_path / "list", "filelist")


def test_a_class_that_loses_over_half_is_named(workspace: Workspace, tmp_path: Path) -> None:
    notes = " ".join(export(workspace, tmp_path / "out").notes)
    assert "CON loses 1 of its 1 samples (1 dropped, 0 relabelled); 1 others are relabelled into it" in notes
    assert "zebra loses" not in notes  # two of four are not over half
    assert "apple/pie loses" not in notes


def test_without_any_label_quality(workspace: Workspace, tmp_path: Path) -> None:
    write_scores_of(workspace, [replace(row, quality=math.nan, issue=row.decided == 0) for row in ROWS])
    with pytest.raises(NotVerifiedError, match=r"`drop_below` needs label qualities.*noisette labels import"):
        export(workspace, tmp_path / "out")
    found = export(workspace, tmp_path / "out", rule=CurationRule())
    assert any("no label is suspicious" in note for note in found.notes)
    assert (found.totals["dropped"], found.totals["relabelled"]) == (0, 1)


def test_a_decision_after_the_scores_counts_and_is_mentioned(workspace: Workspace, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from noisette.types import Review

    decision = Review(key="train/zebra/1.png", given_label=0, verification_label=0, time=datetime.now(UTC))
    with workspace.reviews() as reviews:
        reviews.append([decision])
    found = export(workspace, tmp_path / "out")
    assert found.is_stale
    assert any("the scores are older than today's decisions" in note for note in found.notes)
    assert not (tmp_path / "out" / "train" / "zebra" / "1.png").exists()


def test_scores_of_other_labels_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    samples = read_samples(workspace.samples)
    write_samples(workspace.samples, replace(samples, given_labels=(samples.given_labels + 1) % 3))
    with pytest.raises(WorkspaceError, match="given labels have changed since they were scored"):
        export(workspace, tmp_path / "out")


def test_nothing_left_and_no_pictures_are_errors(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    poor = [replace(row, split="train", quality=0.1, decided=-1, correct=-1) for row in ROWS[:3]]
    made = make_workspace(tmp_path / "w1", source, poor)
    with pytest.raises(InvalidInputError, match="no sample is left to export"):
        export(made, tmp_path / "out", rule=CurationRule(drop_below=0.5))
    with pytest.raises(InvalidInputError, match=r"have no pictures .*it was made from features alone"):
        export(make_workspace(tmp_path / "w2", source, [Row(key="1", given=0, uri="")]), tmp_path / "out")
    with pytest.raises(InvalidInputError, match=r"the format must be one of imagefolder, .* got 'zip'"):
        export(workspace, tmp_path / "out", "zip")
    with pytest.raises(InvalidInputError, match="`link` is for imagefolder; parquet makes no links"):
        export(workspace, tmp_path / "out", "parquet", link="sym")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "link"), WAYS)
def test_pictures_that_cannot_be_read_are_listed(
    workspace: Workspace, source: Path, tmp_path: Path, name: str, link: Link
) -> None:
    (source / "train" / "zebra" / "1.png").unlink()
    (source / "train" / "zebra" / "4.png").write_bytes(b"")
    found = export(workspace, tmp_path / "out", name, link=link)
    assert (found.totals["unreadable"], found.totals["written"]) == (2, 5)
    listed = (tmp_path / "out" / "skipped.txt").read_text().splitlines()
    assert listed == ["train/zebra/1.png: missing file", "train/zebra/4.png: empty file"]
    assert any("1 missing file" in note for note in found.notes)


def test_a_split_of_nothing_but_bad_pictures_is_left_out(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    for path in (source / "test").rglob("*.png"):
        path.unlink()
    for name in FORMATS:
        found = export(workspace, tmp_path / name, name)
        assert list(found.split_names) == ["train"]
        assert "nothing of split 'test' is left to write" in found.notes
        assert not [path for path in (tmp_path / name).iterdir() if path.name.startswith("test")]


def test_the_policy_for_bad_pictures_holds(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    (source / "train" / "zebra" / "1.png").unlink()
    strict = workspace.settings.with_options(input={"on_error": "stop"})
    write_settings(workspace.root / SETTINGS_FILE, strict)
    with pytest.raises(TooManyBadRowsError, match="missing file"):
        export(open_workspace(workspace.root), tmp_path / "out")


class Stopped(Exception):
    pass


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of two samples, and progress after each."""
    monkeypatch.setattr(shards_module, "_REPORT_EVERY", 1)
    monkeypatch.setattr(arrow_rows_module, "BATCH_ROWS", 1)
    monkeypatch.setattr(image_folder_module, "BLOCK_SAMPLES", 2)
    monkeypatch.setattr(shards_module, "SHARD_SAMPLES", 2)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("name", "link"), [way for way in WAYS if way[0] != "filelist"])
def test_a_stopped_export_goes_on_and_gives_the_same_bytes(
    workspace: Workspace, source: Path, tmp_path: Path, name: str, link: Link
) -> None:
    (source / "train" / "zebra" / "4.png").unlink()
    export(workspace, tmp_path / "whole", name, link=link)
    before = tree(source)
    for stop_at in range(1, 8):
        out = tmp_path / f"out{stop_at}"

        def stop(_what: str, done: int, _total: int, at: int = stop_at) -> None:
            if done == at:
                raise Stopped

        with pytest.raises(Stopped):
            export(workspace, out, name, link=link, progress=stop)
        assert not out.exists()
        first: list[int] = []
        export(workspace, out, name, link=link, progress=lambda _what, done, _total, to=first: to.append(done))
        assert contents(out) == contents(tmp_path / "whole")
        # Whole pieces are not read again: at most the two samples before the stop are.
        assert not first or first[0] >= stop_at - 2
        assert tree(source) == before


@pytest.mark.usefixtures("small_pieces")
def test_another_rule_starts_again(workspace: Workspace, tmp_path: Path) -> None:
    def stop(_what: str, done: int, _total: int) -> None:
        if done == 4:
            raise Stopped

    with pytest.raises(Stopped):
        export(workspace, tmp_path / "out", rule=CurationRule(drop_below=0.0), progress=stop)
    export(workspace, tmp_path / "out")
    export(workspace, tmp_path / "other")
    assert contents(tmp_path / "out") == contents(tmp_path / "other")


@pytest.mark.parametrize("name", ["parquet", "huggingface"])
def test_a_stop_while_shards_get_their_names(
    workspace: Workspace, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noisette.data.exports import huggingface, parquet
    from noisette.data.exports.numbered import rename

    export(workspace, tmp_path / "whole", name)

    def half(folder: Path, names: list[tuple[str, str]]) -> None:
        rename(folder, names[:1])
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(parquet, "rename", half)
        patched.setattr(huggingface, "rename", half)
        with pytest.raises(Stopped):
            export(workspace, tmp_path / "out", name)
    export(workspace, tmp_path / "out", name)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_splits_of_any_name_are_written(source: Path, tmp_path: Path) -> None:
    rows = [replace(row, split="noisy train/1" if row.split == "train" else row.split) for row in ROWS]
    workspace = make_workspace(tmp_path / "w", source, rows)
    found = export(workspace, tmp_path / "out", "webdataset")
    assert found.split_names == {"test": "test", "noisy train/1": "noisy_train_1"}
    assert (tmp_path / "out" / "noisy_train_1-000000.tar").is_file()


def test_classes_missing_from_a_split_are_mentioned(workspace: Workspace, tmp_path: Path) -> None:
    assert any(
        "not every class has samples in each of train, test" in n for n in export(workspace, tmp_path / "a").notes
    )
    assert not any("not every class" in n for n in export(workspace, tmp_path / "b", "parquet").notes)
