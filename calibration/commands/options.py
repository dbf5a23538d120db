"""Options that several workstation verbs share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from adafocus.errors import AdafocusError

DEFAULT_CACHE = Path(".cache/clips")
FILE = click.Path(path_type=Path)
Verb = Callable[..., Any]
AtLeastOne = click.IntRange(min=1)

clip_sets = click.option(
    "--clips",
    "sources",
    type=FILE,
    multiple=True,
    required=True,
    help="Read clips from this clip set; give the option again for a further one, and all are one set.",
)
cache_folder = click.option(
    "--cache", type=FILE, default=DEFAULT_CACHE, show_default=True, help="Keep decoded clips in this folder."
)


label_map = click.option("--label-map", type=FILE, help="Translate clip labels to bundle labels by this YAML file.")
groups_within_labels = click.option(
    "--groups-within-labels",
    is_flag=True,
    help="Number groups within each label, as in UCF-101: equal names are different groups.",
)
predictions = click.option(
    "--predictions",
    "--answers",
    "predictions",
    type=FILE,
    help="Keep all predictions in this .npz file, or read them if they are there.",
)


def clip_list(split: str) -> Callable[[Verb], Verb]:
    """Add the argument CLIPS and ``--split`` with this help text."""

    def decorated(verb: Verb) -> Verb:
        with_split = click.option("--split", default="val", show_default=True, help=split)(verb)
        return click.argument("clip_list", metavar="CLIPS", type=FILE)(with_split)

    return decorated


def refuse_folders(**files: Path | None) -> None:
    """Refuse folders where files are to be written; names are those of the options.

    Raises:
        AdafocusError: one of them is a folder.
    """
    for name, path in files.items():
        if path is not None and path.is_dir():
            raise AdafocusError(f"--{name} is the folder {path}, expected the name of a file.")


def listed_videos(sources: Iterable[Path | None], *outputs: Path | None) -> list[Path]:
    """Return the videos that clip sets list, where an output exists already and may be one of them.

    Raises:
        AdafocusError: a set is malformed.
    """
    from adafocus.calibration.datasets.clip_sets import is_clip_set, read_clips

    if not any(path is not None and path.exists() for path in outputs):
        return []
    sets = [source for source in sources if source is not None and is_clip_set(source)]
    return [clip.path for source in sets for clip in read_clips(source)]


def work_folder(contents: str) -> Callable[[Verb], Verb]:
    """Add ``--work``; the help text names its contents."""
    return click.option(
        "--work", type=FILE, required=True, help=f"Keep {contents} in this folder; a run resumes there."
    )


def out_file(contents: str) -> Callable[[Verb], Verb]:
    """Add ``--out``; the help text names what is written there."""
    return click.option("--out", type=FILE, required=True, help=f"Write {contents} to this .safetensors file.")


def splits(training: str, validation: str) -> Callable[[Verb], Verb]:
    """Add ``--train-split`` and ``--val-split`` with these help texts; 'all' and 'none' become None."""
    given: dict[str, Any] = {"show_default": True, "callback": _split}

    def decorated(verb: Verb) -> Verb:
        val_split = click.option("--val-split", "--judge", "val_split", default="val", help=validation, **given)
        train_split = click.option("--train-split", "--split", "train_split", default="train", help=training, **given)
        return train_split(val_split(verb))

    return decorated


def _split(context: click.Context, parameter: click.Parameter, name: str) -> str | None:
    return None if name in ("all", "none") else name
