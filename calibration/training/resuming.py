"""What a run was started with: kept in what it resumes from, and compared before it goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adafocus.calibration.datasets import FrameCache
from adafocus.errors import AdafocusError, CheckpointError
from adafocus.networks.checkpoints import read_pickle

Facts = dict[str, Any]
MADE_FROM = "made_from"
# names of facts, as sentences call them
RECIPE, SETTINGS, LABELS, STARTS, TEACHER, NETWORK = (
    "recipe", "settings", "class names", "start weights", "teacher", "checkpoint",
)  # fmt: skip
TRAINING_CLIPS, VALIDATION_CLIPS = "clips to train on", "clips to validate on"
MAX_LISTED = 3
SHOWN_DIGITS = 8


def clip_facts(cache: FrameCache, indices: Iterable[int]) -> Facts:
    """Return how many clips there are, and digests of their videos and labels, in their order."""
    chosen = [int(index) for index in indices]
    return {
        "clips": len(chosen),
        "videos": digest(cache.content_key(index) for index in chosen),
        "labels": digest("|".join(cache.clips[index].labels) for index in chosen),
    }


def digest(lines: Iterable[str]) -> str:
    """Return a digest of lines of text."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def read_run(path: Path, keys: Iterable[str], made_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read what a run resumes from; None where the run has not begun.

    Args:
        path: of the file in the folder of the run.
        keys: that it must have.
        made_from: what the run is asked for now, as far as it is known yet.

    Raises:
        AdafocusError: the file is damaged, or the run was started with something else; the sentence says what differs.
    """
    if not path.exists():
        return None
    try:
        state = read_pickle(path)
    except CheckpointError as error:
        raise damaged(path) from error
    if not isinstance(state, dict) or not {*keys} <= state.keys():
        raise damaged(path)
    saved = state.get(MADE_FROM)
    if not isinstance(saved, dict):
        raise AdafocusError(
            f"{path.parent} holds a run that does not say what it was started with, as those of earlier versions. "
            "Give an empty --work folder."
        )
    found = [text for name, value in made_from.items() for text in _difference(name, saved.get(name), value)]
    if found:
        raise AdafocusError(
            f"{path.parent} holds a run of {'; and of '.join(found)}. Give an empty --work folder, or what that run "
            "was started with."
        )
    return state


def damaged(path: Path) -> AdafocusError:
    """Return the error that says of a file that no run can resume from it."""
    return AdafocusError(
        f"{path} is damaged or no checkpoint of a run, so the run cannot go on from it. Delete it to begin the run "
        "anew, or give another --work folder."
    )


def _difference(name: str, saved: Any, asked: Any) -> list[str]:
    """Say how what a run was started with differs from what is asked for; nothing where it does not."""
    if saved == asked:
        return []
    if isinstance(saved, dict) and isinstance(asked, dict):
        if name in (TRAINING_CLIPS, VALIDATION_CLIPS):
            return [f"other {name} ({_clip_difference(saved, asked)})"]
        keys = [key for key in {**saved, **asked} if saved.get(key) != asked.get(key)]
        values = [f"{key} is {_shown(saved.get(key))} there, {_shown(asked.get(key))} here" for key in keys]
        more = f", and {len(keys) - MAX_LISTED} more" if len(keys) > MAX_LISTED else ""
        word = "other" if name in (SETTINGS, STARTS) else "another"
        return [f"{word} {name} ({'; '.join(values[:MAX_LISTED])}{more})"]
    if isinstance(saved, list) and isinstance(asked, list):
        return [f"other {name} ({_names(saved)} there; {_names(asked)} here)"]
    return [f"another {name} ({_shown(saved)} there, {_shown(asked)} here)"]


def _clip_difference(saved: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    if saved.get("clips") != asked["clips"]:
        return f"{saved.get('clips')} there, {asked['clips']} here"
    if saved.get("videos") != asked["videos"]:
        return f"{asked['clips']} of other content, or in another order"
    return "the same videos with other labels"


def _shown(value: Any) -> str:
    """Return a value in a sentence; of a digest the beginning."""
    text = "none" if value is None else str(value)
    return text if len(text) < len(digest([])) or " " in text else text[:SHOWN_DIGITS] + "..."


def _names(names: Sequence[Any]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(map(str, names[:MAX_LISTED])) + more
