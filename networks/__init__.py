"""PyTorch networks: backbones, policies, heads, checkpoints in, lowering to static 2-D stage graphs."""

from __future__ import annotations

from typing import Any

from networks.adafocus import AdaFocusX3D, Inference
from networks.checkpoints import CheckpointError, load_state, load_x3d_trunk
from networks.config import NetworkConfig
from networks.presets import PRESETS, preset


def build(name: str, num_classes: int | None = None, **overrides: Any) -> AdaFocusX3D:
    """Build a preset with fresh weights.

    Args:
        name: a key of :data:`PRESETS`.
        num_classes: K; the preset's own where left out.
        **overrides: any other field of :class:`NetworkConfig`.

    Raises:
        ValueError: the sentence names the setting that cannot be built.
    """
    if num_classes is not None:
        overrides["num_classes"] = num_classes
    return AdaFocusX3D(preset(name, **overrides))


__all__ = [
    "PRESETS",
    "AdaFocusX3D",
    "CheckpointError",
    "Inference",
    "NetworkConfig",
    "build",
    "load_state",
    "load_x3d_trunk",
    "preset",
]
