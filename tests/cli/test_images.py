"""Commands over pictures, from a folder to the report, broken files among them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisette.pipeline.workspace import open_workspace
from tests.cli.test_commands import noisette
from tests.features.pictures import write_broken
from tests.pipeline.image_data import Pictures, write_image_folder, write_verified


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return write_image_folder(tmp_path / "pictures")


def test_from_pictures_to_a_report(pictures: Pictures, tmp_path: Path) -> None:
    root, verified = tmp_path / "w", write_verified(tmp_path / "verified.csv", pictures)
    done = noisette("init", root, "--images", pictures.root, "--verified", verified)
    assert done.exit_code == 0, done.output
    assert "90 samples of 3 classes; their features come next" in done.stdout
    done = noisette("status", "-w", root)
    assert re.search(r"^features/embedded +missing$", done.stdout, re.MULTILINE)
    done = noisette("embed", "-w", root, "--backbone", "pixels:4", "--batch-size", "16")
    assert done.exit_code == 0, done.output
    assert f"90 pictures, 48 features each by pixels:4: {root}/features/embedded" in done.stdout
    assert done.stdout.splitlines()[-1] == f"next: noisette detect -w {root}"
    assert open_workspace(root).settings.embed.backbone == "pixels:4"
    done = noisette("run", "-w", root)
    assert done.exit_code == 0, done.output
    assert "(nothing to do)" in done.stdout
    assert (root / "report" / "index.html").stat().st_size > 50_000
    then = f"noisette export cleaned --as imagefolder -w {root}"
    assert done.stdout.splitlines()[-1] == f"next: {then}"
    done = noisette(*f"{then}".replace("cleaned", str(tmp_path / "cleaned")).split()[1:])
    assert done.exit_code == 0, done.output
    kept = list((tmp_path / "cleaned" / "train").rglob("*.*g"))
    assert 50 < len(kept) < 90
    assert sum(f"{path.parent.name}/{path.name}" in pictures.wrong for path in kept) <= 2


def test_json_tells_what_embed_did(pictures: Pictures, tmp_path: Path) -> None:
    write_broken(pictures.root / "sky" / "0001.png", "text")
    write_broken(pictures.root / "sky" / "0003.png", "sixteen")
    noisette("init", tmp_path / "w", "--images", pictures.root)
    done = noisette("embed", "-w", tmp_path / "w", "--backbone", "pixels", "--json")
    found = json.loads(done.stdout)
    assert (found["num_rows"], found["num_features"]) == (89, 192)
    assert found["bad_pictures"] == {"not an image": 1}
    assert found["converted_pictures"] == {"16-bit pixels": 1}
    assert re.search(r"warning: .*/sky/0001\.png: not an image", done.stderr)


def write_many(root: Path, broken: float) -> set[str]:
    """Write 2,000 pictures in two classes, a share of them broken; give the paths of those."""
    rng = np.random.default_rng(0)
    kinds = ("empty", "text", "truncated")
    bad = set()
    for number in range(2000):
        key = f"{'ab'[number % 2]}/{number:04d}.png"
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        if rng.random() < broken:
            write_broken(root / key, kinds[number % 3])
            bad.add(key)
        else:
            shade = 60 if number % 2 else 190
            ramp = np.linspace(0, shade, 64).reshape(8, 8)
            Image.fromarray((ramp if number % 2 else ramp.T).astype(np.uint8)).save(root / key)
    return bad


@pytest.mark.slow
def test_run_gets_past_one_broken_picture_in_a_hundred_and_lists_each(tmp_path: Path) -> None:
    bad = write_many(tmp_path / "pictures", 0.01)
    root = tmp_path / "w"
    assert noisette("init", root, "--images", tmp_path / "pictures").exit_code == 0
    assert noisette("embed", "-w", root, "--backbone", "pixels:4", "--max-bad", "2%").exit_code == 0
    done = noisette("run", "-w", root, "--max-bad", "2%")
    assert done.exit_code == 0, done.output
    lines = (root / "features" / "embedded" / "skipped.txt").read_text(encoding="utf-8").splitlines()
    assert {line.split(":")[0] for line in lines} == bad
    assert (root / "report" / "index.html").exists()


@pytest.mark.slow
def test_run_stops_where_a_third_is_broken_and_says_why(tmp_path: Path) -> None:
    write_many(tmp_path / "pictures", 0.3)
    root = tmp_path / "w"
    noisette("init", root, "--images", tmp_path / "pictures", "--json")
    (root / "noisette.toml").write_text(
        (root / "noisette.toml").read_text(encoding="utf-8").replace("resnet50.a1_in1k", "pixels:4"), encoding="utf-8"
    )
    done = noisette("run", "-w", root, "--max-bad", "2%")
    assert done.exit_code == 1
    assert re.search(
        r"error: .*png: \d+ of 10\d\d pictures are bad, more than --max-bad 2.0%; the commonest reason is '",
        done.stderr,
    )
    assert not (root / "report").exists()


def test_options_are_kept_once_they_work_and_go_with_their_backbone(pictures: Pictures, tmp_path: Path) -> None:
    root = tmp_path / "w"
    noisette("init", root, "--images", pictures.root)
    assert noisette("embed", "-w", root, "--backbone", "resnt50x").exit_code == 1
    assert noisette("embed", "-w", root, "--layer", "nothing", "--backbone", "torch.nn:Flatten").exit_code == 1
    assert open_workspace(root).settings.embed.backbone == "resnet50.a1_in1k"
    done = noisette("embed", "-w", root, "--backbone", "torch.nn:Flatten", "--layer", "output", "--image-size", "4")
    assert done.exit_code == 0, done.output
    kept = open_workspace(root).settings.embed
    assert (kept.backbone, kept.layer, kept.image_size) == ("torch.nn:Flatten", "output", 4)
    assert noisette("embed", "-w", root, "--backbone", "pixels:4").exit_code == 0
    kept = open_workspace(root).settings.embed
    assert (kept.backbone, kept.layer, kept.image_size) == ("pixels:4", "", 0)


def test_an_init_that_failed_can_be_mended_and_leaves_no_decisions(pictures: Pictures, tmp_path: Path) -> None:
    rows = [f"{key},{key.split('/')[0]},1\n" for key in pictures.keys]
    manifest, root = tmp_path / "m.csv", tmp_path / "w"
    manifest.write_text("path,label,verification_label\n" + "".join(rows), encoding="utf-8")
    sources = ["--manifest", manifest, "--root", pictures.root]
    done = noisette("init", root, *sources, "--verified", tmp_path / "none.csv")
    assert (done.exit_code, "none.csv: does not exist" in done.stderr) == (1, True)
    manifest.write_text("path,label\na.jpg,cat\nb.jpg,dog\n", encoding="utf-8")
    done = noisette("init", root, *sources)
    assert done.exit_code == 0, done.output
    assert "0 verified" in noisette("status", "-w", root).stdout
    assert open_workspace(root).class_names() == ("cat", "dog")
    assert not (root / "unfinished.txt").exists()


def test_verification_labels_that_come_with_the_data_are_counted(pictures: Pictures, tmp_path: Path) -> None:
    rows = [f"{key},{key.split('/')[0]},{number % 3 - 1}\n" for number, key in enumerate(pictures.keys)]
    (tmp_path / "m.csv").write_text("path,label,verification_label\n" + "".join(rows), encoding="utf-8")
    done = noisette("init", tmp_path / "w", "--manifest", tmp_path / "m.csv", "--root", pictures.root)
    assert "60 verification labels came with the data set" in done.stdout


@pytest.mark.parametrize("name", ["classes.txt", "reviews.sqlite"])
def test_files_of_somebody_else_are_not_written_over(name: str, pictures: Pictures, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / name).write_bytes(b"mine")
    done = noisette("init", tmp_path / "w", "--images", pictures.root)
    assert done.exit_code == 1
    assert f"{name} is there already, and would be overwritten; choose another folder" in done.stderr
    assert (tmp_path / "w" / name).read_bytes() == b"mine"


def test_a_model_that_needs_a_download_says_what_to_do(pictures: Pictures, tmp_path: Path) -> None:
    noisette("init", tmp_path / "w", "--images", pictures.root)
    done = noisette("embed", "-w", tmp_path / "w", "--backbone", "resnet5000")
    assert done.exit_code == 1
    assert "error: `backbone` must be a model that timm knows, got 'resnet5000'" in done.stderr
