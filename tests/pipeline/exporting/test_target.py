from __future__ import annotations

import json
from pathlib import Path

import pytest

from noisette.errors import InvalidInputError
from noisette.pipeline.exporting.dataset import export_dataset
from noisette.pipeline.exporting.target import RULE_FILE, UNFINISHED, ExportTarget
from noisette.pipeline.workspace import Workspace
from tests.pipeline.exporting.pictures import ROWS, SOURCE, Row, contents, make_pictures, make_workspace, tree


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
    refused(workspace, out, "'model.pt' was not written by it")
    assert (out / "model.pt").exists()


def test_the_rule_file_of_another_program_makes_no_export(workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / RULE_FILE).write_text('{"entries": 5, "a": 1}'.replace('"entries": 5, ', ""))
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
    assert json.loads((out / RULE_FILE).read_text())["entries"][-1] == RULE_FILE


def test_the_root_of_a_disk_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="is the root of a disk"):
        ExportTarget(Path(Path.cwd().anchor))
