"""Collect the predictions of every exit on labeled clips: run once by the device code, used by all that is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.datasets.cache import BROKEN_SHARE_LIMIT
from adafocus.calibration.predictions.ablations import Ablation, boxes_of
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.runtimes.tensors import dequantize
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import AdafocusError


@dataclass(frozen=True)
class Predictions:
    """Predictions of all exits, of clips that never stopped early.

    Attributes:
        clips: those that could be read, n of them.
        logits: ``(n, exits, K)`` float32.
        exit_macs: ``(exits,)`` int64, multiply-accumulates of one clip that leaves at each exit.
        exit_ms: ``(n, exits)`` float64, computing time from the decoded frames to each exit, resizing included.
        broken: clip path -> why it could not be read.
        candidate_indices: ``(n, focus_frames)`` int64, candidates that the focus looked at; may be empty.
        boxes: ``(n, focus_frames, 4)`` float32, where it looked; may be empty.
        context: ``(n, K)`` float32, the share of the glance in the logits of the last exit; empty where these are no
            sum, as in the ``long`` variant.
        seconds: ``(n,)`` float64, how long each video lasts; may be empty.
    """

    clips: tuple[LabeledClip, ...]
    logits: NDArray[np.float32]
    exit_macs: NDArray[np.int64]
    exit_ms: NDArray[np.float64]
    broken: dict[str, str] = field(default_factory=dict)
    candidate_indices: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 4), np.float32))
    context: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    seconds: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def groups(self, within_labels: bool = False) -> tuple[str, ...]:
        """Return the source of each clip; clips of one source are not independent.

        Args:
            within_labels: groups are numbered within each label, as those of UCF-101 are.
        """
        return group_names(self.clips, within_labels)


def group_names(clips: Sequence[LabeledClip], within_labels: bool) -> tuple[str, ...]:
    """Return the source of each clip, as :meth:`Predictions.groups` does."""
    return tuple(f"{clip.label}/{clip.group}" if within_labels else clip.group for clip in clips)


def collect(
    recognizer: Recognizer, clips: Sequence[LabeledClip], ablations: Mapping[str, Ablation]
) -> dict[str, Predictions]:
    """Decode every clip once and run all its exits; the ablations take turns on every clip.

    Args:
        recognizer: its thresholds are put aside meanwhile.
        clips: videos with labels.
        ablations: by the name of the run. What is random differs from clip to clip, and is the same in the next run.

    Raises:
        AdafocusError: there are no clips, or more than 1 % of them cannot be read; the sentence names the first.
    """
    if not clips:
        raise AdafocusError("There are no clips to run. Check the clip list and --split.")
    read: list[LabeledClip] = []
    broken: dict[str, str] = {}
    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in ablations}
    kept, recognizer.thresholds = recognizer.thresholds, None
    try:
        for clip in track(clips, "running every exit", console=Console(stderr=True), transient=True):
            try:
                decoded = read_clip(clip.path, recognizer.bundle.manifest.geometry)
            except AdafocusError as error:
                broken[str(clip.path)] = str(error)
                continue
            if not read:
                # a runtime plans and allocates in its first call
                recognizer.recognize_clip(decoded)
            for name, ablation in ablations.items():
                rows[name].append(_run(recognizer, decoded, ablation, len(read)))
            read.append(clip)
    finally:
        recognizer.thresholds = kept
    if len(broken) > BROKEN_SHARE_LIMIT * len(clips):
        first = next(iter(broken.values()))
        raise AdafocusError(f"{len(broken)} of {len(clips)} clips cannot be read, more than 1 %. The first: {first}")
    found = {}
    for name, some in rows.items():
        logits, ms, indices, boxes, context, seconds = map(np.array, zip(*some, strict=True))
        macs = np.array(recognizer.exit_macs[: logits.shape[1]])
        looked = indices.astype(np.int64)
        found[name] = Predictions(tuple(read), logits, macs, ms, broken, looked, boxes, context, seconds)
    return found


def _run(recognizer: Recognizer, clip: Clip, ablation: Ablation, number: int) -> tuple[object, ...]:
    """Run one clip and keep its logits, times, candidates, boxes, context and length; the pixels are let go."""
    geometry = recognizer.bundle.manifest.geometry
    boxes = boxes_of(geometry, ablation)
    found = recognizer.recognize_clip(
        clip,
        boxes=_centre_square(clip, geometry.share) if boxes == "glance" else boxes,
        frames=ablation.frames,
        shape=ablation.shape,
        seed=(ablation.seed, number),
        stop_after=ablation.stop_after,
    )
    context = _context(recognizer, found)
    seconds = clip.moment_s(clip.frame_count)
    return np.stack(found.exit_logits), found.exit_ms, found.candidate_indices, found.boxes, context, seconds


def _centre_square(clip: Clip, share: float) -> NDArray[np.float64]:
    """Return the centre square that the glance sees of whole frames, ``(1, 4)`` y, x, height, width as fractions."""
    height, width = clip.candidates[0].shape[:2]
    side = max(1, round(min(height, width) * share))
    top, left = (height - side) // 2, (width - side) // 2
    return np.array([[top / height, left / width, side / height, side / width]])


def _context(recognizer: Recognizer, found: Prediction) -> NDArray[np.float32]:
    """Return what the glance adds to the last logits, ``(K,)``; nothing where the focus does more than add."""
    manifest = recognizer.bundle.manifest
    if manifest.geometry.variant == "long":
        return np.empty(0, np.float32)
    outputs = recognizer.bundle.graph("glance", recognizer.runtime)[1].outputs  # type: ignore[arg-type]
    spec = next(spec for spec in outputs if spec.name == "context")
    return dequantize(found.calls[0].outputs["context"], spec).reshape(-1)
