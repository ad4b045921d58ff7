"""Shards whose names tell how many there are, which is known only once the last is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from noisette.data.exports.pictures import read_picture
from noisette.data.exports.records import ExportJob
from noisette.data.exports.shards import Entry, write_shards


def write_numbered(
    job: ExportJob, split: str, start: str, ending: str, write: Callable[[Path, Iterator[Entry]], None]
) -> list[tuple[str, str]]:
    """Write the shards of a split under working names, ``<start>00000<ending>``.

    Returns:
        For each shard its working and its final name, ``<start>00000-of-00003<ending>``, both below the export.
    """
    samples = job.samples
    shards = write_shards(
        job,
        split,
        lambda number: f"{start}{number:05d}{ending}",
        write,
        lambda row: read_picture(samples.root, samples.uris[row]),
    )
    files = [shard.file for shard in shards if shard.file]
    return [(file, f"{file.removesuffix(ending)}-of-{len(files):05d}{ending}") for file in files]


def rename(folder: Path, names: list[tuple[str, str]]) -> None:
    """Give the shards their final names, once all splits are written."""
    for working, final in names:
        (folder / working).replace(folder / final)
