"""``noisette init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisette.cli.console import JsonOption, command, finish, progress_bar, quoted, warn
from noisette.cli.init_sources import check_options

if TYPE_CHECKING:
    from noisette.pipeline.creation.from_images import ImageSource
    from noisette.pipeline.creation.rows import Created

OnErrorOption = Annotated[str, typer.Option(help='Bad rows: "skip" counts them and goes on, "stop" ends at the first.')]
MaxBadOption = Annotated[str, typer.Option(help="With skip: the largest share of bad rows, as 0.01 or 1%.")]


def share(text: str) -> float:
    """Read a share given as 0.01 or as 1%."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"expected a share such as 0.01 or 1%, got {text!r}")
    return value


def on_error_value(text: str) -> str:
    """Check the value of --on-error."""
    if text not in ("skip", "stop"):
        raise typer.BadParameter(f"--on-error must be skip or stop, got {text!r}")
    return text


@command
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new workspace.")],
    images: Annotated[Path | None, typer.Option(help="Pictures: a folder with a folder a class.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Pictures: CSV or Parquet with path (or shard, member) and given_label.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Pictures: food101n, clothing1m, webvision, mini-webvision, animal10n, cifar10n, cifar100n, "
            "webdataset or huggingface, in --root.",
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of --dataset; of --manifest where paths are relative.")
    ] = None,
    test_root: Annotated[Path | None, typer.Option(help="With food101n: the folder of Food-101.")] = None,
    label_field: Annotated[str | None, typer.Option(help="Which label, where a data set has several.")] = None,
    features: Annotated[Path | None, typer.Option(help="Features: .npy, .npz, .csv or Parquet.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Given labels: CSV, TSV, Parquet or .npy; ids or names.")] = None,
    classes: Annotated[Path | None, typer.Option(help="Class names, one a line.")] = None,
    verified: Annotated[Path | None, typer.Option(help="Verification labels: key, verification_label.")] = None,
    class_list: Annotated[Path | None, typer.Option(help="Reference data: class names, one a line.")] = None,
    all_tsv: Annotated[Path | None, typer.Option(help="Reference data: key, class, features of all images.")] = None,
    verified_tsv: Annotated[Path | None, typer.Option(help="Reference data: the verified images.")] = None,
    validation_tsv: Annotated[Path | None, typer.Option(help="Reference data: the validation images.")] = None,
    arrays: Annotated[Path | None, typer.Option(help="Reference data: folder with train, val and all .npy.")] = None,
    allow_pickle: Annotated[
        bool, typer.Option(help="Read all.npy, which is a pickled array; trusted files only.")
    ] = False,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    on_error: OnErrorOption = "skip",
    max_bad: MaxBadOption = "1%",
    random_state: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace from pictures, from features and labels, or from the reference implementation's files."""
    from noisette.pipeline.creation.from_files import create_from_files
    from noisette.pipeline.creation.from_images import ImageSource, create_from_images
    from noisette.pipeline.creation.from_reference import create_from_reference_arrays, create_from_reference_tsvs
    from noisette.pipeline.settings import Settings

    check_options(
        {
            "images": images,
            "manifest": manifest,
            "dataset": dataset,
            "root": root,
            "test_root": test_root,
            "label_field": label_field,
            "features": features,
            "labels": labels,
            "classes": classes,
            "verified": verified,
            "class_list": class_list,
            "all_tsv": all_tsv,
            "verified_tsv": verified_tsv,
            "validation_tsv": validation_tsv,
            "arrays": arrays,
            "allow_pickle": allow_pickle or None,
        }
    )
    settings = Settings().with_options(
        project={"title": title or directory.resolve().name, "random_state": random_state},
        input={"on_error": on_error_value(on_error), "max_bad": share(max_bad)},
    )
    with progress_bar() as progress:
        if images is not None or manifest is not None or dataset is not None:
            source = ImageSource(images, manifest, dataset, root, test_root, label_field, classes)
            _check(source)
            created = create_from_images(directory, source, settings, verified=verified, progress=progress)
        elif features is not None:
            created = create_from_files(directory, features, labels, classes, verified, settings, progress)
        elif arrays is not None and class_list is not None:
            created = create_from_reference_arrays(
                directory, class_list, arrays, settings, allow_pickle=allow_pickle, progress=progress
            )
        elif class_list is not None and all_tsv is not None and verified_tsv is not None:
            created = create_from_reference_tsvs(
                directory, class_list, all_tsv, verified_tsv, validation_tsv, settings, progress
            )
        else:
            raise typer.BadParameter(
                "give --images DIR, --manifest FILE, --dataset NAME --root DIR, or --features FILE [--labels FILE], or "
                "--class-list FILE with --all-tsv FILE --verified-tsv FILE or with --arrays DIR"
            )
    _show(directory, created, as_json)


def _check(source: ImageSource) -> None:
    from noisette.errors import InvalidInputError

    try:
        source.check()
    except InvalidInputError as error:
        raise typer.BadParameter(str(error)) from error


def _show(directory: Path, created: Created, as_json: bool) -> None:
    for text in created.warnings:
        warn(text)
    imported = created.imported
    unusable = [] if imported is None else [*imported.bad_rows.rows, *imported.problems]
    for row in (*created.bad_rows.rows[:10], *unusable[:10]):
        warn(str(row))
    what = f", {created.num_features} features each" if created.num_features else "; their features come next"
    lines = [
        f"{created.num_samples} samples of {created.num_classes} classes{what}",
        created.bad_rows.summary() + (f"; see {created.workspace.skipped}" if created.bad_rows.num_bad else ""),
    ]
    if created.num_verified:
        lines.append(f"{created.num_verified} verification labels came with the data set")
    if imported is not None:
        left_out = f" ({len(unusable)} rows unusable; see {created.workspace.skipped})" if unusable else ""
        lines.append(f"{imported.added} verification labels imported{left_out}")
    result = {
        "workspace": str(directory),
        "num_samples": created.num_samples,
        "num_features": created.num_features,
        "num_classes": created.num_classes,
        "bad_rows": dict(created.bad_rows.counts),
        "warnings": list(created.warnings),
        "verification_labels_of_the_data_set": created.num_verified,
        "verification_labels": None if imported is None else imported.added,
        "unusable_verification_labels": [str(row) for row in unusable],
    }
    finish(result, as_json, lines, f"noisette run -w {quoted(directory)}")
