"""PyTorch networks: backbones, policies, heads, checkpoints, lowering to static 2-D stage graphs."""

from __future__ import annotations

from adafocus.errors import CheckpointError, NetworkError
from adafocus.networks.adafocus import AdaFocus, EncoderOutputs, Inference, PolicyOutputs, TrainingOutputs
from adafocus.networks.backbones import BACKBONES, build_backbone
from adafocus.networks.checkpoints import Loaded, load_encoder, load_state
from adafocus.networks.config import NetworkConfig
from adafocus.networks.presets import PRESETS, preset
from adafocus.networks.variants import VideoClassifier, build, build_classifier, from_config

__all__ = [
    "BACKBONES",
    "PRESETS",
    "AdaFocus",
    "CheckpointError",
    "EncoderOutputs",
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
    "load_state",
    "preset",
]
