"""Predictions on disk, so that other figures or another report need not run the clips again."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.predictions.ablations import Ablation
from adafocus.calibration.predictions.collect import Predictions, collect
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError

KEY = "key"
# array of the file -> field of Predictions
ARRAYS = {
    "logits": "logits",
    "macs": "exit_macs",
    "ms": "exit_ms",
    "chosen": "candidate_indices",
    "boxes": "boxes",
}
# likewise; what earlier versions kept lacks them
ADDED = {"context": "context", "seconds": "seconds"}


def graphs_sha256(recognizer: Recognizer) -> str:
    """Digest a bundle's graphs in the opened runtime; its thresholds and notes do not count."""
    stages = recognizer.bundle.manifest.geometry.stage_names
    records = [recognizer.bundle.graph(stage, recognizer.runtime)[1] for stage in stages]  # type: ignore[arg-type]
    return hashlib.sha256("".join(record.sha256 for record in records).encode()).hexdigest()


def load_or_collect(
    recognizer: Recognizer, clips: Sequence[LabeledClip], ablations: Mapping[str, Ablation], store: Path | None
) -> dict[str, Predictions]:
    """Load predictions from a file; collect those that are missing by running the clips, and add them to the file.

    Args:
        recognizer: of the bundle.
        clips: videos with labels.
        ablations: by the name of the run.
        store: an .npz file that may be there or not; None: run everything and keep nothing.

    Returns:
        predictions by the name of the run.

    Raises:
        AdafocusError: the file is of another bundle, runtime or clip list, or holds something else.
    """
    key = {
        "graphs_sha256": graphs_sha256(recognizer),
        "runtime": recognizer.runtime,
        "threads": recognizer.threads,
        # a policy of motion has no graph, so what it does stands here alone
        "geometry": recognizer.bundle.manifest.geometry.model_dump(mode="json"),
        "clips": [[clip.path.as_posix(), _content(clip.path)] for clip in clips],
    }
    known = {} if store is None or not store.exists() else _read(store, key, clips)
    missing = {name: ablation for name, ablation in ablations.items() if name not in known}
    if missing:
        known |= collect(recognizer, clips, missing)
        if store is not None:
            _write(store, key, known)
    return {name: known[name] for name in ablations}


def _content(path: Path) -> str:
    """Return what stands for a video's content; nothing where it cannot be read."""
    try:
        return content_key(path)
    except OSError:
        return ""


def _size(path: Path) -> int:
    """Return the size of a file in bytes, -1 where there is none."""
    return path.stat().st_size if path.exists() else -1


def _write(store: Path, key: Mapping[str, Any], known: Mapping[str, Predictions]) -> None:
    """Write all runs to one file that appears when it is whole."""
    some = next(iter(known.values()))
    read = [clip.path.as_posix() for clip in some.clips]
    note = json.dumps({KEY: key, "runs": list(known), "read": read, "broken": some.broken})
    arrays: dict[str, Any] = {
        f"{number}.{array}": getattr(run, name)
        for number, run in enumerate(known.values())
        for array, name in (ARRAYS | ADDED).items()
    }
    arrays[KEY] = np.array(note)
    with replacing_file(store) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def _read(store: Path, key: Mapping[str, Any], clips: Sequence[LabeledClip]) -> dict[str, Predictions]:
    """Read all runs of a file that must be of this bundle, runtime and clip list."""
    try:
        with np.load(store, allow_pickle=False) as found:
            note = json.loads(str(found[KEY]))
            arrays: dict[str, Any] = {name: found[name] for name in found.files if name != KEY}
        saved, read, broken, runs = note[KEY], [*note["read"]], dict(note["broken"]), [*note["runs"]]
        found_clips = [(path, content) for path, content in saved["clips"]]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise AdafocusError(
            f"{store} holds no predictions ({error}). Delete it, or give another --predictions."
        ) from error
    if all(isinstance(content, int) for _, content in found_clips):
        # files of earlier versions know the sizes of videos alone
        key = {**key, "clips": [[clip.path.as_posix(), _size(clip.path)] for clip in clips]}
    if "geometry" not in saved:
        # files of earlier versions are of bundles whose graphs say it all
        key = {name: value for name, value in key.items() if name != "geometry"}
    differ = [name for name, value in key.items() if saved.get(name) != value]
    if differ:
        raise AdafocusError(
            f"{store} holds predictions of another run: {', '.join(differ)} differ. Delete it, or give another "
            "--predictions."
        )
    by_path = {clip.path.as_posix(): clip for clip in clips}
    try:
        shown = tuple(by_path[path] for path in read)
        return {run: Predictions(shown, broken=broken, **_of_run(arrays, number)) for number, run in enumerate(runs)}
    except KeyError as error:
        raise AdafocusError(
            f"{store} lacks {error} and so is damaged. Delete it, or give another --predictions."
        ) from error


def _of_run(arrays: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the arrays of one run by the fields of Predictions.

    Raises:
        KeyError: one is missing.
    """
    known = {array: name for array, name in ADDED.items() if f"{number}.{array}" in arrays}
    return {name: arrays[f"{number}.{array}"] for array, name in (ARRAYS | known).items()}
