"""Options that several workstation verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT_CACHE = Path(".cache/clips")
Verb = Callable[..., Any]
AtLeastOne = click.IntRange(min=1)

clip_sets = click.option(
    "--clips", "sources", type=click.Path(path_type=Path), multiple=True, required=True, help="Clip set; repeatable."
)
cache_folder = click.option("--cache", type=click.Path(path_type=Path), default=DEFAULT_CACHE, show_default=True)


def work_folder(holds: str) -> Callable[[Verb], Verb]:
    """``--work``, and what is found in it."""
    return click.option("--work", type=click.Path(path_type=Path), required=True, help=f"Folder for {holds}.")


def out_file(what: str) -> Callable[[Verb], Verb]:
    """``--out``, and what is written there."""
    return click.option(
        "--out", type=click.Path(path_type=Path), required=True, help=f"{what} to write (.safetensors)."
    )


def splits(teaching: str, judging: str) -> Callable[[Verb], Verb]:
    """``--split`` and ``--judge``; :func:`chosen_split` reads them."""

    def decorated(verb: Verb) -> Verb:
        judge = click.option("--judge", default="val", show_default=True, help=judging)
        return click.option("--split", default="train", show_default=True, help=teaching)(judge(verb))

    return decorated


def chosen_split(given: str) -> str | None:
    """A split's name; None for 'all' or 'none'."""
    return None if given in ("all", "none") else given
