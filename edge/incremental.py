"""The glance of a stream, frame by frame: features of a frame are kept as long as a window reaches back to it.

The ``long`` variant encodes each frame by itself. A ``tsm`` that looks at the past alone takes what was kept of the
frame before, so frames are encoded in their order, and the past goes on from window to window. It began where the
stream did, or where the frame before was not encoded. A clip whose frames have no names begins without a past.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import PAST, Runtime
from adafocus.edge.runtimes import Opener
from adafocus.edge.runtimes.graph import Arrays, place_of

Features = NDArray[np.generic]


class FeatureStore:
    """Features of glance frames, ``(1, C, h, w)`` each in the graph's own type, by the names of the frames.

    It holds no more frames than the window does, if it is told what the window lets go. Besides it holds what was kept
    of the frame that was encoded last.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Features] = {}
        self._last: int | None = None
        self._past: Arrays = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Memory of the features, and of what was kept of the last frame."""
        return sum(kept.nbytes for kept in (*self._kept.values(), *self._past.values()))

    def get(self, name: int) -> Features | None:
        """Return what is kept of a frame, None where nothing is."""
        return self._kept.get(name)

    def put(self, name: int, features: Features, past: Arrays | None = None) -> None:
        """Keep the features of a frame, and ``past`` for the frame after it."""
        self._kept[name] = features
        self._last, self._past = name, past or {}

    def past_of(self, name: int) -> Arrays:
        """Return what was kept of the frame right before this one; nothing where another one was encoded last."""
        return self._past if self._last == name - 1 else {}

    def drop_before(self, name: int) -> None:
        """Forget frames older than the one of this name; names grow with time."""
        for old in [known for known in self._kept if known < name]:
            del self._kept[old]


class GlanceParts:
    """The two opened graphs that take the place of the glance.

    Attributes:
        encode_macs: multiply-accumulates for one frame.
        join_macs: for joining all of them.
        looks_back: whether the features of a frame depend on frames before it.
        place: where they run.
    """

    def __init__(self, bundle: Bundle, runtime: Runtime, opener: Opener, threads: int) -> None:
        """Open both.

        Raises:
            AdafocusError: a graph cannot be opened.
        """
        found = bundle.parts(runtime)
        (encode, encoded), (join, joined) = found["encode"], found["join"]
        self._encode = opener(runtime, encode, encoded, threads)
        self._join = opener(runtime, join, joined, threads)
        self.encode_macs, self.join_macs = encoded.macs, joined.macs
        # zeros, as the glance graph has before its first frame
        self._nothing: Arrays = {
            spec.name: np.full(spec.shape, spec.zero_point or 0, spec.dtype)
            for spec in encoded.inputs
            if spec.name.startswith(PAST)
        }
        self.looks_back = bool(self._nothing)
        self.place = place_of(self._encode)

    def encode(self, pixels: NDArray[np.generic], past: Arrays | None = None) -> tuple[Features, Arrays]:
        """Encode one frame.

        Args:
            pixels: ``(1, 3, S, S)`` as the graph takes it.
            past: what was kept of the frame before; None or nothing: there is none.

        Returns:
            ``(1, C, h, w)``, and what is kept for the next frame, nothing where frames are encoded each by itself.
        """
        found = self._encode.run({"frames": pixels, **(past or self._nothing)})
        return found["features"], {name: found[name] for name in self._nothing}

    def collect(
        self, names: tuple[int, ...], store: FeatureStore, pixels_of: Callable[[int], NDArray[np.generic]]
    ) -> tuple[Features, int]:
        """Collect the features of all glance frames; those that are not in the store are encoded and put there.

        Args:
            names: ``(T_G,)`` of the frames; where they look back, numbers of their moments, of which neighbours are 1
                apart.
            store: what is known.
            pixels_of: place -> that frame as the graph takes it.

        Returns:
            ``(T_G, C, h, w)``, and how many frames were encoded.
        """
        encoded, rows = 0, []
        for place, name in enumerate(names):
            features = store.get(name)
            if features is None:
                features, past = self.encode(pixels_of(place), store.past_of(name))
                store.put(name, features, past)
                encoded += 1
            rows.append(features)
        return np.concatenate(rows), encoded

    def join(self, features: Features) -> Arrays:
        """Join the features of all frames to the outputs of the whole glance graph."""
        return {"features": features, **self._join.run({"features": features})}
