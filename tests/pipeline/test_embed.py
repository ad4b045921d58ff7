from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.errors import DataFileError, TooManyBadRowsError, WorkspaceError
from noisette.features import extract_features
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.run import run
from noisette.pipeline.workspace import Workspace, open_workspace, with_settings
from noisette.store import ParquetTable
from tests.features.pictures import write_broken
from tests.pipeline.conftest import files, workspace
from tests.pipeline.image_data import SETTINGS, Pictures, contents, images, pictures, write_image_folder

__all__ = ["files", "images", "pictures", "workspace"]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_features_are_those_of_the_pictures(num_workers: int, images: Workspace, pictures: Pictures) -> None:
    steps: list[tuple[str, int, int]] = []
    done = embed(images, lambda *step: steps.append(step), num_workers=num_workers)
    table = ParquetTable(images.features)
    assert (done.num_rows, done.num_features, done.was_current) == (90, 48, False)
    assert table.read_keys() == pictures.keys
    expected = extract_features([pictures.root / key for key in pictures.keys], "pixels:4").features
    found = np.concatenate(list(table.iter_batches(64)))
    np.testing.assert_array_equal(found, expected.astype(np.float16).astype(np.float32))
    assert steps[0] == ("embed", 0, 90)
    assert steps[-1] == ("embed", 90, 90)
    assert table.metadata["backbone"] == "pixels:4"
    assert table.metadata["weights"] == "none"


def test_workers_change_no_byte(images: Workspace) -> None:
    embed(images, num_workers=0)
    alone = contents(images.features)
    embed(images, num_workers=2, fresh=True)
    assert contents(images.features) == alone


def test_bad_pictures_are_listed_with_their_paths(images: Workspace) -> None:
    kinds = {"0000.jpg": "empty", "0002.jpg": "text", "0004.jpg": "truncated"}
    for name, kind in kinds.items():
        write_broken(images.image_root / "leaf" / name, kind)
    write_broken(images.image_root / "leaf" / "0006.jpg", "rotated")
    (images.image_root / "leaf" / "0008.jpg").unlink()
    done = embed(images)
    assert done.num_rows == 86
    assert done.bad.counts == {"empty file": 1, "not an image": 1, "truncated image": 1, "missing file": 1}
    lines = (images.features / "skipped.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[0] for line in lines] == [f"leaf/000{i}.jpg" for i in (0, 2, 4, 8)]
    assert (images.features / "converted.txt").read_text(encoding="utf-8") == "leaf/0006.jpg: EXIF-rotated\n"
    notes = detect(images).notes
    assert "4 of 90 samples have no features and take no part; features/embedded/skipped.txt says why" in notes


def test_unusual_pictures_can_be_skipped(images: Workspace) -> None:
    write_broken(images.image_root / "leaf" / "0006.jpg", "rotated")
    done = embed(with_settings(images, images={"unusual": "skip"}))
    assert (done.num_rows, done.bad.counts) == (89, {"EXIF-rotated": 1})


def test_too_many_bad_pictures_stop_the_run_and_a_higher_limit_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number in range(600):
            Image.new("L", (2, 2), number % 256).save(root / name / f"{number:04d}.png")
            if number % 5 == 0:
                write_broken(root / name / f"{number:04d}.png", "text")
    settings = SETTINGS.with_options(input={"max_bad": 0.1})
    create_from_images(tmp_path / "w", ImageSource(images=root), settings)
    opened = open_workspace(tmp_path / "w")
    words = (
        r"200 of 100\d pictures are bad, more than --max-bad 10.0%; the commonest reason is 'not an image' \(200 .*"
        r"skipped.txt lists them; go on with a higher --max-bad, or mend them, then `noisette embed --fresh`"
    )
    with pytest.raises(TooManyBadRowsError, match=words):
        embed(opened, num_workers=0)
    assert len((opened.features / "skipped.txt").read_text(encoding="utf-8").splitlines()) >= 200
    with pytest.raises(TooManyBadRowsError, match="pictures are bad"):
        embed(opened, num_workers=0)
    done = embed(with_settings(opened, input={"max_bad": 0.3}), num_workers=0)
    assert done.resumed > 900
    assert (done.num_rows, done.bad.num_bad) == (960, 240)


def test_stop_at_the_first_bad_picture(images: Workspace) -> None:
    write_broken(images.image_root / "leaf" / "0006.jpg", "empty")
    with pytest.raises(TooManyBadRowsError, match=r"leaf/0006\.jpg: empty file \(--on-error skip goes on"):
        embed(with_settings(images, input={"on_error": "stop"}))


def test_no_usable_picture_is_an_error(images: Workspace, pictures: Pictures) -> None:
    for key in pictures.keys:
        write_broken(pictures.root / key, "empty")
    with pytest.raises(DataFileError, match="no picture could be used: 90 of 90 pictures skipped: 90 empty file; mend"):
        embed(images)


def test_a_workspace_of_features_has_nothing_to_embed(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="was made from features, there is nothing to embed"):
        embed(workspace)


def test_detect_before_embed_says_what_comes_first(images: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="run `noisette embed` first"):
        detect(images)


def test_from_a_folder_of_pictures_to_a_report_with_pictures(images: Workspace, pictures: Pictures) -> None:
    done = run(images)
    assert done.detection.num_verified == 45
    page = done.report.read_text(encoding="utf-8")
    assert page.count("data:image/") >= 20
    assert str(images.root) not in page
    assert str(pictures.root) not in page
    from noisette.pipeline.score_tables import read_scores

    table = read_scores(images.scores(done.detection.chosen))
    unchecked = [row for row in range(90) if row % 2]
    worst = sorted(unchecked, key=lambda row: float(table.scores.label_quality[row]))
    num_wrong = sum(table.keys[row] in pictures.wrong for row in unchecked)
    found = sum(table.keys[row] in pictures.wrong for row in worst[:num_wrong])
    assert found >= 0.8 * num_wrong


def test_the_workspace_may_hold_the_pictures_and_move(tmp_path: Path) -> None:
    pictures = write_image_folder(tmp_path / "w" / "pictures", 4)
    create_from_images(tmp_path / "w", ImageSource(images=pictures.root), SETTINGS)
    opened = open_workspace(tmp_path / "w")
    assert opened.settings.images.root == "pictures"
    (tmp_path / "w").rename(tmp_path / "elsewhere")
    assert embed(open_workspace(tmp_path / "elsewhere")).num_rows == 12
