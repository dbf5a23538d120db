"""What every exit of a bundle says of labelled clips: run once by the device code, used by all that is fitted to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from calibration.clips import LabelledClip
from calibration.clips.cache import BROKEN_SHARE_LIMIT
from edge.clip import read_clip
from edge.errors import AdafocusError
from edge.recognizer import Boxes, Frames, Recognizer


@dataclass(frozen=True)
class Answers:
    """Answers of all exits, of clips that never stopped early.

    Attributes:
        clips: those that could be read, n of them.
        logits: ``(n, exits, K)`` float32.
        macs: ``(exits,)`` int64, multiply-accumulates of one clip that leaves at each exit.
        ms: ``(n, exits)`` float64, computing time from the decoded frames to each exit, resizing included.
        broken: clip path -> why it could not be read.
    """

    clips: tuple[LabelledClip, ...]
    logits: NDArray[np.float32]
    macs: NDArray[np.int64]
    ms: NDArray[np.float64]
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> NDArray[np.str_]:
        """``(n,)`` source of each clip; clips of one source are not independent."""
        return np.array([clip.group for clip in self.clips])


def collect(
    recognizer: Recognizer, clips: Sequence[LabelledClip], *, boxes: Boxes = "policy", frames: Frames = "policy"
) -> Answers:
    """Decode every clip once and ask every exit.

    Args:
        recognizer: its thresholds are put aside meanwhile.
        clips: videos with labels.
        boxes: where the focus looks, as in :meth:`Recognizer.recognize_clip`.
        frames: which frames it looks at, likewise.

    Raises:
        AdafocusError: there are no clips, or more than 1 % of them cannot be read; the sentence names the first.
    """
    kept, recognizer.thresholds = recognizer.thresholds, None
    broken: dict[str, str] = {}
    logits: list[NDArray[np.float32]] = []
    ms: list[tuple[float, ...]] = []
    read: list[LabelledClip] = []
    try:
        for clip in track(clips, "asking every exit", console=Console(stderr=True), transient=True):
            try:
                decoded = read_clip(clip.path, recognizer.bundle.manifest.geometry)
            except AdafocusError as error:
                broken[str(clip.path)] = str(error)
                continue
            if not read:
                # a runtime plans and allocates in its first call
                recognizer.recognize_clip(decoded, boxes=boxes, frames=frames)
            answer = recognizer.recognize_clip(decoded, boxes=boxes, frames=frames)
            read.append(clip)
            logits.append(np.stack(answer.exit_logits))
            ms.append(answer.exit_ms)
    finally:
        recognizer.thresholds = kept
    if not clips:
        raise AdafocusError("There are no clips to ask. Check the clip list and --split.")
    if len(broken) > BROKEN_SHARE_LIMIT * len(clips):
        first = next(iter(broken.values()))
        raise AdafocusError(f"{len(broken)} of {len(clips)} clips cannot be read, more than 1 %. The first: {first}")
    return Answers(tuple(read), np.stack(logits), np.array(recognizer.exit_macs), np.array(ms), broken)
