"""kill -9 at any moment of a training, run it again: the same bytes as an undisturbed one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from noisette.pipeline.workspace import Workspace, keep_settings
from tests.pipeline.test_killed import assert_same, noisette, spread
from tests.pipeline.train_data import scored, scored_root

__all__ = ["scored", "scored_root"]


@pytest.mark.slow
def test_train_is_killed(scored: Workspace, tmp_path: Path) -> None:
    keep_settings(scored)
    options = ["--num-workers", "0", "--checkpoint", "3"]
    whole = tmp_path / "root" / "whole"
    shutil.copytree(scored.root, whole)
    done = noisette(0, "train", "-w", whole, *options)
    assert done.returncode == 0, done.stderr
    # With the last moment what made the classifier is in its place, and nothing is left to be done but to clear up.
    for kill_at in spread(int(done.stdout.splitlines()[-1]) - 1):
        root = tmp_path / "root" / f"killed{kill_at}"
        shutil.copytree(scored.root, root)
        assert noisette(kill_at, "train", "-w", root, *options).returncode != 0
        again = noisette(0, "train", "-w", root, *options)
        assert again.returncode == 0, again.stderr
        assert_same(root, whole)
