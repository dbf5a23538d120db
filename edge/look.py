"""Where the focus looks: which candidate frames, and which box of each, as the policy, motion or an ablation says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.geometry import Geometry
from adafocus.edge.policy import CENTRE, Boxes, Frames, Seed, Shape, choose_frames, place_boxes
from adafocus.edge.policy.boxes import Size, as_fractions, boxes_in_room, whole_pixels
from adafocus.edge.policy.motion import ChangeFrom, cell_size, change_maps, densest_run, motion_box
from adafocus.edge.stopwatch import Stopwatch
from adafocus.edge.video.kept_frames import Candidates
from adafocus.edge.video.pixels import rgb_pixels
from adafocus.edge.video.preprocess import resize_bilinear
from adafocus.errors import AdafocusError

# what the policy's own frames are, by the span that a geometry states
FRAMES_OF_SPANS: dict[str, Frames] = {"weights": "policy", "spread": "uniform", "densest": "motion"}
# boxes as fractions of a frame, by the frame's height and width: one for the clip, or one for every candidate
BoxesOf = Callable[[Size], NDArray[np.float32]]
# of a frame: fractions are float32 numbers, and a side of 1 may come out a little longer
HAIR = 1e-6


@dataclass(frozen=True)
class Wish:
    """What is asked of a look: the policy's own, or something else in its stead.

    Attributes:
        boxes: see :meth:`adafocus.edge.recognizer.Recognizer.recognize_clip`, as of the others.
        frames: likewise.
        shape: likewise.
        seed: of random boxes and frames.
    """

    boxes: Boxes | NDArray[Any] = "policy"
    frames: Frames | NDArray[Any] = "policy"
    shape: Shape = "deformable"
    seed: Seed = 0

    def names(self, what: str) -> bool:
        """Return whether boxes or frames are asked for by this name."""
        return any(isinstance(asked, str) and asked == what for asked in (self.boxes, self.frames))


@dataclass(frozen=True)
class Advice:
    """What the policy network says of a clip.

    Attributes:
        weights: ``(T_G,)`` of equal parts of the clip's time, summing to 1.
        boxes: ``(1, 4)`` or ``(N, 4)``: y, x, height, width as fractions of the square; or, where boxes lie in the
            whole frame, places in the room that the sides leave, and sides as fractions of the short side.
    """

    weights: NDArray[np.float32]
    boxes: NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """What the focus looks at.

    Attributes:
        frames: ``(n,)`` int64, among the candidates.
        boxes: ``(n, 4)`` float32 y, x, height, width of whole pixels, as fractions of the square or of the frame.
    """

    frames: NDArray[np.int64]
    boxes: NDArray[np.float32]


class Looker:
    """Decides where to look, for clips of one geometry."""

    def __init__(self, geometry: Geometry) -> None:
        """Look as a bundle of this geometry does."""
        self._geometry = geometry
        self._whole = geometry.boxes_in == "frame"
        # as fractions of the short side of what boxes lie in
        self._patch_side = min(1.0, geometry.patch_size / geometry.frame_size)
        self._motion_side = self._patch_side if geometry.box_min is None else geometry.box_min

    def look(self, candidates: Candidates, wish: Wish, advice: Advice | None, watch: Stopwatch) -> Look:
        """Decide where to look in a clip.

        All candidates are looked at where motion is asked for, and those that are chosen where each may have its own
        size. That counts as ``resize``, comparing them as ``policy``, the rest as ``select``.

        Args:
            candidates: of the clip.
            wish: what is asked.
            advice: of the policy network; None where there is none.
            watch: runs.

        Raises:
            AdafocusError: the wish is none.
            SourceError: a candidate has other pixels than the geometry asks for.
        """
        changes = None
        if self._moves(wish):
            frames = self.frames(candidates, range(len(candidates)))
            watch.lap("resize")
            changes = Changes([pixels for pixels, _ in frames], self._geometry.change_from)
            watch.lap("policy")
        chosen = self._chosen(wish, advice, changes)
        sizes: list[Size] = [(self._geometry.frame_size,) * 2] * len(chosen)
        if self._whole:
            watch.lap("select")
            sizes = [pixels.shape[:2] for pixels, _ in self.frames(candidates, chosen.tolist())]
            watch.lap("resize")
        boxes = self._boxes(wish, advice, changes, chosen, sizes)
        watch.lap("select")
        return Look(chosen, boxes)

    def frames(self, candidates: Candidates, numbers: Iterable[int]) -> list[tuple[NDArray[np.uint8], bool]]:
        """Return candidates by their numbers, and whether each is BGR: squares of ``frame_size``, or frames as kept.

        Raises:
            SourceError: other pixels.
        """
        side, found = None if self._whole else self._geometry.frame_size, []
        for number in numbers:
            # whoever makes a clip by hand may have put any sequence there
            known = isinstance(candidates, Candidates)
            pixels, bgr = candidates.as_kept(number) if known else (candidates[number], False)
            found.append((rgb_pixels(pixels, (side, side, 3), f"Candidate {number} of the clip"), bgr))
        return found

    def _moves(self, wish: Wish) -> bool:
        """Return whether the wish cannot be met without the changes between candidates."""
        by_motion = self._geometry.policy == "motion"
        densest = self._geometry.focus_span == "densest"
        return (
            wish.names("motion")
            or (by_motion and isinstance(wish.boxes, str) and wish.boxes == "policy")
            or (densest and isinstance(wish.frames, str) and wish.frames == "policy")
        )

    def _chosen(self, wish: Wish, advice: Advice | None, changes: Changes | None) -> NDArray[np.int64]:
        """Choose the focus frames, ``(n,)``."""
        count, total, asked = self._geometry.focus_frames, self._geometry.candidate_frames, wish.frames
        if not isinstance(asked, str):
            return _given_frames(asked, count, total)
        if asked == "policy":
            asked = FRAMES_OF_SPANS[self._geometry.focus_span]
        if asked == "motion" and changes is not None:
            return changes.densest(count, self._motion_side)
        return choose_frames(asked, () if advice is None else advice.weights, total, count, wish.seed)

    def _boxes(
        self,
        wish: Wish,
        advice: Advice | None,
        changes: Changes | None,
        chosen: NDArray[np.int64],
        sizes: list[Size],
    ) -> NDArray[np.float32]:
        """Place a box on each chosen frame, ``(n, 4)``.

        Runtimes round the policy's floats differently in the last place. In whole pixels they all give the same box,
        and so the very same patches; and such boxes are cut out fast.
        """
        asked = wish.boxes
        if not isinstance(asked, str):
            by_hand = _given_boxes(asked, len(chosen))
            return _by_size(sizes, lambda size: whole_pixels(by_hand, size, least=1))
        boxes_of = self._boxes_of(advice, changes if asked == "motion" or advice is None else None, chosen)

        def placed(size: Size) -> NDArray[np.float32]:
            """Place boxes on frames of one size: one for the clip, or one for every chosen frame."""
            given = boxes_of(size)
            picked = given if len(given) == 1 else given[chosen]
            side = _shares(self._patch_side, size) if self._whole else self._patch_side
            other = place_boxes(picked, "policy" if asked == "motion" else asked, wish.shape, side, wish.seed)
            return whole_pixels(other, size)

        return _by_size(sizes, placed)

    def _boxes_of(self, advice: Advice | None, changes: Changes | None, chosen: NDArray[np.int64]) -> BoxesOf:
        """Return where boxes are before another place is asked for: by motion, by the network, or in the middle."""
        if changes is not None:
            found = changes.box(self._motion_side, int(chosen[0]), int(chosen[-1]))
            return lambda size: whole_pixels(found, size)
        if advice is None:
            middle = np.array([[CENTRE, CENTRE, self._motion_side, self._motion_side]], np.float32)
            return lambda size: boxes_in_room(middle, size)
        given = advice.boxes
        return (lambda size: boxes_in_room(given, size)) if self._whole else (lambda size: whole_pixels(given, size))


class Changes:
    """Where the pixels of a clip change from each candidate to the next, or are not as usual."""

    def __init__(self, frames: list[NDArray[np.uint8]], change_from: ChangeFrom = "previous") -> None:
        """Compare candidates, ``(H, W, 3)`` uint8, RGB or BGR; where their sizes differ, all take that of the last."""
        self._size = height, width = frames[-1].shape[:2]
        alike = [frame if frame.shape[:2] == self._size else resize_bilinear(frame, height, width) for frame in frames]
        self.maps = change_maps(alike, change_from)

    def densest(self, count: int, side: float) -> NDArray[np.int64]:
        """Return the run of ``count`` candidates in which a square of ``side`` changes most; see :meth:`box`."""
        return densest_run(self.maps, count, self._cells(side)[1])

    def box(self, side: float, first: int, last: int) -> NDArray[np.float32]:
        """Return the square in which most changes, ``(1, 4)`` y, x, height, width as fractions of the frame.

        Its side is s = round(``side`` x short side), at least 1 px. It is looked for among squares of k = (2 s + c) //
        2 c cells, at least one, of c px each; its corner is that of the square that was found, moved into the frame.

        Args:
            side: of it, as a fraction of the frame's short side.
            first: candidate from which on changes count.
            last: candidate up to which they do; where it is the first, all count.
        """
        height, width = self._size
        pixels, cells = self._cells(side)
        cell, counted = cell_size(height, width), self.maps[first:last] if last > first else self.maps
        top, left = motion_box(counted, cells)
        top, left = min(top * cell, height - pixels), min(left * cell, width - pixels)
        return as_fractions([[top, left, pixels, pixels]], self._size)

    def _cells(self, side: float) -> tuple[int, int]:
        """Return the side of a square in pixels, and in cells."""
        pixels, cell = max(1, round(side * min(self._size))), cell_size(*self._size)
        return pixels, max(1, (2 * pixels + cell) // (2 * cell))


def _by_size(sizes: list[Size], placed: Callable[[Size], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return a box for each frame, ``(n, 4)``; ``placed`` gives one, or one for every frame, for frames of a size."""
    first, *others = dict.fromkeys(sizes)
    found = placed(first)
    boxes = np.repeat(found, len(sizes), 0) if len(found) == 1 else found
    for size in others:
        found, rows = placed(size), [row for row, other in enumerate(sizes) if other == size]
        boxes[rows] = found if len(found) == 1 else found[rows]
    return boxes


