"""The oracle: boxes and frames of a planted clip as its list states them, for any bundle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.geometry import Geometry
from adafocus.edge.policy import uniform_indices
from adafocus.edge.video.clip import Clip
from benchmarks.planted.places import Place

CENTRE = "centre"


def oracle_box(place: Place, size: tuple[int, int], geometry: Geometry) -> NDArray[np.float64] | str:
    """Return the middle square of the planted clip, which is what a plain network would be shown of it.

    Args:
        place: of the clip.
        size: height and width of the frame.
        geometry: of the bundle. Where its boxes lie in a square, the part of the clip within that is taken.

    Returns:
        ``(1, 4)`` y, x, height, width as fractions of what boxes lie in; ``centre`` where no pixel of the clip does.
    """
    y, x, tall, wide = np.multiply(place.box, (*size, *size)).tolist()
    side = min(tall, wide)
    begin = np.array([y + (tall - side) / 2, x + (wide - side) / 2])
    room, origin = np.array(size, np.float64), np.zeros(2)
    if geometry.boxes_in == "square":
        room = np.full(2, min(size) * geometry.share)
        origin = (np.array(size) - room) / 2
    low = np.clip(begin - origin, 0, room)
    high = np.clip(begin + side - origin, 0, room)
    if (high - low < 1).any():
        return CENTRE
    return np.concatenate([low / room, (high - low) / room])[None]


def oracle_frames(place: Place, clip: Clip, geometry: Geometry) -> NDArray[np.int64]:
    """Return focus frames that are spread evenly over the candidates which show the planted clip, ``(focus_frames,)``.

    Where there are fewer, some are looked at more than once; where there is none, the nearest one stands for all.
    """
    shown = clip.candidate_indices
    inside = np.flatnonzero((place.first_frame <= shown) & (shown <= place.last_frame))
    if not len(inside):
        inside = np.array([np.abs(2 * shown - place.first_frame - place.last_frame).argmin()])
    return inside[uniform_indices(len(inside), geometry.focus_frames)]


def looks(place: Place, size: tuple[int, int], clip: Clip, geometry: Geometry) -> dict[str, dict[str, Any]]:
    """Return the wishes of the oracle for :meth:`Recognizer.recognize_clip`, by the name of the row."""
    box, frames = oracle_box(place, size, geometry), oracle_frames(place, clip, geometry)
    return {
        "oracle": {"boxes": box, "frames": frames},
        "oracle boxes": {"boxes": box, "frames": "uniform"},
        "oracle frames": {"boxes": CENTRE, "frames": frames},
    }
