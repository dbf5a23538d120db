"""Which frames of a video are cheap to decode: key frames, and frames that others need anyway.

Frames that are spread evenly over a video are in the middles of parts of equal length. Any other frame of a part shows
nearly the same. So each may give way to one of its part that costs less:

- where decoding may begin in a part, it begins there rather than before;
- in the last part before such a frame, or before the end, the first frame lets decoding end soonest;
- elsewhere everything that others refer to is decoded anyway; of those frames the one nearest to the middle is taken.

Each frame moves by at most half of the distance to its neighbour, or to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FrameCosts:
    """What decoding each of n frames needs, in the order in which they are shown.

    Attributes:
        places: ``(n,)`` int64 of each frame in decoding order.
        entries: ``(n,)`` bool, whether decoding may begin at it.
        needed: ``(n,)`` bool, whether other frames refer to it.
    """

    places: NDArray[np.int64]
    entries: NDArray[np.bool_]
    needed: NDArray[np.bool_]


def cheap_frames(wanted: NDArray[np.int64], first: int, last: int, costs: FrameCosts) -> NDArray[np.int64]:
    """Let each frame give way to the cheapest one of its part.

    Args:
        wanted: ``(m,)`` numbers of frames, not decreasing.
        first: number of the first frame of all parts.
        last: the one after the last.
        costs: of the frames of the video.

    Returns:
        ``(m,)`` int64, not decreasing; distinct where ``wanted`` is.
    """
    middles = (wanted[:-1] + wanted[1:] + 1) // 2
    begins, ends = np.append(first, middles), np.append(middles, last)
    # a frame that stands twice has no part but itself
    parts = [
        np.arange(begin, end) if begin <= frame < end else np.array([frame])
        for begin, frame, end in zip(begins.tolist(), wanted.tolist(), ends.tolist(), strict=True)
    ]
    begun = [*(bool(costs.entries[part].any()) for part in parts), True]
    chosen = zip(parts, wanted.tolist(), begun[1:], strict=True)
    return np.array([_cheapest(part, frame, costs, begins) for part, frame, begins in chosen], np.int64)


def nearest_decoded(wanted: NDArray[np.int64], chosen: NDArray[np.int64], costs: FrameCosts) -> NDArray[np.int64]:
    """Let each frame give way to the nearest one that is decoded anyway.

    Args:
        wanted: ``(m,)`` numbers of frames.
        chosen: ``(k,)`` numbers of frames that are decoded, at least one.
        costs: of the frames of the video.

    Returns:
        ``(m,)`` int64.
    """
    begins = np.sort(costs.places[costs.entries])
    group = np.searchsorted(begins, costs.places, "right")
    furthest = np.full(len(begins) + 1, -1)
    np.maximum.at(furthest, group[chosen], costs.places[chosen])
    decoded = costs.needed & (costs.places <= furthest[group])
    decoded[chosen] = True
    there = np.flatnonzero(decoded)
    return there[np.abs(wanted[:, None] - there[None, :]).argmin(1)]


def _cheapest(part: NDArray[np.int64], frame: int, costs: FrameCosts, next_begins: bool) -> int:
    """Choose a frame of a part; ``next_begins`` says that decoding begins anew in the part after it."""
    needed, entries = part[costs.needed[part]], part[costs.entries[part]]
    if len(entries):
        # what comes after the last of them is decoded for the next part, unless that needs nothing of it
        cheap = entries if next_begins else np.append(entries, needed[needed > entries[-1]])
    elif not next_begins:
        cheap = needed
    else:
        cheap = needed[[costs.places[needed].argmin()]] if len(needed) else part[[costs.places[part].argmin()]]
    return int(cheap[np.abs(cheap - frame).argmin()]) if len(cheap) else frame
