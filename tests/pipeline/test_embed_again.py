from __future__ import annotations

import shutil

import pytest

from noisette.errors import InvalidInputError, TooManyBadRowsError, WorkspaceError
from noisette.pipeline import embed_run
from noisette.pipeline.embed import embed
from noisette.pipeline.status import workspace_status
from noisette.pipeline.workspace import Workspace, open_workspace, with_settings
from noisette.types import Progress
from tests.features.pictures import write_broken
from tests.pipeline.image_data import contents, images, pictures

__all__ = ["images", "pictures"]


class Stop(Exception):
    pass


def stopping_at(stop: int) -> Progress:
    def until(_what: str, done: int, _total: int) -> None:
        if done >= stop:
            raise Stop

    return until


@pytest.mark.parametrize("stops", [[8], [40], [8, 16, 80], [90]])
def test_a_stopped_run_goes_on_and_gives_the_same_bytes(
    stops: list[int], images: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed_run, "ROWS_PER_PART", 32)
    write_broken(images.image_root / "apple" / "0003.png", "empty")
    write_broken(images.image_root / "sky" / "0020.jpg", "cmyk")
    embed(images, num_workers=0)
    whole = contents(images.features)
    shutil.rmtree(images.features)
    images.features.with_name("embedded.about.json").unlink()
    for stop in stops:
        with pytest.raises(Stop):
            embed(images, stopping_at(stop), num_workers=0)
    done = embed(images, num_workers=0)
    assert done.resumed == stops[-1]
    assert done.bad.counts == {"empty file": 1}
    assert done.bad.converted == {"CMYK colours": 1}
    assert contents(images.features) == whole


def test_a_fresh_run_that_is_stopped_is_gone_on_with(images: Workspace) -> None:
    embed(images, num_workers=0)
    whole = contents(images.features)
    with pytest.raises(Stop):
        embed(images, stopping_at(40), num_workers=0, fresh=True)
    found = workspace_status(images).artifacts[0]
    assert (found.state, found.reason) == ("missing", "begun; `noisette run` goes on")
    assert embed(images, num_workers=0).resumed == 40
    assert contents(images.features) == whole


def test_a_table_is_not_thrown_away_for_a_backbone_that_does_not_exist(images: Workspace) -> None:
    embed(images)
    whole = contents(images.features)
    with pytest.raises(InvalidInputError, match="must be a model that timm knows"):
        embed(with_settings(images, embed={"backbone": "resnt50"}), fresh=True)
    assert contents(images.features) == whole
    assert open_workspace(images.root).settings.embed.backbone == "pixels:4"


def test_a_part_of_a_table_is_not_dropped_in_silence(images: Workspace) -> None:
    with pytest.raises(Stop):
        embed(images, stopping_at(40), num_workers=0)
    other = with_settings(images, embed={"batch_size": 16})
    with pytest.raises(WorkspaceError, match=r"begun with other settings \(batch_size was 8, is 16\); .*--fresh`"):
        embed(other, num_workers=0)
    assert embed(images, num_workers=0).resumed == 40
    assert embed(other, num_workers=0).resumed == 0


def test_two_runs_at_once_do_not_meet(images: Workspace) -> None:
    def second(_what: str, _done: int, _total: int) -> None:
        with pytest.raises(WorkspaceError, match="another `noisette embed` is at work on"):
            embed(images, num_workers=0)

    embed(images, second, num_workers=0)
    assert sorted(path.name for path in images.features.parent.iterdir()) == ["embedded", "embedded.about.json"]


def test_bad_pictures_are_told_again_when_nothing_is_to_be_done(images: Workspace) -> None:
    write_broken(images.image_root / "leaf" / "0000.jpg", "empty")
    write_broken(images.image_root / "leaf" / "0006.jpg", "rotated")
    first, second = embed(images), embed(images)
    assert second.was_current
    assert second.bad.counts == first.bad.counts == {"empty file": 1}
    assert second.bad.converted == first.bad.converted == {"EXIF-rotated": 1}


def test_a_mended_picture_is_looked_at_again_after_a_stop(images: Workspace) -> None:
    stop = with_settings(images, input={"on_error": "stop"})
    path = images.image_root / "leaf" / "0006.jpg"
    sound = path.read_bytes()
    write_broken(path, "empty")
    with pytest.raises(TooManyBadRowsError, match="empty file"):
        embed(stop)
    path.write_bytes(sound)
    assert embed(stop).num_rows == 90


def test_what_is_there_is_left_alone(images: Workspace) -> None:
    embed(images)
    before = {path: path.stat().st_mtime_ns for path in images.features.iterdir()}
    assert embed(images).was_current
    assert {path: path.stat().st_mtime_ns for path in images.features.iterdir()} == before
