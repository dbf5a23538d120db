"""What every frame source offers, the one frame type that leaves it, and addresses as they may be shown."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adafocus.errors import SourceError

# the rate of a source that states none
FALLBACK_FPS = 25.0
# a stated moment of capture further back than this belongs to another clock
OLDEST_FRAME_S = 5.0


@dataclass(frozen=True)
class Frame:
    """One frame of a source.

    Attributes:
        pixels: ``(H, W, 3)`` uint8 BGR, upright. From a program also grey, ``(H, W)`` or ``(H, W, 1)``, and BGRA,
            ``(H, W, 4)``, which are converted where they are used; other numbers than uint8 are refused there.
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

    @property
    def timestamp_s(self) -> float:
        """Timestamp of the grabbed frame, as :class:`Frame` has it; known without decoding it."""
        ...

    def grab(self) -> bool:
        """Advance to the next frame; False at the end of a file, or where a live source gave nothing in time."""
        ...

    def retrieve(self) -> Frame | None:
        """Make the grabbed frame; None where it cannot be decoded."""
        ...

    def close(self) -> None:
        """Release the file or the device; closing twice is allowed."""
        ...


class FiniteSource(Source, Protocol):
    """A source with an end."""

    @property
    def stated_frames(self) -> int:
        """How many frames the source says it has, 0 where it says nothing; a damaged file has fewer."""
        ...


def moment_of_capture(stated_s: float) -> float:
    """Return what the sensor states where that is on the monotonic clock and plausible, otherwise now; seconds."""
    now = time.monotonic()
    return stated_s if 0 <= now - stated_s < OLDEST_FRAME_S and stated_s > 0 else now


HIDDEN = "***"
# user and password in front of the host; the last @ before the path counts, since passwords hold @ too
USER = re.compile(r"(?<=://)[^/ ?#\"']*@")
# an @ further on belongs to a password with a slash in it, which has no business there, but is one
STRAY_USER = re.compile(r"(?<=://)[^ \"']*@(?=[\w.-]+(:\d+)?(/|\s|$))")
# what stands after a question mark or a hash may be a token
QUERY = re.compile(r"(://[^\s?#\"']*)[?#][^\s\"']*")
# properties of GStreamer elements: user-id=..., user-pw=..., proxy-pw=..., password=...
SECRETS = r"user-id|user-pw|-pw|password|passwd|token|secret"
PROPERTY = re.compile(rf"(\b[\w-]*(?:{SECRETS})\s*=\s*)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)


def safe_name(address: str) -> str:
    """Return the address with user, password, query and secret properties replaced by ``***``."""
    shown = USER.sub(f"{HIDDEN}@", address)
    shown = STRAY_USER.sub(f"{HIDDEN}@", shown)
    shown = QUERY.sub(rf"\1?{HIDDEN}", shown)
    return PROPERTY.sub(rf"\1{HIDDEN}", shown)


class CountedSource:
    """A place in so many frames, taken in order at a fixed rate."""

    live = False

    def __init__(self, name: str, frames: int, fps: float) -> None:
        """Begin before the first frame.

        Raises:
            SourceError: a rate that is none.
        """
        if not fps > 0:
            raise SourceError(f"fps is {fps}, expected frames per second above 0.")
        self.name, self.fps, self.number = name, float(fps), -1
        self.stated_frames = frames

    @property
    def timestamp_s(self) -> float:
        """Of the frame grabbed last, from the rate."""
        return max(self.number, 0) / self.fps

    def grab(self) -> bool:
        """Advance to the next frame; False at the end."""
        if self.number + 1 >= self.stated_frames:
            return False
        self.number += 1
        return True
