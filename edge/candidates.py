"""The frames that the policy may choose from, each made when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Candidates:
    """The candidate frames of a clip: a sequence of N frames, ``(F, F, 3)`` uint8 RGB.

    The focus looks at a few of them, and a clip that stops at the glance needs none; to resize all would be in vain.
    ``np.asarray`` makes and gives all of them, ``(N, F, F, 3)``.
    """

    def __init__(
        self,
        frames: NDArray[np.uint8],
        places: Sequence[int] | None = None,
        make: Callable[[int], None] | None = None,
    ) -> None:
        """A sequence over memory that is there already.

        Args:
            frames: ``(n, F, F, 3)`` uint8 RGB.
            places: ``(N,)`` where each candidate stands in it; None: N = n, in order.
            make: sees to it that the frame at a place is there; None: all are.
        """
        self._frames, self._make = frames, make
        self._places = range(len(frames)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        place = self._places[index]
        if self._make is not None:
            self._make(place)
        return self._frames[place]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        for _ in self:
            pass
        places = list(self._places)
        in_order = places == list(range(len(places)))
        frames = self._frames[: len(places)] if in_order else self._frames[places]
        # numpy 1 knows no copy=None
        return np.array(frames, dtype) if copy else np.asarray(frames, dtype)
