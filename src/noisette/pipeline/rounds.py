"""The joint loop: classifier -> features -> verifier -> weights -> fine-tuned classifier -> features -> ..."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisette.errors import InvalidInputError, WorkspaceError
from noisette.pipeline.backbone import about_embed
from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.embed import EmbedResult, embed
from noisette.pipeline.embed_run import is_begun_otherwise as is_embedding_begun_otherwise
from noisette.pipeline.evaluate import evaluate
from noisette.pipeline.exclusive import alone
from noisette.pipeline.provenance import forget, record
from noisette.pipeline.rounds_about import about_round, is_tampered_with, round_state
from noisette.pipeline.rounds_notes import BestRound, best_round, round_notes
from noisette.pipeline.rounds_record import (
    RoundRecord,
    finite,
    forget_round,
    forget_rounds,
    kept_numbers,
    read_round,
    record_path,
    write_round,
)
from noisette.pipeline.rounds_settings import (
    END_TO_END,
    features_of,
    first_training,
    last_step,
    round_name,
    tuning,
    with_start,
)
from noisette.pipeline.train import TrainResult, check_start, is_begun_otherwise, train
from noisette.pipeline.train_labels import SOFT, training_labels
from noisette.pipeline.workspace import SETTINGS_FILE, Workspace, keep_settings
from noisette.store import folder_hash, read_samples
from noisette.types import Progress, silent


@dataclass(frozen=True)
class RoundsResult:
    """What the joint loop made, or found made.

    Attributes:
        workspace: with the settings of the last round's features.
        classifier: the folder of the last classifier.
        records: a record a round, the last step on verified labels among them.
        best: the classifier that is best by validation; None where there is no such split.
        embedding, detection: of the last round.
        notes: what a person should know.
        was_current: True where nothing was to be done.
    """

    workspace: Workspace
    classifier: Path
    records: tuple[RoundRecord, ...]
    best: BestRound | None
    embedding: EmbedResult
    detection: DetectResult
    notes: tuple[str, ...]
    was_current: bool

    def to_json(self) -> dict[str, Any]:
        """Give the rounds as JSON values."""
        return {
            "classifier": str(self.classifier),
            "rounds": [one.to_json() for one in self.records],
            "best": None if self.best is None else self.best._asdict(),
            "notes": list(self.notes),
            "was_current": self.was_current,
        }


def run_rounds(
    workspace: Workspace,
    rounds: int,
    progress: Progress = silent,
    *,
    num_workers: int | None = None,
    device: str = "auto",
    verified_last: bool = False,
) -> RoundsResult:
    """Run the joint loop; rounds that are current are left as they are.

    Round 0 trains a classifier on everything, by the settings `train` without weights. Round r takes features of the
    classifier of round r - 1, finds references, fits the verifiers, and fine-tunes that classifier with the weights of
    the settings `train`, as the settings `rounds` say. The classifiers are models/round-0, models/round-1, ...; the
    features and scores are those of the last round. Half-done work of other settings or inputs is thrown away.

    Args:
        workspace: made from pictures.
        rounds: at least 1.
        progress: called during long work; it may raise to stop it.
        num_workers: processes that load pictures; None = one a core, 0 = this one.
        device: "auto" = a GPU where there is one.
        verified_last: add a step on nothing but labels that people know; models/round-N-verified.

    Raises:
        InvalidInputError: there is no such number of rounds, or settings do not go together.
        WorkspaceError: the workspace was made from features; or another run is at work.
        NotVerifiedError: `verified_last`, and nobody has found a label correct or named the right one.
    """
    _check(workspace, rounds)
    workspace = with_start(workspace)
    if verified_last:  # before hours of work
        training_labels(last_step(workspace, rounds), read_samples(workspace.samples))
    with alone(workspace.rounds, "noisette run --rounds"):
        check_start(first_training(workspace), round_name(0))  # before rounds are forgotten
        keep_settings(workspace)
        loop = _Loop(workspace, progress, num_workers, device)
        loop.first()
        for number in range(1, rounds + 1):
            loop.round(number)
        if verified_last:
            loop.last_step(rounds)
        found = loop.features_and_scores(rounds)
    names = [round_name(number) for number in range(rounds + 1)]
    names += [round_name(rounds, verified=True)] if verified_last else []
    records = tuple(one for one in (read_round(workspace, name) for name in names) if one is not None)
    return RoundsResult(
        workspace=features_of(workspace, round_name(rounds - 1)),
        classifier=workspace.model(records[-1].name),
        records=records,
        best=best_round(records),
        embedding=found[0],
        detection=found[1],
        notes=tuple(dict.fromkeys((*(note for one in records for note in one.notes), *round_notes(records)))),
        was_current=loop.was_current,
    )


def _check(workspace: Workspace, rounds: int) -> None:
    if rounds < 1:
        raise InvalidInputError(f"`rounds` must be at least 1, got {rounds}")
    if not workspace.has_images:
        raise WorkspaceError(
            f"{workspace.root} was made from features, so there are no pictures to take new features of; make a "
            "workspace with `noisette init DIR --images DIR`, or train on these features: `noisette run --train`"
        )
    if workspace.settings.train.weights == END_TO_END:
        raise InvalidInputError(
            f"`train.weights` {END_TO_END} needs no rounds; take --joint {END_TO_END}, or --weights soft with --rounds"
        )
    _check_scores(workspace)


def _check_scores(workspace: Workspace) -> None:
    """See that detection will give the weights that training wants: before a round is trained."""
    detect, options = workspace.settings.detect, workspace.settings.train
    if options.weights in SOFT and detect.weights == "hard":
        raise InvalidInputError(
            f"`train.weights` {options.weights} needs soft weights, and `detect.weights` is hard; set it to soft in "
            f"{workspace.root / SETTINGS_FILE}, or take --weights hard"
        )
    judges = detect.candidates if detect.verifier == "auto" else (detect.verifier,)
    if options.verifier and options.verifier not in judges:
        raise InvalidInputError(
            f"`train.verifier` must be one that `detect` fits, {', '.join(judges)}, got {options.verifier!r}; change "
            f"it, or `detect.verifier`, in {workspace.root / SETTINGS_FILE}"
        )


class _Loop:
    """One call: makes what is not current, in order."""

    def __init__(self, workspace: Workspace, progress: Progress, num_workers: int | None, device: str) -> None:
        self.workspace, self.progress = workspace, progress
        self.options: dict[str, Any] = {"num_workers": num_workers, "device": device}
        self.was_current = True
        self._made: tuple[int, EmbedResult, DetectResult] | None = None
        self._to_begin_again: set[str] = set()

    def first(self) -> None:
        """Train a classifier on everything."""
        if self._is_current(0):
            return
        forget_rounds(self.workspace, 0)
        self._train(round_name(0), 0, first_training(self.workspace), about_round(self.workspace, 0))

    def round(self, number: int) -> None:
        """Take new features, find wrong labels, fine-tune."""
        if self._is_current(number):
            return
        forget_rounds(self.workspace, number)
        about = about_round(self.workspace, number)  # of the decisions before anything is made of them
        embedding, found = self.features_and_scores(number)
        self._made = number, embedding, found
        self._train(round_name(number), number, tuning(self.workspace, number), about, found)

    def last_step(self, number: int) -> None:
        """Fine-tune on labels that people know."""
        if self._is_current(number, verified=True):
            return
        name = round_name(number, verified=True)
        forget_round(self.workspace, name)
        about = about_round(self.workspace, number, verified=True)
        self._train(name, number, last_step(self.workspace, number), about)

    def features_and_scores(self, number: int) -> tuple[EmbedResult, DetectResult]:
        """Give a round's features and scores, which the next round writes over; nothing is made twice."""
        if self._made is not None and self._made[0] == number:
            return self._made[1:]
        opened, progress = features_of(self.workspace, round_name(number - 1)), self._named(number)
        fresh = is_embedding_begun_otherwise(opened, about_embed(opened), self.options["device"])
        embedding = embed(opened, progress, fresh=fresh, **self.options)
        self.was_current &= embedding.was_current
        return embedding, detect(opened, progress)

    def _is_current(self, number: int, *, verified: bool = False) -> bool:
        is_current = round_state(self.workspace, number, verified=verified)[0] == "current"
        name = round_name(number, verified=verified)
        if not is_current and is_tampered_with(self.workspace, name):
            self._to_begin_again.add(name)
            forget(self.workspace.model(name))  # also if this run is stopped before it is made again
        self.was_current &= is_current
        return is_current

    def _train(
        self, name: str, number: int, opened: Workspace, about: dict[str, Any], found: DetectResult | None = None
    ) -> None:
        fresh = name in self._to_begin_again or is_begun_otherwise(opened, name, self.options["device"])
        trained = train(opened, self._named(number), name=name, fresh=fresh, **self.options)
        write_round(self.workspace, _measured(opened, number, trained, found))
        record(record_path(self.workspace, name), about)

    def _named(self, number: int) -> Progress:
        return lambda what, done, total: self.progress(f"round {number}: {what}", done, total)


def _measured(workspace: Workspace, number: int, trained: TrainResult, found: DetectResult | None) -> RoundRecord:
    """Put together what is kept of a round."""
    detection = held_out = None
    if found is not None and found.measured:
        detection = finite(dataclasses.asdict(next(row for row in found.measured if row.name == found.chosen)))
        beyond = evaluate(workspace, verifiers=(found.chosen,)).evaluation_splits
        held_out = finite(dataclasses.asdict(beyond[0])) if beyond else None
    facts = trained.facts
    return RoundRecord(
        number=number,
        name=trained.path.name,
        weights=facts.weights,
        verifier="" if found is None else found.chosen,
        num_issues=None if found is None else found.num_issues,
        detection=detection,
        held_out=held_out,
        evaluation=kept_numbers(facts.evaluation),
        learned_from=facts.num_samples,
        notes=tuple(facts.notes),
        model=folder_hash(trained.path),
    )
