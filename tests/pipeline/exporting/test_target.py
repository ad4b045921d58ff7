from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from noisette.errors import InvalidInputError
from noisette.pipeline.exporting.contents import RULE_FILE, UNFINISHED
from noisette.pipeline.exporting.dataset import export_dataset
from noisette.pipeline.exporting.sources import source_folders
from noisette.pipeline.exporting.target import ExportTarget
from noisette.pipeline.workspace import Workspace
from noisette.scores.curation import CurationRule
from tests.pipeline.exporting.pictures import (
    ROWS,
    SOURCE,
    Row,
    add_pieces,
    contents,
    make_pictures,
    make_workspace,
    tree,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "data" / "pictures"
    make_pictures(root, ROWS)
    return root


@pytest.fixture
def workspace(tmp_path: Path, source: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace", source)


def export(workspace: Workspace, path: Path) -> None:
    export_dataset(workspace, path, "parquet", verifier=SOURCE)


def refused(workspace: Workspace, path: Path, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        export(workspace, path)


def stop(*_progress: object) -> None:
    raise KeyboardInterrupt


def test_the_source_is_refused_and_stays_as_it_is(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    before = tree(source.parent)
    refused(workspace, source, "holds the pictures")
    refused(workspace, source / "out", "lies in .*pictures, where the pictures are, which is never written to")
    refused(workspace, source / "train" / "zebra" / "out", "lies in")
    refused(workspace, source.parent, "holds the pictures")
    refused(workspace, tmp_path, "holds the workspace")
    link = tmp_path / "link"
    link.symlink_to(source, target_is_directory=True)
    refused(workspace, link, "holds the pictures")
    refused(workspace, link / "out", "lies in")
    refused(workspace, source.parent / "x" / ".." / "pictures" / "out", "lies in")
    assert tree(source.parent) == before


@pytest.mark.parametrize("ending", [".partial", ".replaced"])
def test_a_source_whose_name_an_export_would_use_is_refused(tmp_path: Path, ending: str) -> None:
    root = tmp_path / f"out{ending}"
    make_pictures(root, ROWS)
    refused(make_workspace(tmp_path / "w", root), tmp_path / "out", rf"out\{ending} holds the pictures")


def test_pictures_that_lie_elsewhere_by_a_link_or_a_path_are_source_too(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(source, target_is_directory=True)
    by_link = make_workspace(tmp_path / "w1", root, [Row(key="1", given=0, uri="linked/train/zebra/1.png")])
    refused(by_link, source / "train" / "zebra" / "out", "lies in")
    by_path = make_workspace(tmp_path / "w2", root, [Row(key="1", given=0, uri=str(source / "train/zebra/1.png"))])
    refused(by_path, source / "train", "holds the pictures")
    upwards = make_workspace(tmp_path / "w3", root, [Row(key="1", given=0, uri="../data/pictures/train/zebra/1.png")])
    refused(upwards, source / "train", "holds the pictures")
    export(upwards, tmp_path / "out")


def link_pictures(folder: Path, to: Path) -> list[Row]:
    """Make a folder whose pictures are links to those of another; give their rows."""
    found = sorted(path for path in to.rglob("*") if path.suffix == ".png")
    for number, path in enumerate(found):
        link = folder / f"{number}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return [Row(key=f"{number}.png", given=0, uri=f"{number}.png") for number in range(len(found))]


def test_pictures_that_are_links_into_a_former_export_are_not_deleted(workspace: Workspace, tmp_path: Path) -> None:
    former = tmp_path / "former"
    export_dataset(workspace, former, "imagefolder", verifier=SOURCE)
    before = contents(former)
    linked = make_workspace(tmp_path / "w1", tmp_path / "links", link_pictures(tmp_path / "links", former))
    refused(linked, former, "former holds the pictures")
    # One link after another: all on the way are needed. Relative ones lead from where they lie.
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain" / "1.png").symlink_to("../links/0.png")
    chained = make_workspace(tmp_path / "w2", tmp_path / "chain", [Row(key="1", given=0, uri="1.png")])
    refused(chained, former, "former holds the pictures")
    refused(chained, tmp_path / "links", "links holds the pictures")
    assert contents(former) == before
    export(chained, tmp_path / "out")


def test_links_of_samples_that_are_not_exported_count_too(workspace: Workspace, tmp_path: Path) -> None:
    former = tmp_path / "former"
    export_dataset(workspace, former, "imagefolder", verifier=SOURCE)
    rows = link_pictures(tmp_path / "links", former)
    (tmp_path / "links" / "own.png").write_bytes((tmp_path / "links" / "0.png").read_bytes())
    rows = [replace(row, has_score=False) for row in rows] + [Row(key="own.png", given=0)]
    refused(make_workspace(tmp_path / "w1", tmp_path / "links", rows), former, "former holds the pictures")


def test_links_within_a_workspace_that_holds_its_pictures(tmp_path: Path) -> None:
    root = tmp_path / "w"
    make_pictures(root / "store", ROWS)
    (root / "images").mkdir()
    (root / "images" / "1.png").symlink_to("../store/train/zebra/1.png")
    workspace = make_workspace(root, root, [Row(key="images/1.png", given=0, uri="images/1.png")])
    refused(workspace, root / "store", "store holds the pictures")


def test_shards_that_are_links_are_source_too(tmp_path: Path) -> None:
    store, links = tmp_path / "store", tmp_path / "links"
    store.mkdir()
    links.mkdir()
    rows = add_pieces(store)
    for name in ("shard.tar", "batch.bin"):
        (links / name).symlink_to(store / name)
    refused(make_workspace(tmp_path / "w1", links, rows), store, "store holds the pictures")
    hub = make_workspace(tmp_path / "w2", links, [Row(key="1", given=0, uri="hf://train/0/image")])
    refused(hub, store, "store holds the pictures")


def test_a_folder_is_listed_once_however_many_pictures_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop.png").symlink_to("loop.png")
    (tmp_path / "a" / "nowhere.png").symlink_to("/nowhere/at/all.png")
    listed: list[str] = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scan(path))  # type: ignore[func-returns-value]
    names = ["loop.png", "nowhere.png", *(f"{number}.png" for number in range(1000))]
    found = source_folders(tmp_path, [*(f"a/{name}" for name in names), "", "\0/x.png"])
    assert found == {tmp_path / "a", Path("/nowhere/at")}
    assert len(listed) <= 4


def test_the_workspace_keeps_its_own_names(workspace: Workspace) -> None:
    before = contents(workspace.root)
    refused(workspace, workspace.root, "holds the workspace")
    for name in ("features", "Features", "classes.txt", "scores/out", "models", "report/x/y", "reviews.sqlite-wal"):
        refused(workspace, workspace.root / name, "belongs to the workspace")
    assert contents(workspace.root) == before
    export(workspace, workspace.root / "cleaned")
    assert (workspace.root / "cleaned" / RULE_FILE).is_file()


def test_a_workspace_that_holds_its_pictures_takes_an_export_beside_them(tmp_path: Path) -> None:
    root = tmp_path / "w"
    rows = [Row(key=f"images/{row.key}", given=row.given) for row in ROWS]
    make_pictures(root, rows)
    workspace = make_workspace(root, root, rows)
    refused(workspace, root / "images" / "out", "belongs to the workspace")
    refused(workspace, root / "images", "belongs to the workspace")
    export(workspace, root / "cleaned")
    assert (root / "cleaned" / RULE_FILE).is_file()


def test_what_somebody_else_wrote_is_never_replaced(workspace: Workspace, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    refused(workspace, full, "full is not empty and no export of noisette")
    refused(workspace, full / "thesis.txt", "is a file")
    for beside in ("out.partial", "out.replaced"):
        (tmp_path / beside).mkdir()
        (tmp_path / beside / "thesis.txt").write_text("mine")
        refused(workspace, tmp_path / "out", rf"{beside} is in the way and no export of noisette")
        (tmp_path / beside / "thesis.txt").unlink()
    assert (full / "thesis.txt").read_text() == "mine"


def test_a_former_export_is_replaced_unless_something_was_put_into_it(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()  # empty is fine
    export(workspace, out)
    export_dataset(workspace, out, "webdataset", verifier=SOURCE)
    assert sorted(path.name for path in out.iterdir()) == [
        "classes.txt",
        RULE_FILE,
        "test-000000.tar",
        "train-000000.tar",
    ]
    (out / ".DS_Store").write_text("")
    export(workspace, out)
    (out / "model.pt").write_text("weeks of work")
    refused(workspace, out, r"its folder '.' holds other files than were written there \(the latest is 'model.pt'\)")
    assert (out / "model.pt").exists()


@pytest.mark.parametrize("name", ["imagefolder", "huggingface"])
def test_what_was_put_deep_into_a_former_export_stays(workspace: Workspace, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    export_dataset(workspace, out, name, verifier=SOURCE)
    folder = out / "train" / "zebra" if name == "imagefolder" else out / "train"
    relative = folder.relative_to(out).as_posix()
    mine = folder / "mine.png"
    mine.write_text("mine")
    refused(workspace, out, rf"its folder '{relative}' holds other .* \(the latest is '{relative}/mine.png'\)")
    # As many files as before, one of them another.
    written = next(path for path in folder.iterdir() if path != mine)
    written.rename(tmp_path / "kept")
    refused(workspace, out, relative)
    (tmp_path / "kept").rename(written)
    mine.unlink()
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    refused(workspace, out, f"{relative}/notes/mine.txt")
    assert (folder / "notes" / "mine.txt").read_text() == "mine"
    shutil.rmtree(folder / "notes")
    (folder / "Thumbs.db").write_text("")
    export(workspace, out)


def test_a_former_export_of_which_a_folder_is_gone_is_replaced(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(workspace, out, "imagefolder", verifier=SOURCE)
    shutil.rmtree(out / "train")
    export_dataset(workspace, out, "imagefolder", verifier=SOURCE)
    assert (out / "train").is_dir()


def test_what_is_put_into_a_former_export_while_the_next_is_made_stays(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(workspace, out)

    def put(*_progress: object) -> None:
        (out / "mine.txt").write_text("mine")

    with pytest.raises(InvalidInputError, match=r"the latest is 'mine.txt'"):
        export_dataset(workspace, out, "webdataset", verifier=SOURCE, progress=put)
    (out / "mine.txt").unlink()
    export_dataset(workspace, out, "webdataset", verifier=SOURCE)
    assert (out / "train-000000.tar").is_file()


@pytest.mark.parametrize("killed", ["partial", "replaced"])
def test_a_kill_while_a_folder_is_deleted_blocks_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """Whichever deletion it stops at, the next export works, and holds nothing of what was left."""
    export_dataset(workspace, tmp_path / "whole", "imagefolder", verifier=SOURCE)
    whole, kill_at = contents(tmp_path / "whole"), 0
    while True:
        kill_at += 1
        out = tmp_path / f"out{kill_at}"
        if killed == "partial":
            with pytest.raises(KeyboardInterrupt):
                export_dataset(workspace, out, "imagefolder", verifier=SOURCE, progress=stop)
        else:
            export_dataset(workspace, out, "imagefolder", verifier=SOURCE)
        with monkeypatch.context() as patched:
            kill_at_deletion(patched, kill_at)
            try:
                export_dataset(workspace, out, "parquet", CurationRule(drop_below=0.15), verifier=SOURCE)
            except SystemExit:
                pass
            else:
                break
        if killed == "replaced" and out.exists():
            shutil.rmtree(out)  # by hand; what is half deleted must not come back
        export_dataset(workspace, out, "imagefolder", verifier=SOURCE)
        assert contents(out) == whole
        assert sorted(path.name for path in tmp_path.glob(f"{out.name}*")) == [out.name]
    assert kill_at > 5


def kill_at_deletion(patched: pytest.MonkeyPatch, kill_at: int) -> None:
    """Let the n-th deletion of a file or folder, and all after it, not happen."""
    done = 0

    def counting(delete: Callable[..., None]) -> Callable[..., None]:
        def count(*arguments: Any, **options: Any) -> None:
            nonlocal done
            done += 1
            if done >= kill_at:
                raise SystemExit
            delete(*arguments, **options)

        return count

    for name in ("unlink", "rmdir"):
        patched.setattr(os, name, counting(getattr(os, name)))


def test_the_rule_file_of_another_program_makes_no_export(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for text in ('{"a": 1}', '{"contents": 5}', "[]"):
        (out / RULE_FILE).write_text(text)
        refused(workspace, out, "no export of noisette")


def test_a_kill_between_the_two_renames_is_put_right(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(workspace, out)
    whole = contents(out)
    out.replace(tmp_path / "out.replaced")
    export(workspace, out)
    assert contents(out) == whole
    assert not (tmp_path / "out.replaced").exists()


def test_a_folder_of_an_unfinished_export_is_ours(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / UNFINISHED).write_text("{}")
    (out / "train-00000.parquet.partial").write_text("half")
    export(workspace, out)
    assert not (out / UNFINISHED).exists()
    assert json.loads((out / RULE_FILE).read_text())["contents"]["."]["files"] == 3


def test_the_root_of_a_disk_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="is the root of a disk"):
        ExportTarget(Path(Path.cwd().anchor))
