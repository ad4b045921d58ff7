"""`noisette init --images`, `--manifest`, `--dataset`: from pictures to a workspace without features yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noisette.data import read_class_list
from noisette.data.datasets import (
    DATASETS,
    ImageDataset,
    dataset_options,
    read_dataset,
    read_image_folder,
    read_manifest,
)
from noisette.errors import DataFileError, InvalidInputError
from noisette.pipeline.creation.rows import Created, RowCollector, bad_rows_policy, write_rows
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import EMBEDDED, create_workspace
from noisette.types import BadRows, Progress, silent

_SHOW_EVERY = 1000


@dataclass(frozen=True)
class ImageSource:
    """Where pictures come from, as a person says it; see `noisette init --help`."""

    images: Path | None = None
    manifest: Path | None = None
    dataset: str | None = None
    root: Path | None = None
    test_root: Path | None = None
    label_field: str | None = None
    classes: Path | None = None

    def check(self) -> None:
        """Check that these options go together.

        Raises:
            InvalidInputError: they do not; the message says which, as `noisette init` calls them.
        """
        if sum(source is not None for source in (self.images, self.manifest, self.dataset)) != 1:
            raise InvalidInputError("give one of --images DIR, --manifest FILE and --dataset NAME")
        if self.dataset is None:
            return
        if self.dataset not in DATASETS:
            raise InvalidInputError(f"--dataset must be one of {', '.join(DATASETS)}, got {self.dataset!r}")
        if self.root is None:
            raise InvalidInputError("--dataset NAME needs --root DIR, the folder of the data set")
        takes = dataset_options(self.dataset)
        options = {"test_root": self.test_root, "label_field": self.label_field, "class_names": self.classes}
        for name, value in options.items():
            if value is not None and name not in takes:
                option = "classes" if name == "class_names" else name.replace("_", "-")
                raise InvalidInputError(f"--{option} means nothing for --dataset {self.dataset}; leave it out")

    def read(self, bad: BadRows) -> ImageDataset:
        """Open the data set; `bad` takes what in it cannot be used."""
        self.check()
        names = read_class_list(self.classes) if self.classes is not None else None
        if self.images is not None:
            return read_image_folder(self.images, bad, class_names=names)
        if self.manifest is not None:
            return read_manifest(self.manifest, bad, root=self.root, class_names=names)
        return read_dataset(
            str(self.dataset),
            self.root or Path(),
            bad,
            test_root=self.test_root,
            label_field=self.label_field,
            class_names=names,
        )


def create_from_images(
    root: Path,
    source: ImageSource,
    settings: Settings,
    *,
    verified: Path | None = None,
    progress: Progress = silent,
) -> Created:
    """Make a workspace from an image data set. Pictures are not opened: `embed` does that, and reports broken ones.

    Args:
        root: folder of the workspace.
        source: the data set.
        settings: settings of the workspace.
        verified: a further file of verification labels, see `noisette labels import`.
        progress: called with the number of samples found.

    Raises:
        DataFileError: the data set has no usable sample.
    """
    bad = bad_rows_policy(settings)
    bad.noun = "rows" if source.manifest is not None else "files"
    dataset = source.read(bad)
    settings = settings.with_options(input={"features": EMBEDDED}, images={"root": _root_setting(root, dataset.root)})
    workspace = create_workspace(root, settings, dataset.class_names)
    rows, now = RowCollector(), datetime.now(UTC)
    for sample in dataset.samples:
        rows.add_sample(sample, now)
        if len(rows.keys) % _SHOW_EVERY == 0:
            progress("found", len(rows.keys), 0)
    if not rows.keys:
        raise DataFileError(dataset.root, f"no picture could be used: {bad.summary()}")
    return write_rows(workspace, rows, bad, workspace.classes, verified)


def _root_setting(workspace: Path, images: Path) -> str:
    """Give the pictures' folder relative to a workspace that holds it (they move together), else absolute."""
    workspace, images = workspace.resolve(), images.resolve()
    if images.is_relative_to(workspace):
        return images.relative_to(workspace).as_posix()
    return images.as_posix()
