"""The glance of a stream, frame by frame: features of a frame are kept as long as a window reaches back to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import Runtime
from adafocus.edge.runtimes import Opener
from adafocus.edge.runtimes.graph import Arrays, place_of

Features = NDArray[np.generic]


class FeatureStore:
    """Features of glance frames, ``(1, C, h, w)`` each in the graph's own type, by the names of the frames.

    It holds no more frames than the window does, if it is told what the window lets go.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Features] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Memory of the features."""
        return sum(features.nbytes for features in self._kept.values())

    def get(self, name: int) -> Features | None:
        """Return what is kept of a frame, None where nothing is."""
        return self._kept.get(name)

    def put(self, name: int, features: Features) -> None:
        """Keep the features of a frame."""
        self._kept[name] = features

    def drop_before(self, name: int) -> None:
        """Forget frames older than the one of this name; names grow with time."""
        for old in [known for known in self._kept if known < name]:
            del self._kept[old]


class GlanceParts:
    """The two opened graphs that take the place of the glance.

    Attributes:
        encode_macs: multiply-accumulates for one frame.
        join_macs: for joining all of them.
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
        self.place = place_of(self._encode)

    def encode(self, pixels: NDArray[np.generic]) -> Features:
        """Encode one frame, ``(1, 3, S, S)`` to ``(1, C, h, w)``."""
        return self._encode.run({"frames": pixels})["features"]

    def collect(
        self, names: tuple[int, ...], store: FeatureStore, pixels_of: Callable[[int], NDArray[np.generic]]
    ) -> tuple[Features, int]:
        """Collect the features of all glance frames; those that are not in the store are encoded and put there.

        Args:
            names: ``(T_G,)`` of the frames.
            store: what is known.
            pixels_of: place -> that frame as the graph takes it.

        Returns:
            ``(T_G, C, h, w)``, and how many frames were encoded.
        """
        encoded, rows = 0, []
        for place, name in enumerate(names):
            features = store.get(name)
            if features is None:
                features = self.encode(pixels_of(place))
                store.put(name, features)
                encoded += 1
            rows.append(features)
        return np.concatenate(rows), encoded

    def join(self, features: Features) -> Arrays:
        """Join the features of all frames to the outputs of the whole glance graph."""
        return {"features": features, **self._join.run({"features": features})}
