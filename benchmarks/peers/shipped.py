"""Rows of a bundle that is shipped: the whole of it on decoded frames, and the graph of its glance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.predictions.ablations import OWN, policy_name
from adafocus.calibration.predictions.store import load_or_collect
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.video.clip import clip_from_frames
from benchmarks.full_frame import decoded
from benchmarks.harness import random_inputs
from benchmarks.peers.makers import US
from benchmarks.peers.row import CLIP, DECODED, OURS, Row

TIMED_CLIPS = 6
RUNTIME = "litert"


def shipped_rows(path: Path, threads: int, clips: Sequence[LabeledClip], kept: Path) -> list[Row]:
    """Open a bundle, collect its predictions once, and return its rows.

    The graph of the glance is timed with random numbers, which take it as long as any others.

    Raises:
        AdafocusError: the bundle cannot be opened, or clips cannot be read.
    """
    recognizer = Recognizer.open(path, RUNTIME, threads=threads)
    manifest = recognizer.bundle.manifest
    name = policy_name(manifest.geometry)
    # predictions are the same whatever the threads, but a store is of one number of them
    alone = Recognizer.open(path, RUNTIME, threads=1)
    found = load_or_collect(alone, clips, {name: OWN}, kept / f"{path.stem}.npz")[name]
    frames = cycle([decoded(clip.path) for clip in shortest(clips)])

    def recognize() -> Prediction:
        """Recognize the next clip, from decoded frames to the prediction, without stopping early."""
        return recognizer.recognize_clip(clip_from_frames(next(frames), manifest.geometry, fps=1.0))

    record = recognizer.bundle.graph("glance", RUNTIME)[1]
    glance, arrays = recognizer.graphs["glance"], random_inputs(record)
    whole, part = f"bundle {manifest.name}, glance and focus", f"bundle {manifest.name}, graph of the glance"
    return [
        Row(OURS, whole, US, "int8", RUNTIME, DECODED, path.stat().st_size, recognize, found.logits[:, -1]),
        Row(OURS, part, US, "int8", RUNTIME, CLIP, record.bytes, lambda: glance.run(arrays), found.logits[:, 0]),
    ]


def shortest(clips: Sequence[LabeledClip]) -> list[LabeledClip]:
    """Return the smallest file of each label, at most :data:`TIMED_CLIPS` of them: all their frames are in memory."""
    first: dict[str, LabeledClip] = {}
    for clip in sorted(clips, key=lambda clip: (clip.path.stat().st_size, clip.path.name)):
        first.setdefault(clip.label, clip)
    return list(first.values())[:TIMED_CLIPS]
