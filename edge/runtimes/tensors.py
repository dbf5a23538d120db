"""From real numbers to a graph's integers and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.manifest import TensorSpec


def dequantize(values: NDArray[np.generic], spec: TensorSpec) -> NDArray[np.float32]:
    """Return the real values, float32, of a tensor described by ``spec``."""
    if spec.scale is None or spec.zero_point is None:
        return values.astype(np.float32)
    # in place: fresh memory costs more than the arithmetic
    real = values.astype(np.float32)
    real -= np.float32(spec.zero_point)
    real *= np.float32(spec.scale)
    return real


def quantize(values: NDArray[np.floating], spec: TensorSpec) -> NDArray[np.generic]:
    """Return the nearest values that ``spec`` can hold, halves to even, clipped to its range."""
    if spec.scale is None or spec.zero_point is None:
        return values.astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    codes = np.rint(values / np.float32(spec.scale)) + spec.zero_point
    return np.clip(codes, limits.min, limits.max).astype(spec.dtype)


def convert(values: NDArray[np.generic], source: TensorSpec, target: TensorSpec) -> NDArray[np.generic]:
    """Hand a tensor from one graph to the next, rescaling only where the two describe it differently."""
    same = (source.dtype, source.scale, source.zero_point) == (target.dtype, target.scale, target.zero_point)
    return values if same else quantize(dequantize(values, source), target)
