"""What every frame source offers, and the one frame type that leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Frame:
    """One frame of a source.

    Attributes:
        pixels: ``(H, W, 3)`` uint8 BGR, upright, contiguous or a view whose rows are as wide as the picture.
        number: position in the source, counted from 0; frames that were never looked at are counted too.
        timestamp_s: seconds; of a file the presentation time, from 0; of a live source the moment of capture on the
            monotonic clock of this machine.
        source: name of the source, safe to print (no credentials).
        small: ``(h, w, 3)`` uint8 BGR, the same moment and field of view from a camera's second, smaller stream; None
            where the source has one stream.
    """

    pixels: NDArray[np.uint8]
    number: int
    timestamp_s: float
    source: str
    small: NDArray[np.uint8] | None = None


class Source(Protocol):
    """Yields frames in order. ``grab`` advances as cheaply as it can, ``retrieve`` makes the grabbed frame.

    Attributes:
        name: what to call it on the screen; credentials in addresses are hidden.
        live: whether frames come when they come, and are lost where nobody takes them.
        fps: frames per second that the source states, or a nominal rate where it states none.
    """

    name: str
    live: bool

    @property
    def fps(self) -> float:
        """Frames per second, nominal where the source states none."""
        ...

    def grab(self) -> bool:
        """Advance to the next frame; False at the end of a file, or where a live source gave nothing in time."""
        ...

    def retrieve(self) -> Frame | None:
        """The grabbed frame, or None where it cannot be decoded."""
        ...

    def close(self) -> None:
        """Release the file or the device; closing twice is allowed."""
        ...
