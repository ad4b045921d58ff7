from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from noisette.cli.app import app
from noisette.errors import TooManyBadRowsError
from noisette.pipeline.creation.from_files import create_from_files
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import SETTINGS_FILE
from tests.pipeline.conftest import Files, files

__all__ = ["files"]
STOP = Settings().with_options(input={"on_error": "stop"})


def test_labels_without_features_are_listed_in_the_order_of_the_file(files: Files, tmp_path: Path) -> None:
    np.save(files.features, files.values[:200])
    made = create_from_files(tmp_path / "w", files.features, files.labels, files.classes, None, Settings())
    lines = made.workspace.skipped.read_text(encoding="utf-8").splitlines()
    expected = [f"{files.labels}:{key + 2}: no features: key '{key}' has no usable row" for key in range(200, 240)]
    assert [line.removesuffix(" in the feature file") for line in lines] == expected


def test_labels_without_features_stop_before_the_workspace_is_finished(files: Files, tmp_path: Path) -> None:
    np.save(files.features, files.values[:200])
    with pytest.raises(TooManyBadRowsError, match=r":202: no features: key '200'"):
        create_from_files(tmp_path / "w", files.features, files.labels, files.classes, None, STOP)
    assert not (tmp_path / "w" / SETTINGS_FILE).exists()


BAD_VERIFIED = "key,verification_label\n1,1\nnobody,1\n3,7\n5,-1\n"


def test_unusable_verification_labels_are_named_and_listed(files: Files, tmp_path: Path) -> None:
    files.verified.write_text(BAD_VERIFIED, encoding="utf-8")
    sources = ["--features", files.features, "--labels", files.labels, "--verified", files.verified]
    done = CliRunner().invoke(app, ["init", str(tmp_path / "w"), *map(str, sources)])
    assert done.exit_code == 0, done.output
    for text in (f"{files.verified}:3: unknown key: 'nobody'", f"{files.verified}:4: bad verification label"):
        assert f"warning: {text}" in done.stderr
        assert text in (tmp_path / "w" / "skipped.txt").read_text(encoding="utf-8")
    assert f"1 verification labels imported (2 rows unusable; see {tmp_path / 'w' / 'skipped.txt'})" in done.stdout
    done = CliRunner().invoke(app, ["labels", "import", str(files.verified), "-w", str(tmp_path / "w")])
    assert "0 decisions added (4 rows read, 2 unusable, 1 undecided)" in done.stdout


def test_an_unknown_key_among_the_verification_labels_stops_where_that_was_asked(files: Files, tmp_path: Path) -> None:
    files.verified.write_text("key,verification_label\n1,1\nnobody,1\n", encoding="utf-8")
    with pytest.raises(TooManyBadRowsError, match=r":3: unknown key: 'nobody'"):
        create_from_files(tmp_path / "w", files.features, files.labels, files.classes, files.verified, STOP)
    assert not (tmp_path / "w" / SETTINGS_FILE).exists()


def test_skipped_rows_beyond_those_kept_are_counted(files: Files, tmp_path: Path) -> None:
    labels = "".join(f"x{row},bun\n" for row in range(1500))
    files.labels.write_text("key\tgiven_label\n" + labels.replace(",", "\t") + "0\tbun\n", encoding="utf-8")
    settings = Settings().with_options(input={"max_bad": 1.0})
    made = create_from_files(tmp_path / "w", files.features, files.labels, files.classes, None, settings)
    lines = made.workspace.skipped.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1001
    assert lines[-1].startswith("and 739 more: 1739 of 1741 rows skipped")


def test_a_negative_seed_is_misuse(files: Files, tmp_path: Path) -> None:
    sources = ["--features", files.features, "--labels", files.labels, "--random-state", -1]
    assert CliRunner().invoke(app, ["init", str(tmp_path / "w"), *map(str, sources)]).exit_code == 2