def _shares(side: float, size: Size) -> NDArray[np.float32]:
    """Return height and width of a square as fractions of a frame, ``(2,)``; ``side`` is one of its short side."""
    pixels = max(1, round(side * min(size)))
    return np.array([pixels / size[0], pixels / size[1]], np.float32)


def _given_frames(frames: Any, count: int, total: int) -> NDArray[np.int64]:
    """Return frames that were given by hand, ``(count,)``.

    Raises:
        AdafocusError: others than so many numbers of candidates, in order.
    """
    found = np.asarray(frames)
    shown = f"{found.dtype} of shape {found.shape}"
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise AdafocusError(
            f"frames are {shown}, expected {count} whole numbers of candidates, one for each focus frame, such as "
            f"numpy.arange({count}), or a name: {', '.join(get_args(Frames))}."
        )
    if found.min() < 0 or found.max() >= total or (np.diff(found.astype(np.int64)) < 0).any():
        raise AdafocusError(
            f"frames are {', '.join(map(str, found.tolist()))}, expected numbers of candidates from 0 to {total - 1}, "
            "in order."
        )
    return found.astype(np.int64)


def _given_boxes(boxes: Any, count: int) -> NDArray[np.float64]:
    """Return boxes that were given by hand, ``(1, 4)`` or ``(count, 4)``.

    Raises:
        AdafocusError: others than numbers of that shape, or boxes that do not lie in the frame.
    """
    found = np.asarray(boxes)
    if found.shape not in ((1, 4), (count, 4)) or found.dtype.kind not in "iuf":
        raise AdafocusError(
            f"boxes are {found.dtype} of shape {found.shape}, expected numbers of shape (1, 4) or ({count}, 4): y, x, "
            f"height and width as fractions of the frame, or a name: {', '.join(get_args(Boxes))}."
        )
    values = found.astype(np.float64)
    inside = np.isfinite(values) & (values >= 0) & (values <= 1 + HAIR)
    inside[:, :2] &= values[:, :2] + values[:, 2:] <= 1 + HAIR
    inside[:, 2:] &= values[:, 2:] > 0
    if not inside.all():
        row = values[np.flatnonzero(~inside.all(axis=1))[0]]
        raise AdafocusError(
            f"A box is y {row[0]:g}, x {row[1]:g}, height {row[2]:g}, width {row[3]:g}, expected fractions of the "
            "frame within 0 and 1, whose height and width are above 0 and do not leave it."
        )
    return values
