"""Measure how alike copies that were encoded again are, and how alike other clips are.

    python -m benchmarks.robustness.likeness --clips clips.csv --clips more.csv --out likeness.json

Clips of different groups show what is alike by chance, clips of one group what one scene gives. Of a part of them
copies are encoded with x264 at several rates of quality, also at half the size, and held against what they were made
of. The limits in :mod:`adafocus.calibration.likeness` stand between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.labeled_clip import spread_evenly
from adafocus.calibration.likeness import ALIKE, COPY, COPY_MOTION, correlations, thumbnails_of
from adafocus.edge.video.clip import read_moments
from benchmarks.harness import PATH, Benchmark, console, option, out_option, write

# of x264, and the share of the sides
COPIES = ((18, 1.0), (23, 1.0), (28, 1.0), (35, 1.0), (28, 0.5))
# thumbnails are of the first second
COPIED_S = 2.0
QUANTILES = (0.0, 0.01, 0.5)


def encode_again(video: Path, crf: int, share: float, out: Path) -> None:
    """Write the beginning of a video again, with sides of a share of its own."""
    frames, fps = read_moments(video, lambda length_s, fps: np.arange(round(min(COPIED_S, length_s) * fps)) / fps)
    height, width = (max(2, 2 * int(side * share / 2)) for side in frames[0].shape[:2])
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf)}
        for frame in frames:
            small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        container.mux(stream.encode())


def of_clips(clips: Sequence[LabeledClip]) -> dict[str, Any]:
    """Return how alike clips of different groups and of one group are."""
    pictures, motions = correlations(np.stack([thumbnails_of(clip.path) for clip in track(clips, console=console)]))
    names = np.unique([clip.group for clip in clips], return_inverse=True)[1]
    same, above = names[:, None] == names[None], np.triu(np.ones_like(pictures, bool), 1)
    other, one = pictures[above & ~same], np.flatnonzero((above & same & (pictures >= ALIKE)).ravel())
    # of one scene, but no longer the same pictures
    scenes = np.sort(motions.ravel()[one])
    return {
        "clips": len(clips),
        "groups": int(names.max()) + 1,
        "highest_of_other_groups": float(other.max()) if other.size else None,
        "alike_within_groups": len(one),
        "highest_motion_within_groups": scenes[::-1][:5].tolist(),
    }


def of_copies(videos: Sequence[Path]) -> list[dict[str, Any]]:
    """Return how alike copies are to what they were made of, and what would be said of them."""
    rows = []
    with TemporaryDirectory(prefix="adafocus-") as folder:
        for crf, share in COPIES:
            found = np.array([_of_copy(video, crf, share, Path(folder, "copy.mp4")) for video in videos])
            picture, motion = found.T
            copies = (picture >= COPY) & (motion >= COPY_MOTION)
            rows.append(
                {
                    "crf": crf,
                    "share_of_sides": share,
                    "copies": len(videos),
                    "picture_lowest_1_percent_median": np.quantile(picture, QUANTILES).tolist(),
                    "motion_lowest_1_percent_median": np.quantile(motion, QUANTILES).tolist(),
                    "refused": int(copies.sum()),
                    "warned_of": int(((picture >= ALIKE) & ~copies).sum()),
                    "not_seen": int((picture < ALIKE).sum()),
                }
            )
    return rows


def _of_copy(video: Path, crf: int, share: float, place: Path) -> NDArray[np.float64]:
    """Return the correlations of pictures and of motion of a video and its copy, ``(2,)``."""
    encode_again(video, crf, share, place)
    both = correlations(np.stack([thumbnails_of(video), thumbnails_of(place)]))
    return np.array([matrix[0, 1] for matrix in both], np.float64)


@click.command(cls=Benchmark)
@click.option("--clips", "lists", required=True, multiple=True, type=PATH, help="Compare the clips of this list.")
@option("--copies", default=60, type=click.IntRange(1), help="Encode so many clips of each list again.")
@out_option
def main(lists: tuple[Path, ...], copies: int, out: Path | None) -> None:
    """Compare clips with each other, and with copies of them that are encoded again."""
    found: dict[str, Any] = {"command": "python -m benchmarks.robustness.likeness --clips ...", "limits": {}}
    found["limits"] = {"alike": ALIKE, "copy": COPY, "copy_motion": COPY_MOTION}
    videos: list[Path] = []
    for source in lists:
        clips = read_clips(source)
        found[source.stem] = of_clips(clips)
        videos += [clip.path for clip in spread_evenly(clips, copies)]
    found["copies"] = of_copies(videos)
    write(out, found)


if __name__ == "__main__":
    main()
