"""PyTorch networks: backbones, policies, heads, checkpoints in, lowering to static 2-D stage graphs."""

from __future__ import annotations

from typing import Any

from adafocus.errors import CheckpointError, NetworkError
from adafocus.networks.adafocus import AdaFocus, Inference, PolicyOutputs, TrainingOutputs
from adafocus.networks.backbones import BACKBONES, build_backbone
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints.loading import (
    Loaded,
    load_encoder,
    load_folded_mobilenet,
    load_state,
    load_x3d_trunk,
)
from adafocus.networks.config import NetworkConfig
from adafocus.networks.heads import LinearHead, X3DHead
from adafocus.networks.presets import PRESETS, preset
from adafocus.networks.variants import VideoClassifier, from_config

HEAD_HIDDEN = 2048


def build(name: str, num_classes: int | None = None, **overrides: Any) -> AdaFocus:
    """Build a preset with fresh weights.

    Args:
        name: a key of :data:`PRESETS`.
        num_classes: K; the preset's own where left out.
        **overrides: any other field of :class:`NetworkConfig`.

    Raises:
        NetworkError: the sentence names the setting that cannot be built.
    """
    if num_classes is not None:
        overrides["num_classes"] = num_classes
    return from_config(preset(name, **overrides))


def build_classifier(backbone: str, num_classes: int, shift_div: int | None = None) -> VideoClassifier:
    """Build one encoder with its published classifier: X3D, or TSN (TSM where ``shift_div`` is given).

    Raises:
        NetworkError: there is no such backbone.
    """
    encoder = build_backbone(backbone, shift_div)
    if isinstance(encoder, X3D):
        return VideoClassifier(encoder, X3DHead(encoder.channels, HEAD_HIDDEN, num_classes, bias=False, dropout=0.5))
    return VideoClassifier(encoder, LinearHead(encoder.channels, num_classes, dropout=0.5))


__all__ = [
    "BACKBONES",
    "PRESETS",
    "AdaFocus",
    "CheckpointError",
    "Inference",
    "Loaded",
    "NetworkConfig",
    "NetworkError",
    "PolicyOutputs",
    "TrainingOutputs",
    "VideoClassifier",
    "build",
    "build_backbone",
    "build_classifier",
    "from_config",
    "load_encoder",
    "load_folded_mobilenet",
    "load_state",
    "load_x3d_trunk",
    "preset",
]
