"""Stored answers: logits and features of clips by a teacher, in an .npz file whose clips are known by their content."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.datasets.fingerprints import joined, parted
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError, shell_word

SUFFIX = ".npz"
FORMAT = "adafocus answers 1"
# arrays of the file; the note is text in JSON
KEYS, LOGITS, FEATURES, NOTE = "keys", "logits", "features", "note"
MAX_SHOWN = 3
Row = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Answers:
    """What one teacher says of clips.

    Attributes:
        rows: content of a clip, as ``cache_entry.content_key`` has it -> logits ``(K,)`` and features ``(C,)``, what
            the last layer of the teacher takes, float32; C may be 0.
        labels: K class names; none where the teacher does not name its classes.
        made_from: the teacher and how it saw the clips, as plain data; what is compared before answers are added.
        command: words of the command that makes them, without clips and output.
        seen: fingerprints of the clips that the teacher was made with.
    """

    rows: dict[str, Row]
    labels: tuple[str, ...]
    made_from: dict[str, Any]
    command: tuple[str, ...] = ()
    seen: frozenset[str] = field(default_factory=frozenset)

    @property
    def classes(self) -> int:
        """K, 0 where there is no clip yet."""
        return next((len(logits) for logits, _ in self.rows.values()), 0)

    def logits(self, keys: Iterable[str]) -> NDArray[np.float32]:
        """Return the logits of clips by their content, ``(n, K)``."""
        return np.stack([self.rows[key][0] for key in keys])

    def features(self, keys: Iterable[str]) -> NDArray[np.float32]:
        """Return the features of clips by their content, ``(n, C)``."""
        return np.stack([self.rows[key][1] for key in keys])


def clip_key(clip: LabeledClip) -> str:
    """Return what stands for the content of a clip.

    Raises:
        AdafocusError: its video cannot be read.
    """
    try:
        return content_key(clip.path)
    except OSError as error:
        raise AdafocusError(f"Cannot read the clip {clip.path}: {error.strerror}. Check its path.") from error


def is_answers(path: Path) -> bool:
    """Return whether a file is one of stored answers rather than a checkpoint, by its name."""
    return path.suffix.lower() == SUFFIX


def check_name(option: str, path: Path) -> None:
    """Refuse a name by which stored answers would not be known.

    Raises:
        AdafocusError: it ends in something else.
    """
    if not is_answers(path):
        raise AdafocusError(f"{option} is {path}, expected a name that ends in {SUFFIX}.")


def write_answers(path: Path, answers: Answers) -> None:
    """Write answers; the file appears only when it is whole.

    Raises:
        AdafocusError: the folder cannot be written to, or the disk is full.
    """
    note = {
        "format": FORMAT,
        "labels": list(answers.labels),
        "made_from": answers.made_from,
        "command": list(answers.command),
        "seen": joined(answers.seen),
    }
    keys = list(answers.rows)
    arrays: dict[str, Any] = {
        KEYS: np.array(keys),
        LOGITS: answers.logits(keys),
        FEATURES: answers.features(keys),
        NOTE: np.array(json.dumps(note)),
    }
    with replacing_file(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)


def read_answers(path: Path) -> Answers:
    """Read answers.

    Raises:
        AdafocusError: there is no such file, or it is another one, or damaged.
    """
    if not path.is_file():
        raise AdafocusError(f"There are no stored answers at {path}. Make them: adafocus predict CHECKPOINT")
    try:
        with np.load(path, allow_pickle=False) as found:
            note = json.loads(str(found[NOTE]))
            keys, logits, features = found[KEYS].tolist(), found[LOGITS], found[FEATURES]
        if note["format"] != FORMAT:
            raise ValueError(f"its format is {note['format']!r}")
        labels, made_from = tuple(note["labels"]), dict(note["made_from"])
        command, seen = tuple(note["command"]), frozenset(parted(note["seen"]))
        if logits.ndim != 2 or features.ndim != 2 or not len(keys) == len(set(keys)) == len(logits) == len(features):
            raise ValueError(f"it has {len(keys)} clips, {len(logits)} logits and {len(features)} features")
        if labels and len(labels) != logits.shape[1]:
            raise ValueError(f"it has {len(labels)} labels and {logits.shape[1]} logits of a clip")
        if not (np.isfinite(logits).all() and np.isfinite(features).all()):
            raise ValueError("its numbers are not finite")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise AdafocusError(
            f"{path} holds no stored answers, or is damaged ({error}). Delete it, and make it again: adafocus predict"
        ) from error
    rows = zip(logits.astype(np.float32), features.astype(np.float32), strict=True)
    return Answers(dict(zip(keys, rows, strict=True)), labels, made_from, command, seen)


def read_features(path: Path) -> Answers:
    """Read answers that have features.

    Raises:
        AdafocusError: they have none, as those of a probe, or as :func:`read_answers`.
    """
    answers = read_answers(path)
    if not answers.rows or not all(len(features) for _, features in answers.rows.values()):
        raise AdafocusError(f"{path} holds no features, so nothing can be fitted to it. Make it by: adafocus predict")
    return answers


def read_unfinished(path: Path, wanted: Answers) -> Answers:
    """Return what is stored already of the answers that are wanted; none of it where there is no file yet.

    Args:
        path: of the file.
        wanted: of the same teacher, without rows.

    Raises:
        AdafocusError: the file is of another teacher, or it saw its clips in another way.
    """
    if not path.exists():
        return wanted
    stored = read_answers(path)
    differ = [
        f"{name} is {_shown(stored.made_from.get(name))} there, {_shown(wanted.made_from.get(name))} here"
        for name in {**stored.made_from, **wanted.made_from}
        if stored.made_from.get(name) != wanted.made_from.get(name)
    ]
    if stored.labels != wanted.labels:
        differ.append("its class names are others")
    if differ:
        raise AdafocusError(
            f"{path} holds the answers of another run: {'; '.join(differ[:MAX_SHOWN])}. Delete it, or give another "
            "--out."
        )
    return Answers(stored.rows, wanted.labels, wanted.made_from, wanted.command, wanted.seen)


def refuse_missing(path: Path, answers: Answers, keys: Iterable[str], sources: Iterable[Path]) -> None:
    """Refuse answers that lack clips; say by which command they are added.

    Args:
        path: of the answers.
        answers: as stored there.
        keys: content of the clips that are needed.
        sources: clip sets that they are of.

    Raises:
        AdafocusError: clips are missing.
    """
    wanted = list(keys)
    missing = sum(key not in answers.rows for key in wanted)
    if missing:
        sets = [word for source in sources for word in ("--clips", shell_word(source))]
        words = (*answers.command, *sets, "--out", shell_word(path))
        raise AdafocusError(
            f"{path} lacks the answers on {missing} of {len(wanted)} clips. Add them: {' '.join(words)}"
        )


def _shown(value: Any) -> str:
    """Return a value in a sentence; of a digest the beginning."""
    text = "none" if value is None else str(value)
    return text if len(text) < 64 or " " in text else f"{text[:8]}..."
