"""Videos of a planted set: a wall of backgrounds that play there and back, a clip that is shown in a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.files import replacing_file
from adafocus.edge.policy.motion import MAX_CHANGE, STEPS, cell_levels
from adafocus.edge.video.clip import read_moments
from adafocus.errors import AdafocusError
from adafocus.native_names import native_name
from benchmarks.planted.draws import Draw

Pixels = NDArray[np.uint8]

# a longer clip is shown from its middle
LONGEST_S = 3.0
# constant quality that keeps fine texture; what x264 finds by looking ahead differs from run to run, even in one thread
CODEC, PIXELS = "libx264", "yuv420p"
OPTIONS = {"crf": "18", "preset": "fast", "tune": "zerolatency", "threads": "1"}
# 30000/1001 and the like
LARGEST_DENOMINATOR = 1001
# busyness: pairs of frames, so far apart
PAIRS, APART_S = 8, 0.2


@dataclass(frozen=True)
class Planted:
    """What was made of one clip.

    Attributes:
        frames: of the whole video.
        fps: of the clip, so each of its frames is shown once.
        box_px: top, left, height, width of the planted clip.
        size_px: height, width of the frame.
        first: frame in which the clip appears.
        count: frames that show it.
    """

    frames: int
    fps: float
    box_px: tuple[int, int, int, int]
    size_px: tuple[int, int]
    first: int
    count: int


def middle_part(length_s: float, fps: float) -> NDArray[np.float64]:
    """Return the moments of all frames of a clip, or of :data:`LONGEST_S` around its middle."""
    count = max(1, round(min(length_s, LONGEST_S) * fps))
    first = max(0, round(length_s * fps) - count) // 2
    return (first + np.arange(count)) / fps


def there_and_back(seconds: NDArray[np.float64], length_s: float, phase: float) -> NDArray[np.float64]:
    """Return moments of a video that plays to its end, then backwards to its beginning, and so on.

    Played so, a short video fills any time without a cut, which would be a change that nothing in it made.

    Args:
        seconds: since it began to be shown.
        length_s: of the video.
        phase: 0..1 of a way there and back, where it begins.
    """
    place = (seconds / length_s + 2 * phase) % 2
    return np.where(place > 1, 2 - place, place) * length_s


def look_at(path: Path) -> tuple[float, int, int]:
    """Return how much a video changes in a fifth of a second, and its height and width in pixels.

    That is the median over several moments of the mean change of a cell, in grey levels, by the rule of
    :mod:`adafocus.edge.policy.motion`; a picture that changes everywhere counts.

    Raises:
        AdafocusError: no video, or no frame of it can be decoded.
    """

    def pairs(length_s: float, _: float) -> NDArray[np.float64]:
        """Return moments, two and two of which belong together."""
        begins = (np.arange(PAIRS) + 0.5) / PAIRS * max(0.0, length_s - APART_S)
        return np.stack([begins, begins + APART_S], axis=1).reshape(-1)

    frames, _ = read_moments(path, pairs)
    levels = np.stack([cell_levels(frame) for frame in frames])
    changes = np.minimum(np.abs(levels[1::2] - levels[::2]), MAX_CHANGE).mean((1, 2))
    return float(np.median(changes)) / STEPS, *frames[0].shape[:2]


def plant(clip: Path, drawn: Draw, wall: int, cell: tuple[int, int], out: Path) -> Planted:
    """Write the video of one clip.

    Args:
        clip: the video that is planted; averaged down to its size, never enlarged.
        drawn: where, when and among what.
        wall: backgrounds side by side and one above the other, at their own pixels.
        cell: width and height of each, cut from the middle of its frames.
        out: the .mp4 file.

    Raises:
        AdafocusError: a video cannot be read, or is smaller than a cell.
    """
    shown, fps = read_moments(clip, middle_part)
    total = max(round(drawn.seconds * fps), len(shown))
    seconds = np.arange(total) / fps
    cells = [
        _cell(background.path, seconds, phase, cell)
        for background, phase in zip(drawn.backgrounds, drawn.phases, strict=True)
    ]
    size = height, width = cell[1] * wall, cell[0] * wall
    box = top, left, tall, wide = placed(drawn, shown[0].shape[:2], size)
    first = int(drawn.start * (total - len(shown) + 1))

    def frames() -> Iterator[Pixels]:
        for number in range(total):
            rows = [np.hstack([part[number] for part in cells[row * wall : (row + 1) * wall]]) for row in range(wall)]
            frame = np.ascontiguousarray(np.vstack(rows))
            if first <= number < first + len(shown):
                small = cv2.resize(shown[number - first], (wide, tall), interpolation=cv2.INTER_AREA)
                frame[top : top + tall, left : left + wide] = small
            yield frame

    write_video(out, frames(), fps, (width, height))
    return Planted(total, fps, box, size, first, len(shown))


def placed(drawn: Draw, clip_px: Sequence[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return top, left, height, width of a planted clip in whole pixels, all even, as its colors have half the pixels.

    Args:
        drawn: where it is.
        clip_px: height and width of the clip.
        size: height and width of the frame.
    """
    scale = min(drawn.share * min(size) / min(clip_px), size[0] / clip_px[0], size[1] / clip_px[1], 1.0)
    tall, wide = (max(2, 2 * round(side * scale / 2)) for side in clip_px)
    top, left = (
        2 * int(at * ((room - side) // 2 + 1))
        for at, room, side in zip((drawn.top, drawn.left), size, (tall, wide), strict=True)
    )
    return top, left, tall, wide


def _cell(path: Path, seconds: NDArray[np.float64], phase: float, cell: tuple[int, int]) -> list[Pixels]:
    """Return a background at each second, cut to the size of a cell."""
    frames, _ = read_moments(path, lambda length_s, _: there_and_back(seconds, length_s, phase))
    width, height = cell
    found = frames[0].shape
    if found[0] < height or found[1] < width:
        raise AdafocusError(
            f"The background {path} is {found[1]} x {found[0]}, expected {width} x {height} or more. Give a smaller "
            "--cell, or leave the video out."
        )
    top, left = (found[0] - height) // 2, (found[1] - width) // 2
    return [frame[top : top + height, left : left + width] for frame in frames]


def write_video(path: Path, frames: Iterable[Pixels], fps: float, size: tuple[int, int]) -> None:
    """Write frames ``(H, W, 3)`` uint8 BGR, with even sides, as H.264; the same frames give the same bytes.

    Raises:
        AdafocusError: the place cannot be written to.
    """
    with (
        replacing_file(path) as beside,
        native_name(beside) as name,
        av.open(name, "w", format="mp4") as container,
    ):
        stream = container.add_stream(CODEC, rate=Fraction(fps).limit_denominator(LARGEST_DENOMINATOR))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = PIXELS, dict(OPTIONS)
        for frame in frames:
            planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format=PIXELS)))
        container.mux(stream.encode())
