"""What every exit of a bundle says of labelled clips: run once by the device code, used by all that is fitted to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.cache import BROKEN_SHARE_LIMIT
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Boxes, Frames, Recognizer, Shape
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError


@dataclass(frozen=True)
class Way:
    """Where the focus looks, as in :meth:`Recognizer.recognize_clip`; ``seed`` is of what is drawn."""

    boxes: Boxes = "policy"
    frames: Frames = "policy"
    shape: Shape = "deformable"
    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether another seed looks elsewhere."""
        return "random" in (self.boxes, self.frames)


@dataclass(frozen=True)
class Answers:
    """Answers of all exits, of clips that never stopped early.

    Attributes:
        clips: those that could be read, n of them.
        logits: ``(n, exits, K)`` float32.
        macs: ``(exits,)`` int64, multiply-accumulates of one clip that leaves at each exit.
        ms: ``(n, exits)`` float64, computing time from the decoded frames to each exit, resizing included.
        broken: clip path -> why it could not be read.
        chosen: ``(n, focus_frames)`` int64, candidates that the focus looked at; empty where nobody asked.
        boxes: ``(n, focus_frames, 4)`` float32, where it looked; likewise.
    """

    clips: tuple[LabeledClip, ...]
    logits: NDArray[np.float32]
    macs: NDArray[np.int64]
    ms: NDArray[np.float64]
    broken: dict[str, str] = field(default_factory=dict)
    chosen: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 4), np.float32))

    @property
    def groups(self) -> NDArray[np.str_]:
        """``(n,)`` source of each clip; clips of one source are not independent."""
        return np.array([clip.group for clip in self.clips])


def collect(recognizer: Recognizer, clips: Sequence[LabeledClip]) -> Answers:
    """Decode every clip once and ask every exit, looking where the policy says.

    Args:
        recognizer: its thresholds are put aside meanwhile.
        clips: videos with labels.

    Raises:
        AdafocusError: there are no clips, or more than 1 % of them cannot be read; the sentence names the first.
    """
    return collect_ways(recognizer, clips, {"": Way()})[""]


def collect_ways(recognizer: Recognizer, clips: Sequence[LabeledClip], ways: Mapping[str, Way]) -> dict[str, Answers]:
    """The same for several ways of looking, which take turns on every clip.

    Args:
        recognizer: its thresholds are put aside meanwhile.
        clips: videos with labels.
        ways: by name. What is drawn differs from clip to clip, and is the same in the next run.

    Raises:
        AdafocusError: there are no clips, or more than 1 % of them cannot be read; the sentence names the first.
    """
    if not clips:
        raise AdafocusError("There are no clips to ask. Check the clip list and --split.")
    kept, recognizer.thresholds = recognizer.thresholds, None
    broken: dict[str, str] = {}
    given: dict[str, list[_Given]] = {name: [] for name in ways}
    read: list[LabeledClip] = []
    try:
        for clip in track(clips, "asking every exit", console=Console(stderr=True), transient=True):
            try:
                decoded = read_clip(clip.path, recognizer.bundle.manifest.geometry)
            except AdafocusError as error:
                broken[str(clip.path)] = str(error)
                continue
            if not read:
                # a runtime plans and allocates in its first call
                recognizer.recognize_clip(decoded)
            for name, way in ways.items():
                answer = recognizer.recognize_clip(
                    decoded, boxes=way.boxes, frames=way.frames, shape=way.shape, seed=(way.seed, len(read))
                )
                given[name].append(_Given.of(answer))
            read.append(clip)
    finally:
        recognizer.thresholds = kept
    if len(broken) > BROKEN_SHARE_LIMIT * len(clips):
        first = next(iter(broken.values()))
        raise AdafocusError(f"{len(broken)} of {len(clips)} clips cannot be read, more than 1 %. The first: {first}")
    macs = np.array(recognizer.exit_macs)
    return {
        name: Answers(
            tuple(read),
            np.stack([answer.logits for answer in answers]),
            macs,
            np.array([answer.ms for answer in answers]),
            broken,
            np.array([answer.chosen for answer in answers]),
            np.stack([answer.boxes for answer in answers]),
        )
        for name, answers in given.items()
    }


@dataclass(frozen=True)
class _Given:
    """What is kept of one clip; the rest of its prediction, with all pixels, is let go."""

    logits: NDArray[np.float32]
    ms: tuple[float, ...]
    chosen: tuple[int, ...]
    boxes: NDArray[np.float32]

    @classmethod
    def of(cls, answer: Prediction) -> _Given:
        return cls(np.stack(answer.exit_logits), answer.exit_ms, answer.candidate_indices, answer.boxes)
