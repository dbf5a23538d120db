"""Frames of a running source in so many slots: as squares in memory that is allocated once, or whole as they came."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES, Geometry
from adafocus.edge.sources.source import Frame
from adafocus.edge.video.clip import glance_of_small
from adafocus.edge.video.fitting import fit_glance
from adafocus.edge.video.kept_frames import Candidates, shrunk
from adafocus.edge.video.pixels import bgr_pixels
from adafocus.edge.video.preprocess import fit_frame, resize_square

Pixels = NDArray[np.uint8]
Slots = NDArray[np.int64]


class Ring(Protocol):
    """Slots that each hold one frame and its glance picture. Whoever uses it sees to it that one thread does so.

    Attributes:
        nbytes: what it takes at most, with the clip that is cut from it.
    """

    nbytes: int

    def prepare(self, frame: Frame) -> Any:
        """Make of a frame what ``put`` takes; any thread may do so at any time.

        Raises:
            SourceError: pixels of another type or shape.
        """
        ...

    def put(self, slot: int, prepared: Any) -> None:
        """Put a frame into a slot, in place of what was there."""
        ...

    def frame(self, slot: int) -> Pixels:
        """Return the frame of a slot, ``(H, W, 3)`` uint8 RGB, which nobody else will change."""
        ...

    def glance(self, slots: Slots) -> Pixels:
        """Return the glance pictures of slots, ``(T_G, S, S, 3)`` uint8 RGB; they hold until the next call.

        Each is made once, however many windows look at it.
        """
        ...

    def candidates(self, slots: Slots) -> Candidates:
        """Return the frames of slots; they hold until the next call."""
        ...


def ring_of(geometry: Geometry, capacity: int) -> Ring:
    """Make a ring of so many slots, for frames as a bundle wants them."""
    return (SquareRing if geometry.boxes_in == "square" else WholeRing)(geometry, capacity)


def bytes_of(geometry: Geometry, capacity: int) -> int:
    """Return what the frames of a ring and of the clip that is cut from it take at most."""
    frames = capacity + geometry.candidate_frames
    if geometry.boxes_in == "square":
        return frames * geometry.frame_size**2 * 3
    # N whole frames are shrunk until they are within this bound
    return frames * MAX_WAITING_BYTES // geometry.candidate_frames


class SquareRing:
    """Centre squares of ``frame_size``, in memory that is allocated once."""

    def __init__(self, geometry: Geometry, capacity: int) -> None:
        """Allocate the memory of so many slots, and of the clip that is cut from them."""
        self._geometry = geometry
        side, small = geometry.frame_size, geometry.glance_size
        # written once, so that the memory is there from the beginning and not page by page
        self._frames = np.full((capacity, side, side, 3), 0, np.uint8)
        self._pictures = np.full((capacity, small, small, 3), 0, np.uint8)
        self._made = np.zeros(capacity, bool)
        self._candidates = np.full((geometry.candidate_frames, side, side, 3), 0, np.uint8)
        self._glance = np.full((geometry.glance_frames, small, small, 3), 0, np.uint8)
        self.nbytes = sum(part.nbytes for part in (self._frames, self._pictures, self._candidates, self._glance))

    def prepare(self, frame: Frame) -> tuple[Pixels, Pixels | None]:
        """Resize a frame to its square, and its second picture to a glance picture, both BGR."""
        geometry, small = self._geometry, None
        square = fit_frame(bgr_pixels(frame.pixels, f"Frame {frame.number}"), geometry.frame_size, geometry.short_side)
        if frame.small is not None:
            short = round(geometry.short_side * geometry.glance_size / geometry.frame_size)
            picture = bgr_pixels(frame.small, f"The second picture of frame {frame.number}")
            small = fit_frame(picture, geometry.glance_size, short)
        return square, small

    def put(self, slot: int, prepared: tuple[Pixels, Pixels | None]) -> None:
        """Put a frame into a slot, in place of what was there."""
        square, small = prepared
        cv2.cvtColor(square, cv2.COLOR_BGR2RGB, dst=self._frames[slot])
        self._made[slot] = small is not None
        if small is not None:
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=self._pictures[slot])

    def frame(self, slot: int) -> Pixels:
        """Return a copy of the frame of a slot, ``(F, F, 3)`` uint8 RGB."""
        return self._frames[slot].copy()

    def glance(self, slots: Slots) -> Pixels:
        """Return the glance pictures of slots, ``(T_G, S, S, 3)`` uint8 RGB; those that are not there yet are made."""
        for slot in slots[~self._made[slots]]:
            resize_square(self._frames[slot], self._geometry.glance_size, self._pictures[slot])
            self._made[slot] = True
        return np.take(self._pictures, slots, axis=0, out=self._glance, mode="clip")

    def candidates(self, slots: Slots) -> Candidates:
        """Return copies of the frames of slots, since the ring goes on while a clip is recognized."""
        return Candidates(np.take(self._frames, slots, axis=0, out=self._candidates, mode="clip"))


class WholeRing:
    """Whole frames as they came, shrunk where as many as the candidates would take too much, each of its own size.

    Frames are never written to again, so a clip refers to those of the ring instead of copying them.
    """

    def __init__(self, geometry: Geometry, capacity: int) -> None:
        """Make so many slots; their frames are allocated when they come."""
        self._geometry = geometry
        size = geometry.glance_size
        self._frames: list[Pixels] = [np.empty((0, 0, 3), np.uint8)] * capacity
        self._pictures = np.full((capacity, size, size, 3), 0, np.uint8)
        self._made = np.zeros(capacity, bool)
        self._glance = np.full((geometry.glance_frames, size, size, 3), 0, np.uint8)
        self.nbytes = bytes_of(geometry, capacity) + self._pictures.nbytes + self._glance.nbytes

    def prepare(self, frame: Frame) -> tuple[Pixels, Pixels | None]:
        """Shrink a frame where it must be, and make its glance picture of the second one, both RGB."""
        pixels = shrunk(bgr_pixels(frame.pixels, f"Frame {frame.number}"), self._geometry.candidate_frames)
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), glance_of_small(frame, self._geometry)

    def put(self, slot: int, prepared: tuple[Pixels, Pixels | None]) -> None:
        """Put a frame into a slot, in place of what was there."""
        self._frames[slot], small = prepared
        self._made[slot] = small is not None
        if small is not None:
            self._pictures[slot] = small

    def frame(self, slot: int) -> Pixels:
        """Return the frame of a slot, ``(H, W, 3)`` uint8 RGB."""
        return self._frames[slot]

    def glance(self, slots: Slots) -> Pixels:
        """Return the glance pictures of slots, ``(T_G, S, S, 3)`` uint8 RGB; those that are not there yet are made."""
        geometry = self._geometry
        for slot in slots[~self._made[slots]].tolist():
            fill, picture = geometry.mean_color, self._pictures[slot]
            fit_glance(self._frames[slot], geometry.glance_fit, geometry.glance_size, geometry.share, fill, picture)
            self._made[slot] = True
        return np.take(self._pictures, slots, axis=0, out=self._glance, mode="clip")

    def candidates(self, slots: Slots) -> Candidates:
        """Return the frames of slots."""
        return Candidates([self._frames[slot] for slot in slots.tolist()])
