import io
import json
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from noisette.data.images.hub import hub_images, open_hub
from noisette.data.images.reading import BadImageError, read_image
from noisette.data.images.uris import hub_uri
from noisette.errors import DataFileError, MissingExtraError
from noisette.pipeline.review_pictures import PictureRefusedError, encode_picture


@pytest.fixture(autouse=True)
def quiet() -> None:
    datasets.disable_progress_bars()


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


def save(root: Path, cells: list[Any], split: str | None = None) -> None:
    table = datasets.Dataset.from_dict({"picture": cells}, split=split)
    table.cast_column("picture", datasets.Image()).save_to_disk(str(root))


def test_embedded_bytes_come_out_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "d", [{"bytes": png(1), "path": None}, {"bytes": png(2), "path": "b.png"}])
    assert [read_image(tmp_path / "d", hub_uri("train", row, "picture")) for row in (0, 1)] == [png(1), png(2)]


def test_a_picture_named_by_its_path_is_read_with_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(png(7))
    save(tmp_path / "d", [str(tmp_path / "b.png")])
    assert read_image(tmp_path / "d", hub_uri("train", 0, "picture")) == png(7)


def only_paths(root: Path, paths: list[str | None]) -> None:
    """Write what older versions of the package wrote: paths without bytes."""
    features = datasets.Features({"picture": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}})
    cells = [None if path is None else {"bytes": None, "path": path} for path in paths]
    datasets.Dataset.from_dict({"picture": cells}, features=features).save_to_disk(str(root))
    about = json.loads((root / "dataset_info.json").read_text(encoding="utf-8"))
    about["features"] = {"picture": {"_type": "Image"}}
    (root / "dataset_info.json").write_text(json.dumps(about), encoding="utf-8")
    shard = root / "data-00000-of-00001.arrow"
    shard.write_bytes(_without_metadata(shard))


def _without_metadata(shard: Path) -> bytes:
    import pyarrow as pa

    with pa.ipc.open_stream(shard) as reader:
        table = reader.read_all().replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_paths_without_bytes_are_looked_for_below_the_root(tmp_path: Path) -> None:
    root = tmp_path / "d"
    only_paths(root, ["pictures/b.png", str(tmp_path / "away.png"), "none.png", None])
    (root / "pictures").mkdir()
    (root / "pictures" / "b.png").write_bytes(png(5))
    (tmp_path / "away.png").write_bytes(png(6))
    assert read_image(root, hub_uri("train", 0, "picture")) == png(5)
    assert read_image(root, hub_uri("train", 1, "picture")) == png(6)
    for row, kind in ((2, "missing file"), (3, "empty file"), (4, "missing row")):
        with pytest.raises(BadImageError, match=kind):
            read_image(root, hub_uri("train", row, "picture"))


def test_splits_go_by_their_names(tmp_path: Path) -> None:
    save(tmp_path / "alone", [{"bytes": png(1), "path": None}], split="test")
    assert list(open_hub(str(tmp_path / "alone"))) == ["test"]
    images = datasets.Dataset.from_dict({"picture": [{"bytes": png(2), "path": None}]})
    both = datasets.DatasetDict({"train": images.cast_column("picture", datasets.Image()), "dev": images})
    both.save_to_disk(str(tmp_path / "both"))
    assert list(open_hub(str(tmp_path / "both"))) == ["train", "dev"]
    assert len(hub_images(str(tmp_path / "both"), "train", "picture")) == 1
    with pytest.raises(DataFileError, match="has no split 'test', only train, dev; make the workspace again"):
        hub_images(str(tmp_path / "both"), "test", "picture")
    with pytest.raises(DataFileError, match="split 'dev' has no column 'picture' of images"):
        hub_images(str(tmp_path / "both"), "dev", "picture")
    with pytest.raises(DataFileError, match="has no column 'other' of images"):
        hub_images(str(tmp_path / "both"), "train", "other")


def test_pixels_survive(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    features = datasets.Features({"picture": datasets.Image()})
    table = datasets.Dataset.from_dict({"picture": [Image.fromarray(pixels)]}, features=features)
    table.save_to_disk(str(tmp_path / "d"))
    with Image.open(io.BytesIO(read_image(tmp_path / "d", hub_uri("train", 0, "picture")))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_what_is_no_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="is no Hugging Face data set written by save_to_disk"):
        open_hub(str(tmp_path / "absent"))
    datasets.DatasetDict({}).save_to_disk(str(tmp_path / "bare"))
    with pytest.raises(DataFileError, match="without splits"):
        open_hub(str(tmp_path / "bare"))


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'noisette\[huggingface\]'"):
        open_hub(str(tmp_path))


def test_the_page_shows_no_row_that_names_a_file_outside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "d"
    only_paths(root, ["pictures/b.png", str(tmp_path / "away.png"), "../away.png"])
    (root / "pictures").mkdir()
    (root / "pictures" / "b.png").write_bytes(png(3))
    (tmp_path / "away.png").write_bytes(png(4))
    assert encode_picture(root, hub_uri("train", 0, "picture"), 8)
    for row in (1, 2):
        with pytest.raises(PictureRefusedError, match="outside the image root"):
            encode_picture(root, hub_uri("train", row, "picture"), 8)
    with pytest.raises(PictureRefusedError, match="missing row"):
        encode_picture(root, hub_uri("train", 9, "picture"), 8)
