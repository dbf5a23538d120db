"""Predictions on disk, so that other figures or another report need not run the clips again."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import Ablation
from adafocus.calibration.predictions.collect import Predictions, collect
from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.bundle.manifest import STAGES
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


def graphs_sha256(recognizer: Recognizer) -> str:
    """Digest a bundle's graphs in the opened runtime; its thresholds and notes do not count."""
    records = [recognizer.bundle.graph(stage, recognizer.runtime)[1] for stage in STAGES]  # type: ignore[arg-type]
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
        "clips": [[clip.path.as_posix(), _size(clip.path)] for clip in clips],
    }
    known = {} if store is None or not store.exists() else _read(store, key, clips)
    missing = {name: ablation for name, ablation in ablations.items() if name not in known}
    if missing:
        known |= collect(recognizer, clips, missing)
        if store is not None:
            _write(store, key, known)
    return {name: known[name] for name in ablations}


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
        for array, name in ARRAYS.items()
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
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise AdafocusError(
            f"{store} holds no predictions ({error}). Delete it, or give another --predictions."
        ) from error
    differ = [name for name, value in key.items() if note[KEY].get(name) != value]
    if differ:
        raise AdafocusError(
            f"{store} holds predictions of another run: {', '.join(differ)} differ. Delete it, or give another "
            "--predictions."
        )
    by_path = {clip.path.as_posix(): clip for clip in clips}
    read = tuple(by_path[path] for path in note["read"])
    return {
        run: Predictions(
            read, broken=note["broken"], **{name: arrays[f"{number}.{array}"] for array, name in ARRAYS.items()}
        )
        for number, run in enumerate(note["runs"])
    }
