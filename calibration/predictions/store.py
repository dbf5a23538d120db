"""Answers on disk, so that other figures or another report need not run the clips again."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.collect import Answers, Way, collect_ways
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

KEY = "key"
PARTS = ("logits", "macs", "ms", "chosen", "boxes")


def graphs_sha256(recognizer: Recognizer) -> str:
    """One digest of a bundle's graphs in the opened runtime; its thresholds and notes do not count."""
    records = [recognizer.bundle.graph(stage, recognizer.runtime)[1] for stage in STAGES]  # type: ignore[arg-type]
    return hashlib.sha256("".join(record.sha256 for record in records).encode()).hexdigest()


def answers_of(
    recognizer: Recognizer, clips: Sequence[LabeledClip], ways: Mapping[str, Way], store: Path | None
) -> dict[str, Answers]:
    """Answers by way; from the store what is there, the rest by running the clips, and then into the store.

    Args:
        recognizer: of the bundle.
        clips: videos with labels.
        ways: by the name of the run.
        store: an .npz file that may be there or not; None: run everything and keep nothing.

    Raises:
        AdafocusError: the store is of another bundle, runtime or clip list, or is no such file.
    """
    key = {
        "graphs_sha256": graphs_sha256(recognizer),
        "runtime": recognizer.runtime,
        "threads": recognizer.threads,
        "clips": [[clip.path.as_posix(), _size(clip.path)] for clip in clips],
    }
    known = {} if store is None or not store.exists() else _read(store, key, clips)
    missing = {name: way for name, way in ways.items() if name not in known}
    if missing:
        known |= collect_ways(recognizer, clips, missing)
        if store is not None:
            _write(store, key, known)
    return {name: known[name] for name in ways}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _write(store: Path, key: Mapping[str, Any], answers: Mapping[str, Answers]) -> None:
    some = next(iter(answers.values()))
    read = [clip.path.as_posix() for clip in some.clips]
    note = json.dumps({KEY: key, "runs": list(answers), "read": read, "broken": some.broken})
    arrays: dict[str, Any] = {
        f"{number}.{part}": getattr(one, part) for number, one in enumerate(answers.values()) for part in PARTS
    }
    arrays[KEY] = np.array(note)
    with replacing_file(store) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def _read(store: Path, key: Mapping[str, Any], clips: Sequence[LabeledClip]) -> dict[str, Answers]:
    try:
        with np.load(store, allow_pickle=False) as found:
            note = json.loads(str(found[KEY]))
            arrays: dict[str, Any] = {name: found[name] for name in found.files if name != KEY}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise AdafocusError(f"{store} holds no answers ({error}). Delete it, or give another --answers.") from error
    differ = [name for name, value in key.items() if note[KEY].get(name) != value]
    if differ:
        raise AdafocusError(
            f"{store} holds answers of another run: {', '.join(differ)} differ. Delete it, or give another --answers."
        )
    by_path = {clip.path.as_posix(): clip for clip in clips}
    read = tuple(by_path[path] for path in note["read"])
    return {
        run: Answers(read, broken=note["broken"], **{part: arrays[f"{number}.{part}"] for part in PARTS})
        for number, run in enumerate(note["runs"])
    }
