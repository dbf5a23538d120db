"""The whole of ``adafocus predict``: a teacher's answers on the clips of a set, computed once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.cache import BROKEN_SHARE_LIMIT
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.teachers.answers import Answers, Row, read_unfinished, write_answers
from adafocus.calibration.teachers.loading import Teacher, open_teacher
from adafocus.calibration.training.class_names import read_class_names
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError, shell_word

# what a killed run loses at most
SAVE_EVERY_S = 60.0
MAX_NAMED = 10


@dataclass(frozen=True)
class Request:
    """Whose answers on which clips.

    Attributes:
        checkpoint: of the teacher.
        sources: clip sets.
        split: of the clips; None for every clip.
        out: file of the answers, which may hold some of them already.
        labels: file of class names, for published checkpoints.
        views: of every clip, spread over the video; answers are means over them.
        mirror: whether every view is seen mirrored as well.
        frames: that the teacher sees of a view; None for its own number.
        size: side of its input in pixels, likewise.
        see: what it sees of a frame, in place of its own views; one or several.
    """

    checkpoint: Path
    sources: Sequence[Path]
    split: str | None
    out: Path
    labels: Path | None = None
    views: int = 1
    mirror: bool = False
    frames: int | None = None
    size: int | None = None
    see: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """Words of the command that makes these answers, without clips and output."""
        given = {"--labels": self.labels, "--frames": self.frames, "--size": self.size}
        options = [word for name, value in given.items() if value is not None for word in (name, _word(value))]
        options += ["--views", str(self.views)] if self.views > 1 else []
        options += ["--mirror"] if self.mirror else []
        options += [word for name in self.see for word in ("--see", name)]
        return ("adafocus", "predict", _word(self.checkpoint), *options)


def _word(value: Path | int) -> str:
    """Return an option's value as a shell has to see it."""
    return shell_word(value) if isinstance(value, Path) else str(value)


def predict(request: Request) -> Answers:
    """Compute the answers that the file does not hold yet, and say how many are right.

    Raises:
        AdafocusError: something given is missing or does not fit, or more than 1 % of the clips cannot be read.
    """
    console = Console(highlight=False)
    clips = read_clips(request.sources, request.split)
    labels = () if request.labels is None else read_class_names(request.labels)
    teacher = open_teacher(request.checkpoint, labels, frames=request.frames, size=request.size, views=request.see)
    made_from = {
        "checkpoint": sha256_of(request.checkpoint),
        "clips": teacher.clips.as_dict(),
        "views": request.views,
        "mirror": request.mirror,
    }
    wanted = Answers({}, teacher.labels, made_from, request.command, teacher.seen)
    answers = read_unfinished(request.out, wanted)
    keys, broken = _keys(clips)
    broken |= _fill(answers, clips, keys, teacher, request)
    for reason in list(broken.values())[:MAX_NAMED]:
        console.print(f"left out: {reason}", soft_wrap=True, markup=False)
    there = {index: key for index, key in keys.items() if key in answers.rows}
    for line in shares_right(answers, [(clips[index], key) for index, key in there.items()]):
        console.print(line)
    console.print(f"wrote {request.out}: the answers on {len(there)} clips", soft_wrap=True, markup=False)
    return answers


def _keys(clips: Sequence[LabeledClip]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the content of each clip, and why others cannot be read, by their places."""
    keys, broken = {}, {}
    for index, clip in enumerate(clips):
        try:
            keys[index] = content_key(clip.path)
        except OSError as error:
            broken[index] = f"Cannot read the clip {clip.path}: {error.strerror}. Check its path."
    _refuse_broken(broken, len(clips))
    return keys, broken


def _fill(
    answers: Answers, clips: Sequence[LabeledClip], keys: dict[int, str], teacher: Teacher, request: Request
) -> dict[int, str]:
    """Compute what is missing, and write the file now and then; return why clips cannot be answered.

    A run that ends early leaves a whole file of the clips so far.
    """
    missing = [index for index, key in keys.items() if key not in answers.rows]
    broken: dict[int, str] = {}
    unsaved, saved = False, time.monotonic()
    try:
        for index in track(missing, "asking the teacher", console=Console(stderr=True), disable=not missing):
            try:
                row = answer(teacher, clips[index].path, request.views, mirror=request.mirror)
            except AdafocusError as error:
                broken[index] = str(error)
                _refuse_broken(broken, len(clips))
                continue
            answers.rows[keys[index]] = row
            unsaved = True
            if time.monotonic() - saved > SAVE_EVERY_S:
                write_answers(request.out, answers)
                unsaved, saved = False, time.monotonic()
    finally:
        if unsaved:
            write_answers(request.out, answers)
    return broken


def _refuse_broken(broken: dict[int, str], count: int) -> None:
    """Refuse a set of which too many clips cannot be read.

    Raises:
        AdafocusError: it names the first of them.
    """
    if len(broken) > BROKEN_SHARE_LIMIT * count:
        raise AdafocusError(
            f"{len(broken)} of {count} clips cannot be read, more than {100 * BROKEN_SHARE_LIMIT:g} %. Repair them, or "
            f"take them off the list. The first: {next(iter(broken.values()))}"
        )


@torch.inference_mode()
def answer(teacher: Teacher, path: Path, views: int = 1, *, mirror: bool = False) -> Row:
    """Return a teacher's logits ``(K,)`` and features ``(C,)`` of one video: what its last layer takes.

    Both are means over the views and their mirror images. Where a teacher sees each view in several ways, features are
    joined, and the logits are the logarithm of the mean probability, as each way has a confidence of its own.

    Raises:
        VideoError: not a video, or no frame of it can be decoded.
    """
    seen = teacher.clips.read(path, views)
    logits, features = [], []
    for inputs in zip(*seen, strict=True):
        shown = [view for part in inputs for view in ((part, part.flip(-1)) if mirror else (part,))]
        pooled = torch.cat([teacher.net.encoder(view[None]).mean((1, 3, 4)) for view in shown])
        features.append(teacher.net.head.hidden(pooled).mean(0))
        logits.append(teacher.net.head(pooled).mean(0))
    together = logits[0] if len(logits) == 1 else mean_probability(torch.stack(logits))
    return together.numpy(), torch.cat(features).numpy()


def mean_probability(logits: Tensor) -> Tensor:
    """Return the logarithm of the mean probability ``(..., K)`` over the first axis of logits ``(n, ..., K)``."""
    return logits.log_softmax(-1).logsumexp(0) - float(np.log(len(logits)))


def shares_right(answers: Answers, clips: Sequence[tuple[LabeledClip, str]]) -> list[str]:
    """Say for every split how many clips are answered right; nothing where the teacher knows none of their labels."""
    right: dict[str, list[bool]] = {}
    for clip, key in clips:
        if not set(clip.labels).isdisjoint(answers.labels):
            said = answers.labels[int(answers.rows[key][0].argmax())]
            right.setdefault(clip.split, []).append(said in clip.labels)
    return [f"{split}: {100 * np.mean(hits):.1f} % of {len(hits)} clips right" for split, hits in sorted(right.items())]
