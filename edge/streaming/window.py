"""The sliding window: a ring of frames that were made small once, and the clip of its last seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.ring import bytes_of, ring_of
from adafocus.edge.video.clip import Clip
from adafocus.errors import AdafocusError

# of the clip's step, so that rounding of timestamps decides nothing
TOLERANCE = 1e-3
MAX_BYTES = 2**30
# a pause is an outage where it is longer than so many of the pauses that are usual
UNUSUAL = 3.0


@dataclass(frozen=True)
class Span:
    """What a clip of the window covers.

    Attributes:
        start_s: time of its first moment, on the clock of the source; not before its first frame.
        end_s: time of its newest frame.
        filled: share of the window that is covered, 0..1.
        newest_arrived_s: when the newest frame was handed to the window, on the monotonic clock.
        frames: different frames among the candidates.
        oldest: name of the oldest frame that the window holds, by which frames of later clips may be called.
    """

    start_s: float
    end_s: float
    filled: float
    newest_arrived_s: float
    frames: int
    oldest: int = 0


class Window:
    """The last W seconds of a source: a ring of squares of ``frame_size``, or of whole frames where boxes lie in them.

    One thread pushes, another one asks for clips. Frames are kept on a grid of time whose step is that of the clip's
    candidates, and the clip's grid ends at the newest kept frame; so the two grids lie on each other, every frame that
    is kept is used, and none is decoded in vain. Everything goes by timestamp: a variable frame rate, drops and
    pauses do not bend time; a moment without a frame is stood in for by the nearest one.

    After a pause of more than W the frames before it are forgotten, and the window fills anew. A source that is so slow
    that windows do not fill, such as a time lapse, is no such outage: its clips are made of what is there.

    Attributes:
        seconds: W.
        period_s: step of the grid on which frames are kept.
        kept: frames kept so far.
        missed: moments of that grid for which no frame came, pauses longer than a window left out.
        outages: pauses after which nobody knows what happened in between; see :attr:`outage_s`.
        sparse: whether the source is too slow to fill the window.
        usual_gap_s: longest time between two of the last few frames that were kept; 0 before the second one.
    """

    def __init__(
        self,
        geometry: Geometry,
        seconds: float,
        max_fps: float | None = None,
        frames_per_candidate: int = 1,
        recurring: bool = False,
        numbered: bool = False,
    ) -> None:
        """Allocate the ring.

        Args:
            geometry: of the bundle.
            seconds: W.
            max_fps: keep at most so many frames a second, even where the clip's grid is finer.
            frames_per_candidate: keep a finer grid than the clip's, which follows a jittering source more closely and
                costs as many times more decoding.
            recurring: take the glance frames of a full window from a grid of time that does not move with it, so that
                the same frames come again in the next one; each lies at most half a step of that grid, W / (2 T_G),
                from where it would be otherwise.
            numbered: call glance frames by the numbers of their moments on that grid, and not by those of the frames:
                neighbours are 1 apart, whatever frames came. A number is left out where the window began anew. A
                window that is not full has no such moments, and its frames no names.

        Raises:
            AdafocusError: the ring would need more than a gigabyte.
        """
        self.seconds = seconds
        self._geometry, self._recurring, self._numbered = geometry, recurring, numbered
        self._step_s = seconds / geometry.candidate_frames
        self.period_s = self._step_s / frames_per_candidate
        if max_fps is not None:
            self.period_s = max(self.period_s, 1.0 / max_fps)
        capacity = math.ceil(seconds / self.period_s) + 2
        needed = bytes_of(geometry, capacity)
        if needed > MAX_BYTES:
            frames = f"of {geometry.frame_size} px " if geometry.boxes_in == "square" else ""
            raise AdafocusError(
                f"A window of {capacity} frames {frames}would need {needed / 2**20:.0f} MB, expected at most "
                f"{MAX_BYTES // 2**20} MB. Use a bundle with fewer or smaller frames, or --max-fps."
            )
        self._ring = ring_of(geometry, capacity)
        self._times = np.zeros(capacity)
        self._numbers = np.zeros(capacity, np.int64)
        # counted through, because the numbers of a source start again when it is opened again
        self._names = np.zeros(capacity, np.int64)
        self._arrived = np.zeros(capacity)
        self._lock = threading.Lock()
        self._head = self._count = self.kept = self.missed = self.outages = 0
        self.sparse, self.usual_gap_s = False, 0.0
        # pauses in a row before which the window was not full; a source that never filled it is slow at the first one,
        # and one that did may break off twice in a short time
        self._unfilled = 1
        self._due_s = -math.inf
        # of the moments: the last one that was given, and what is added to the place on the grid
        self._last_number = 0
        self._offset: int | None = None

    @property
    def frames_looked_at(self) -> int:
        """How many different frames the glance or the focus looks at, whichever are more."""
        return max(self._geometry.glance_frames, self._geometry.focus_frames)

    @property
    def capacity(self) -> int:
        """Frames that fit."""
        return len(self._times)

    @property
    def nbytes(self) -> int:
        """Memory of the ring and of the clip cut from it; the most that it may be where frames are kept whole."""
        return self._ring.nbytes

    @property
    def newest_s(self) -> float | None:
        """Timestamp of the newest kept frame."""
        return float(self._times[(self._head - 1) % self.capacity]) if self._count else None

    @property
    def outage_s(self) -> float:
        """Seconds without a frame after which nobody knows what happened in between."""
        return max(self.seconds, UNUSUAL * self.usual_gap_s) if self.sparse else self.seconds

    def due_in_s(self, now_s: float) -> float:
        """Return the seconds until a frame is wanted again, 0 where one is wanted now."""
        return max(0.0, self._due_s - now_s)

    def wants(self, timestamp_s: float) -> bool:
        """Return whether a frame of this moment would be kept; others need not be decoded."""
        return timestamp_s >= self._due_s - TOLERANCE * self.period_s or self._restarted(timestamp_s)

    def push(self, frame: Frame) -> bool:
        """Make a frame small and keep it where it is wanted; no reference to it is held.

        Args:
            frame: pixels ``(H, W, 3)`` uint8 BGR; grey and BGRA are converted.

        Returns:
            Whether it was kept.

        Raises:
            SourceError: pixels of another type or shape.
        """
        if not self.wants(frame.timestamp_s):
            return False
        prepared = self._ring.prepare(frame)
        with self._lock:
            self._watch(frame.timestamp_s)
            if self._restarted(frame.timestamp_s):
                self._clear()
            slot = self._head
            self._ring.put(slot, prepared)
            self._times[slot], self._numbers[slot] = frame.timestamp_s, frame.number
            self._names[slot] = self.kept
            self._arrived[slot] = time.monotonic()
            self._head = (slot + 1) % self.capacity
            self._count = min(self._count + 1, self.capacity)
            self.kept += 1
            if self.sparse and UNUSUAL * self.usual_gap_s <= self.seconds:
                self.sparse = self._filled(self._slots(frame.timestamp_s)) < 1.0
        self._advance(frame.timestamp_s)
        return True

    def clear(self) -> None:
        """Forget all frames, as after a long outage."""
        with self._lock:
            self._clear()

    def filled(self, now_s: float | None = None) -> float:
        """Return the share of the window before ``now_s`` (default: the newest frame) that has frames, 0..1."""
        with self._lock:
            slots = self._slots(self.newest_s if now_s is None else now_s)
            return self._filled(slots)

    def clip(self, now_s: float | None = None, *, eager: bool = False) -> tuple[Clip, Span] | None:
        """Cut the clip of the last W seconds.

        Its arrays are the window's own and hold until the next call.

        Args:
            now_s: where the window ends; default: at the newest frame.
            eager: give a clip of what is there, spread over the time it covers, before the window is full.

        Returns:
            The clip and what it covers; None while it is empty, or not full unless the source is too slow to fill it.
        """
        began = time.perf_counter()
        with self._lock:
            now_s = self.newest_s if now_s is None else now_s
            slots = self._slots(now_s)
            filled = self._filled(slots)
            if not len(slots) or (filled < 1.0 and not (eager or self.sparse)):
                return None
            times = self._times[slots]
            end, length = float(times[-1]), self.seconds * filled
            count = self._geometry.candidate_frames
            step = length / count
            candidates = slots[_nearest(times, end - step * np.arange(count - 1, -1, -1))]
            first, moments = self._glance_moments(end + step / 2, length)
            glance = slots[_nearest(times, moments)]
            frames, pictures = self._ring.candidates(candidates), self._ring.glance(glance)
            different = len(np.unique(candidates))
            start = max(end - length, float(times[0]))
            oldest, names = int(self._names[slots[0]]), self._names[glance].tolist()
            if self._numbered:
                oldest, names = self._numbers_from(first)
            span = Span(start, end, filled, float(self._arrived[slots[-1]]), different, oldest)
            covered = float(times[-1] - times[0])
            clip = Clip(
                glance=pictures,
                candidates=frames,
                glance_indices=self._numbers[glance],
                candidate_indices=self._numbers[candidates],
                frame_count=int(np.sum(end - times < length)),
                fps=(len(slots) - 1) / covered if covered > 0 else 1.0 / self.period_s,
                resize_ms=1e3 * (time.perf_counter() - began),
                glance_names=None if names is None else tuple(names),
            )
        return clip, span

    def first_since(self, moment_s: float) -> float | None:
        """Return the timestamp of the first kept frame that is not older than a moment; None where there is none."""
        with self._lock:
            times = self._times[self._slots(self.newest_s)]
        later = times[times >= moment_s]
        return float(later[0]) if len(later) else None

    def newest_frame(self) -> NDArray[np.uint8] | None:
        """Return the newest kept frame, uint8 RGB, which nobody else will change.

        Returns:
            ``(F, F, 3)``, or ``(H, W, 3)`` where boxes lie in the whole frame; None before the first one.
        """
        with self._lock:
            return self._ring.frame((self._head - 1) % self.capacity) if self._count else None

    def _restarted(self, timestamp_s: float) -> bool:
        """Return whether the clock went back, or nothing came, for more than a window: what is there is worthless."""
        newest = self.newest_s
        return newest is not None and abs(timestamp_s - newest) > max(self.seconds, self.period_s)

    def _watch(self, timestamp_s: float) -> None:
        """Learn from the time since the last frame how slow the source is, and whether it was away."""
        newest = self.newest_s
        if newest is None:
            return
        gap_s, outage_s, was_sparse = timestamp_s - newest, self.outage_s, self.sparse
        if gap_s > 0 and self._restarted(timestamp_s):
            self._unfilled = 0 if self._filled(self._slots(newest)) >= 1.0 else self._unfilled + 1
            slow = self._unfilled >= 2 or gap_s <= UNUSUAL * self.usual_gap_s
            self.sparse = self.sparse or slow
        # the pause that shows that a source is slow is none in which it was away
        self.outages += abs(gap_s) > outage_s and self._restarted(timestamp_s) and self.sparse == was_sparse
        if gap_s > 0:
            self.usual_gap_s = max(gap_s, self.usual_gap_s / 2)

    def _clear(self) -> None:
        self._head = self._count = 0
        self._due_s = -math.inf
        self._offset = None

    def _advance(self, timestamp_s: float) -> None:
        """Set the next moment at which a frame is wanted: on the same grid, or on a new one after a pause."""
        late_s = timestamp_s - self._due_s
        self._due_s += self.period_s
        if not self._due_s > timestamp_s:
            self.missed += int(late_s / self.period_s) if math.isfinite(late_s) else 0
            self._due_s = timestamp_s + self.period_s

    def _slots(self, now_s: float | None) -> NDArray[np.int64]:
        """Return the slots of the frames that are not newer than ``now_s``, oldest first."""
        if not self._count or now_s is None:
            return np.empty(0, np.int64)
        slots = (self._head - self._count + np.arange(self._count)) % self.capacity
        return slots[self._times[slots] <= now_s + TOLERANCE * self.period_s]

    def _filled(self, slots: NDArray[np.int64]) -> float:
        """Return the share of the window that the frames cover; each stands for a step of time, also the newest."""
        if not len(slots):
            return 0.0
        step = max(self._step_s, self.period_s)
        covered = float(self._times[slots[-1]] - self._times[slots[0]]) + step
        # the first frame at or after a moment of the grid is kept, so the oldest may lie half a step too late
        return 1.0 if covered + step / 2 >= self.seconds else covered / self.seconds

    def _glance_moments(self, end_s: float, length_s: float) -> tuple[int | None, NDArray[np.floating]]:
        """Return the middles of ``T_G`` equal parts of the time before ``end_s``, or nearby moments of a fixed grid.

        Before them stands the place of the first one on that grid; None where they lie beside it.
        """
        count = self._geometry.glance_frames
        middles = end_s - length_s + (np.arange(count) + 0.5) / count * length_s
        if not self._recurring or length_s < self.seconds:
            return None, middles
        step = self.seconds / count
        first = round(middles[0] / step)
        return first, (first + np.arange(count)) * step

    def _numbers_from(self, first: int | None) -> tuple[int, Sequence[int] | None]:
        """Return the oldest number that later clips may name, and the numbers of the moments, or None beside the grid.

        They go on counting where the clock begins again, so that none stands for two moments.
        """
        if first is None:
            return 0, None
        if self._offset is None:
            self._offset = self._last_number + 2 - first
        number, count = first + self._offset, self._geometry.glance_frames
        self._last_number = number + count - 1
        return number, range(number, number + count)


def _nearest(times: NDArray[np.float64], wanted: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the positions in ``times`` (increasing) that lie nearest to the wanted moments."""
    right = np.searchsorted(times, wanted).clip(1, len(times) - 1) if len(times) > 1 else np.zeros(len(wanted), int)
    left = np.maximum(right - 1, 0)
    return np.where(wanted - times[left] <= times[right] - wanted, left, right)
