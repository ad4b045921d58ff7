"""`noisette embed`: pictures to a table of features, a batch at a time; a killed run goes on at the next batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisette.errors import WorkspaceError
from noisette.features import Extractor, weight_hash
from noisette.features.user_models import is_user_model
from noisette.pipeline.backbone import about_embed, features_state, workspace_backbone
from noisette.pipeline.embed_run import EmbedRun
from noisette.pipeline.exclusive import alone
from noisette.pipeline.picture_notes import count_notes
from noisette.pipeline.provenance import record
from noisette.pipeline.workspace import Workspace, keep_settings
from noisette.store import ParquetTable, count_samples, read_notes
from noisette.types import BadRows, Progress, silent


@dataclass(frozen=True)
class EmbedResult:
    """What `embed` made, or found made.

    Attributes:
        path: the table.
        num_rows, num_features: its N and D.
        backbone: what gave the features.
        was_current: True where nothing was to be done.
        resumed: pictures that an earlier, stopped run had done.
        bad: the pictures left out; `converted` counts those that needed a conversion.
    """

    path: Path
    num_rows: int
    num_features: int
    backbone: str
    was_current: bool
    resumed: int
    bad: BadRows


def embed(
    workspace: Workspace,
    progress: Progress = silent,
    *,
    num_workers: int | None = None,
    device: str = "auto",
    fresh: bool = False,
) -> EmbedResult:
    """Make the features of a workspace's pictures, where they are missing or stale.

    Args:
        workspace: made from pictures.
        progress: called with the number of pictures done; it may raise to stop the work, which can be taken up again.
        num_workers: processes that load pictures; None = one a core, 0 = this process.
        device: "auto" = a GPU where there is one.
        fresh: start over, also where nothing has changed (pictures that were mended, say).

    Raises:
        WorkspaceError: the workspace was made from features; another run is at work; or there is a part of a table of
            other settings, and `fresh` does not say that it may go.
        TooManyBadRowsError: more pictures are bad than the settings allow; they are listed beside the table.
        DataFileError: no picture could be used.
    """
    if not workspace.has_images:
        raise WorkspaceError(
            f"{workspace.root} was made from features, there is nothing to embed; `noisette init --images DIR` makes a "
            "workspace from pictures"
        )
    about = about_embed(workspace)
    backbone = None
    if not fresh and features_state(workspace)[0] == "current":
        backbone = workspace_backbone(workspace) if _loads_weights_itself(workspace) else None
        if backbone is None or weight_hash(backbone.model) == ParquetTable(workspace.features).metadata["weights"]:
            keep_settings(workspace)
            return _found(workspace)
    precision: Any = workspace.settings.embed.precision  # checked when it was read
    extractor = Extractor(backbone or workspace_backbone(workspace), device=device, precision=precision)
    with alone(workspace.features, "noisette embed"):
        run = EmbedRun(workspace, extractor, about, progress, num_workers)
        run.clear(fresh=fresh)
        keep_settings(workspace)  # now that they have been seen to work
        manifest, resumed = run.write()
        record(workspace.features, about)
    name = extractor.backbone.name
    return EmbedResult(workspace.features, manifest.num_rows, manifest.num_features, name, False, resumed, run.bad)


def _loads_weights_itself(workspace: Workspace) -> bool:
    """Tell whether the backbone is a function of the user's, which may load anything."""
    return is_user_model(workspace.settings.embed.backbone)


def _found(workspace: Workspace) -> EmbedResult:
    """Give what an earlier run made, and what it had to say of pictures."""
    table, bad = ParquetTable(workspace.features), BadRows(on_error="skip", max_bad=1.0, noun="pictures")
    bad.read(count_samples(workspace.samples))
    count_notes(bad, workspace.image_root, read_notes(workspace.features))
    name = table.metadata.get("backbone", "")
    return EmbedResult(workspace.features, table.num_rows, table.num_features, name, True, 0, bad)
