"""Measure what ``--cheap-frames`` changes: the same videos with frames in equal steps, and with frames that cost less.

    python -m benchmarks.boards.cheap_frames BUNDLE --clips ucf6.csv --out cheap.json
    python -m benchmarks.device_figures cheap_frames=cheap.json --out results/device.yaml

Both ways of reading take turns on every video, in one thread each, so that a busy machine is busy for both.
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from adafocus.calibration.datasets.clip_sets import read_clips
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from benchmarks.harness import (
    PATH,
    Benchmark,
    clips_option,
    machine,
    median,
    option,
    out_option,
    rounded,
    split_option,
    take_turns,
    write,
)

EXACT, CHEAP = "equal steps", "cheap frames"
# how much answers change where hardly anything does
LATER_FRAMES = 2


def measure(bundle: Path, clip_list: Path, split: str, turns: int) -> dict[str, Any]:
    """Recognize every clip of a list both ways.

    Raises:
        AdafocusError: no bundle, or no clips.
    """
    recognizer = Recognizer.open(bundle, threads=1)
    clips = read_clips(clip_list, split)
    geometry = recognizer.bundle.manifest.geometry
    calls = {name: partial(_read, geometry=geometry, cheap=name == CHEAP, one_thread=True) for name in (EXACT, CHEAP)}
    read = take_turns(calls, [clip.path for clip in clips], 1, turns, "reading")
    count = len(clips)
    spent = {
        name: sum(median([rows[turn * count + place][0] for turn in range(turns)]) for place in range(count))
        for name, rows in read.items()
    }
    exact, cheap = ([recognizer.recognize_clip(clip) for _, clip in read[name][:count]] for name in (EXACT, CHEAP))
    later = [
        recognizer.recognize_clip(read_clip(clip.path, geometry, (LATER_FRAMES, one.frame_count)))
        for clip, (_, one) in zip(clips, read[EXACT], strict=False)
    ]
    truth = [clip.label for clip in clips]
    moved = [
        np.abs(one.candidate_indices - other.candidate_indices) / one.frame_count
        for (_, one), (_, other) in zip(read[EXACT][:count], read[CHEAP][:count], strict=True)
    ]
    changes = [abs(one.score - other.score) for one, other in zip(exact, cheap, strict=True)]
    return {
        "bundle": recognizer.bundle.manifest.name,
        "videos": count,
        "same_label": sum(one.label == other.label for one, other in zip(exact, cheap, strict=True)),
        "same_label_two_frames_later": sum(one.label == other.label for one, other in zip(exact, later, strict=True)),
        "right": {
            EXACT: sum(one.label == label for one, label in zip(exact, truth, strict=True)),
            CHEAP: sum(one.label == label for one, label in zip(cheap, truth, strict=True)),
        },
        "mean_change_of_the_score": float(np.mean(changes)),
        "frames_moved_share_of_the_video": {
            "mean": float(np.mean(np.concatenate(moved))),
            "largest": float(max(part.max() for part in moved)),
        },
        "read_processor_ms_per_video": {name: total / count for name, total in spent.items()},
        "processor_ratio": spent[CHEAP] / spent[EXACT],
    }


def _read(path: Path, **how: Any) -> tuple[float, Clip]:
    """Return the processor time of reading a clip, in milliseconds, and the clip."""
    began = time.process_time()
    clip = read_clip(path, **how)
    return 1e3 * (time.process_time() - began), clip


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@clips_option
@split_option
@option("--turns", default=3, type=click.IntRange(1), help="Read each video this many times, and once before.")
@out_option
def main(bundle: Path, clip_list: Path, split: str, turns: int, out: Path | None) -> None:
    """Measure what cheap frames change for BUNDLE."""
    content = {
        "command": f"python -m benchmarks.boards.cheap_frames {bundle.name} --clips {clip_list.name} --turns {turns}",
        "machine": machine(),
        "load": os.getloadavg()[0],
        "turns": turns,
    }
    write(out, rounded({**content, **measure(bundle, clip_list, split, turns)}))


if __name__ == "__main__":
    main()
