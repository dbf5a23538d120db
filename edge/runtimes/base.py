"""What every runtime offers: a graph that maps named arrays to named arrays."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.manifest import TensorSpec

Arrays = dict[str, NDArray[np.generic]]


class Graph(Protocol):
    """One opened stage.

    Attributes:
        inputs: names, shapes, dtypes and quantisation of the inputs.
        outputs: likewise.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, arrays: Arrays) -> Arrays:
        """Run once; every input by name, in its own dtype and shape. The outputs are copies."""
        ...
