"""What sources share whose frames can be counted beforehand and come at one rate."""

from __future__ import annotations

from adafocus.errors import SourceError


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
