"""Runs on a device, emulated or not: every number that the recognizer sees and gives, into one file.

    python answers.py BUNDLE RUNTIME OUT.npz VIDEO ... [FRAMES.npz ...]

An ``.npz`` in place of a video holds frames that another device decoded, as this program writes them.
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import golden_clip
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.edge.video.kept_frames import Candidates

GOLDEN = "golden"
# fields of a clip that make it up; the rest says how it was read
FRAMES = ("glance", "candidates", "glance_indices", "candidate_indices")
BEST = 5
Numbers = dict[str, NDArray[np.generic]]


def numbers_of(clip: Clip, recognizer: Recognizer) -> Numbers:
    """Frames, every tensor of every call, and the answer, by ``<part>/<name>``."""
    started = time.perf_counter()
    answer = recognizer.recognize_clip(clip)
    found: Numbers = {f"frames/{name}": np.asarray(getattr(clip, name)) for name in FRAMES}
    for number, call in enumerate(answer.calls):
        for way, arrays in (("in", call.inputs), ("out", call.outputs)):
            found |= {f"{way}/{number}.{call.stage}.{name}": values for name, values in arrays.items()}
    found["answer/chosen"] = np.array(answer.candidate_indices, np.int64)
    found["answer/frame_indices"] = np.array(answer.frame_indices, np.int64)
    found["answer/boxes"] = answer.boxes
    found["answer/patches"] = answer.patches
    found["answer/logits"] = answer.logits
    found["answer/label"] = np.array(answer.label)
    found["answer/best"] = np.array([label for label, _ in answer.top(BEST)])
    found["took/s"] = np.array(time.perf_counter() - started)
    return found


def stored_clip(path: Path) -> Clip:
    """Frames that another device decoded."""
    with np.load(path, allow_pickle=False) as content:
        parts = {name: content[name] for name in FRAMES}
    parts["candidates"] = Candidates(parts["candidates"])
    return Clip(**parts, frame_count=int(parts["candidate_indices"].max()) + 1, fps=1.0)


def main(bundle: str, runtime: str, out: str, *sources: str) -> None:
    """Answer the golden clip and every source."""
    opened = Bundle.open(bundle)
    recognizer = Recognizer.open(opened, runtime)
    clips = {GOLDEN: golden_clip(opened)}
    for source in map(Path, sources):
        stored = source.suffix == ".npz"
        clips[source.name] = stored_clip(source) if stored else read_clip(source, opened.manifest.geometry)
    content: dict[str, Any] = {"machine": np.array(platform.machine()), "opencv": np.array(cv2.__version__)}
    for name, clip in clips.items():
        content |= {f"{name}/{key}": values for key, values in numbers_of(clip, recognizer).items()}
    np.savez(out, **content)


if __name__ == "__main__":
    main(*sys.argv[1:])
