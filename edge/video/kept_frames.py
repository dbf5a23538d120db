"""Frames of a clip as they are kept until somebody looks at them: as squares of one size, or whole as decoded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES, Geometry
from adafocus.edge.video.fitting import fit_glance, shrink, shrink_factor
from adafocus.edge.video.preprocess import fit_frame, resize_square
from adafocus.errors import SourceError

Pixels = NDArray[np.uint8]


class Candidates:
    """The candidate frames of a clip: a sequence of N frames, uint8 RGB.

    They are ``(F, F, 3)``, or ``(H, W, 3)`` as decoded where boxes lie in the whole frame. The focus looks at a few of
    them, and a clip that stops at the glance needs none; to convert all would be in vain. ``np.asarray`` makes and
    gives all of them, ``(N, H, W, 3)``, where they have one size.
    """

    def __init__(
        self,
        frames: Pixels | Sequence[Pixels],
        places: Sequence[int] | None = None,
        make: Callable[[int], None] | None = None,
        waiting: Callable[[int], Pixels | None] | None = None,
    ) -> None:
        """Show frames that are in memory already.

        Args:
            frames: n of them, ``(F, F, 3)`` or ``(H, W, 3)`` uint8 RGB.
            places: ``(N,)`` where each candidate stands in it; None: N = n, in order.
            make: sees to it that the frame at a place is there; None: all are.
            waiting: gives the frame at a place in BGR where it waits to be converted; None: none waits so.
        """
        self._frames, self._make, self._waiting = frames, make, waiting
        self._places = range(len(frames)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Pixels:
        place = self._places[index]
        if self._make is not None:
            self._make(place)
        return self._frames[place]

    def as_kept(self, index: int) -> tuple[Pixels, bool]:
        """Return a frame without converting it, and whether it is BGR: a part of it is converted sooner than all."""
        pixels = None if self._waiting is None else self._waiting(self._places[index])
        return (self[index], False) if pixels is None else (pixels, True)

    def __iter__(self) -> Iterator[Pixels]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        shapes = {frame.shape for frame in self}
        places = list(self._places)
        if not isinstance(self._frames, np.ndarray):
            if len(shapes) > 1:
                raise SourceError(f"The frames of the clip have the shapes {sorted(shapes)}, expected one shape.")
            return np.array([self._frames[place] for place in places], dtype)
        in_order = places == list(range(len(places)))
        frames = self._frames[: len(places)] if in_order else self._frames[places]
        # numpy 1 knows no copy=None
        return np.array(frames, dtype) if copy else np.asarray(frames, dtype)


class KeptFrames(Protocol):
    """Takes the frames of a clip one by one, and gives the glance and the candidates when all are there."""

    def keep(self, number: int, pixels: Pixels) -> None:
        """Keep a frame, ``(H, W, 3)`` uint8 BGR, in memory that nobody writes to again; large ones are made small."""
        ...

    def hold(self, number: int, pixels: Pixels) -> None:
        """Keep a frame whose memory is taken anyway."""
        ...

    def glance(self) -> Pixels:
        """Return the glance frames, ``(T_G, S, S, 3)`` uint8 RGB."""
        ...

    def candidates(self) -> Candidates:
        """Return the candidate frames."""
        ...


def kept_frames(geometry: Geometry, glance: Sequence[int], candidates: Sequence[int]) -> KeptFrames:
    """Make room for the frames of a clip as a bundle wants them.

    Args:
        geometry: of the bundle.
        glance: numbers of the glance frames, with or without repeats.
        candidates: likewise of the candidates.
    """
    kind = SquareFrames if geometry.boxes_in == "square" else WholeFrames
    return kind(geometry, glance, candidates)


class SquareFrames:
    """Centre squares of ``frame_size``: one block of memory, those of the glance first, so that none is moved again.

    Frames wait as they were decoded until somebody looks at them.
    """

    def __init__(self, geometry: Geometry, glance: Sequence[int], candidates: Sequence[int]) -> None:
        """Make room; see :func:`kept_frames`."""
        self._geometry, self._glance, self._candidates = geometry, glance, candidates
        self._places = {number: place for place, number in enumerate(dict.fromkeys((*glance, *candidates)))}
        self._block = np.empty((len(self._places), geometry.frame_size, geometry.frame_size, 3), np.uint8)
        self._waiting: dict[int, Pixels] = {}
        self._making = threading.Lock()

    def keep(self, number: int, pixels: Pixels) -> None:
        """Keep a frame; large ones are resized at once."""
        if pixels.nbytes * len(self._places) > MAX_WAITING_BYTES:
            self._put(self._places[number], pixels)
        else:
            self.hold(number, pixels)

    def hold(self, number: int, pixels: Pixels) -> None:
        """Keep a frame as it is, however large."""
        self._waiting[self._places[number]] = pixels

    def glance(self) -> Pixels:
        """Resize the glance frames, ``(T_G, S, S, 3)`` uint8 RGB."""
        size, numbers = self._geometry.glance_size, self._glance
        frames = [self._frame(number) for number in numbers]
        if size == self._geometry.frame_size and len(set(numbers)) == len(numbers):
            return self._block[: len(numbers)]
        pictures = np.empty((len(numbers), size, size, 3), np.uint8)
        for frame, picture in zip(frames, pictures, strict=True):
            resize_square(frame, size, picture)
        return pictures

    def candidates(self) -> Candidates:
        """Return the candidates, most of which are resized when they are first looked at."""
        return Candidates(self._block, [self._places[number] for number in self._candidates], self._make)

    def _frame(self, number: int) -> Pixels:
        """Return a frame, ``(F, F, 3)`` RGB."""
        self._make(self._places[number])
        return self._block[self._places[number]]

    def _make(self, place: int) -> None:
        """Resize the frame at a place, if that was not done before."""
        # recognizers in several threads may share a clip; a frame is left to nobody else before it is whole
        if place in self._waiting:
            with self._making:
                waiting = self._waiting.get(place)
                if waiting is not None:
                    self._put(place, waiting)
                    del self._waiting[place]

    def _put(self, place: int, pixels: Pixels) -> None:
        """Resize a frame into its place."""
        frame = self._block[place]
        fit_frame(pixels, self._geometry.frame_size, self._geometry.short_side, frame)
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB, dst=frame)


class WholeFrames:
    """Whole frames as they were decoded, shrunk where all of them would take too much, each of a size of its own.

    Glance pictures are made when their frames come, since no other part of such a frame may be needed; candidates wait
    in BGR until somebody looks at them.
    """

    def __init__(self, geometry: Geometry, glance: Sequence[int], candidates: Sequence[int]) -> None:
        """Make room; see :func:`kept_frames`."""
        self._geometry, self._glance, self._candidates = geometry, glance, candidates
        self._places = {number: place for place, number in enumerate(dict.fromkeys(candidates))}
        self._pictures = np.empty((len(glance), geometry.glance_size, geometry.glance_size, 3), np.uint8)
        self._frames: list[Pixels] = [np.empty((0, 0, 3), np.uint8)] * len(self._places)
        self._waiting: dict[int, Pixels] = {}
        self._making = threading.Lock()

    def keep(self, number: int, pixels: Pixels) -> None:
        """Keep a frame; large ones are shrunk at once."""
        self.hold(number, shrunk(pixels, self._geometry.candidate_frames))

    def hold(self, number: int, pixels: Pixels) -> None:
        """Keep a frame as it is, however large, unless the glance sees it."""
        pictures = [picture for picture, wanted in zip(self._pictures, self._glance, strict=True) if wanted == number]
        if pictures:
            pixels = shrunk(pixels, self._geometry.candidate_frames)
            fit_bgr(pixels, self._geometry, pictures[0])
            for picture in pictures[1:]:
                picture[:] = pictures[0]
        if number in self._places:
            self._waiting[self._places[number]] = pixels

    def glance(self) -> Pixels:
        """Return the glance frames, ``(T_G, S, S, 3)`` uint8 RGB."""
        return self._pictures

    def candidates(self) -> Candidates:
        """Return the candidates, which are converted when they are first looked at."""
        places = [self._places[number] for number in self._candidates]
        return Candidates(self._frames, places, self._make, self._shrunk)

    def _shrunk(self, place: int) -> Pixels | None:
        """Return the frame at a place as it waits, shrunk; None where it was converted."""
        with self._making:
            return self._shrink(place)

    def _make(self, place: int) -> None:
        """Convert the frame at a place, if that was not done before."""
        if place in self._waiting:
            with self._making:
                waiting = self._shrink(place)
                if waiting is not None:
                    self._frames[place] = np.asarray(cv2.cvtColor(waiting, cv2.COLOR_BGR2RGB), np.uint8)
                    del self._waiting[place]

    def _shrink(self, place: int) -> Pixels | None:
        """Shrink the frame at a place, if it waits and that was not done before."""
        waiting = self._waiting.get(place)
        if waiting is not None:
            waiting = self._waiting[place] = shrunk(waiting, self._geometry.candidate_frames)
        return waiting


def shrunk(pixels: Pixels, candidates: int) -> Pixels:
    """Shrink a frame by the smallest whole factor with which as many as the candidates are within the memory bound.

    A frame that was shrunk already stays as it is. So does one that is small enough.

    Args:
        pixels: ``(H, W, 3)`` uint8.
        candidates: N.
    """
    factor = shrink_factor(pixels.shape[0], pixels.shape[1], candidates)
    return pixels if factor == 1 else shrink(pixels, factor)


def fit_bgr(pixels: Pixels, geometry: Geometry, out: Pixels) -> None:
    """Make the glance picture of a whole frame.

    Args:
        pixels: ``(H, W, 3)`` uint8 BGR.
        geometry: of the bundle.
        out: ``(S, S, 3)`` uint8, becomes RGB.
    """
    fill = geometry.mean_color[::-1]
    fit_glance(pixels, geometry.glance_fit, geometry.glance_size, geometry.share, fill, out)
    cv2.cvtColor(out, cv2.COLOR_BGR2RGB, dst=out)
