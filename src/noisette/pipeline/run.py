"""`noisette run`: every step that is stale, in order; and the joint training of classifier and verifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.errors import InvalidInputError
from noisette.pipeline import train as training_step
from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.embed import EmbedResult, embed
from noisette.pipeline.report import make_report
from noisette.pipeline.rounds import RoundsResult, run_rounds
from noisette.pipeline.rounds_settings import END_TO_END
from noisette.pipeline.run_end_to_end import run_end_to_end
from noisette.pipeline.train import TrainResult
from noisette.pipeline.workspace import Workspace, open_workspace
from noisette.types import Progress, silent

ROUNDS = "rounds"


@dataclass(frozen=True)
class RunResult:
    """What a run made, or found made.

    Attributes:
        embedding: features, where there are pictures.
        detection: of the features that are there now.
        report: its page.
        training: the classifier of `train`, or of the joint training end to end; None = not asked for.
        rounds: the joint loop; None = not asked for.
        classifier: the folder of the classifier that is the result; None = none was trained.
        notes: what a person should know of a joint training, beside the notes of detection.
    """

    embedding: EmbedResult | None
    detection: DetectResult
    report: Path
    training: TrainResult | None = None
    rounds: RoundsResult | None = None
    classifier: Path | None = None
    notes: tuple[str, ...] = ()


def run(
    workspace: Workspace | Path | str,
    progress: Progress = silent,
    *,
    rounds: int = 0,
    joint: str = ROUNDS,
    train: bool = False,
    verified_last: bool = False,
    num_workers: int | None = None,
    device: str = "auto",
) -> RunResult:
    """Run all stale steps of a workspace; what is current is left as it is, what was stopped goes on.

    Args:
        workspace: the workspace, or its folder.
        progress: called with (what, done, total) during long work; it may raise to stop it.
        rounds: of the joint loop: train on everything, then `rounds` times features, wrong labels, fine-tuning on
            weighted labels; 0 = no loop. See `pipeline.rounds.run_rounds`.
        joint: "rounds", or "end-to-end": one training of backbone, classifier and CleanNet.
        train: train a classifier by the settings `train` after detection; a joint training does so itself.
        verified_last: after the rounds fine-tune on nothing but labels that people know; also a setting.
        num_workers: processes that load pictures; None = one a core, 0 = this one.
        device: "auto" = a GPU where there is one.

    Raises:
        InvalidInputError: options or settings do not go together.
        WorkspaceError: rounds need pictures, and the workspace was made from features; or another run is at work.
        NotVerifiedError: `verified_last`, and nobody has found a label correct or named the right one.

    Example:
        >>> import noisette
        >>> done = noisette.run("work", rounds=2)  # doctest: +SKIP
        >>> done.classifier, done.detection.num_issues  # doctest: +SKIP
        (PosixPath('work/models/round-2'), 1289)
    """
    opened = workspace if isinstance(workspace, Workspace) else open_workspace(Path(workspace))
    _check(rounds, joint, train=train, verified_last=verified_last)
    if joint == END_TO_END:
        made = run_end_to_end(opened, progress, num_workers=num_workers, device=device)
        report = make_report(made.workspace, progress)
        return RunResult(
            made.embedding, made.detection, report, made.training, classifier=made.classifier, notes=made.notes
        )
    if rounds:
        loop = run_rounds(
            opened,
            rounds,
            progress,
            num_workers=num_workers,
            device=device,
            verified_last=verified_last or opened.settings.rounds.verified_last,
        )
        report = make_report(loop.workspace, progress)
        return RunResult(
            loop.embedding, loop.detection, report, rounds=loop, classifier=loop.classifier, notes=loop.notes
        )
    return _steps(opened, progress, train, num_workers, device)


def _check(rounds: int, joint: str, *, train: bool, verified_last: bool) -> None:
    if joint not in (ROUNDS, END_TO_END):
        raise InvalidInputError(f"`joint` must be {ROUNDS} or {END_TO_END}, got {joint!r}")
    if rounds < 0:
        raise InvalidInputError(f"`rounds` must be at least 0, got {rounds}")
    if joint == END_TO_END and rounds:
        raise InvalidInputError(f"`joint` {END_TO_END} has no rounds, got {rounds}; leave `rounds` out")
    if verified_last and not rounds:
        raise InvalidInputError("`verified_last` is the last step of rounds, got none; say how many, such as 2")
    if train and (rounds or joint == END_TO_END):
        raise InvalidInputError("`train` goes with neither rounds nor end-to-end, which train themselves; leave it out")


def _steps(
    opened: Workspace, progress: Progress, with_training: bool, num_workers: int | None, device: str
) -> RunResult:
    embedding = embed(opened, progress, num_workers=num_workers, device=device) if opened.has_images else None
    found = detect(opened, progress)
    report = make_report(opened, progress)
    if not with_training:
        return RunResult(embedding, found, report)
    trained = training_step.train(opened, progress, num_workers=num_workers, device=device)
    return RunResult(embedding, found, report, trained, classifier=trained.path)
