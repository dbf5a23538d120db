"""The three stage graphs of the X3D variant: static, 4-D at most, inference only.

Tensor names are those of the bundle: ``frames`` -> ``features``, ``glance_logits``, ``context``; ``features`` ->
``boxes``, ``frame_weights``; ``patches``, ``context`` -> ``logits``, ``context``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from networks.adafocus import AdaFocusX3D
from networks.backbones.x3d import X3D
from networks.config import NetworkConfig
from networks.lowering.rules import (
    FullExtentLinear,
    NeighbourConv,
    NeighbourLinear,
    clip_mean,
    frame_mean,
    framewise_conv,
    linear,
    time_mean,
)
from networks.lowering.x3d import LoweredX3D, LoweredX3DHead
from networks.policy import SpatialPolicy, TemporalPolicy, decode_boxes

STAGES = ("glance", "policy", "focus")


class Glance(nn.Module):
    """``frames`` (T_G, 3, S, S) -> ``features`` (T_G, C, h, w), ``glance_logits`` (1, K), ``context`` (1, K).

    The context is the share of the glance in the final prediction.
    """

    inputs = ("frames",)
    outputs = ("features", "glance_logits", "context")

    def __init__(self, net: AdaFocusX3D) -> None:
        super().__init__()
        self.encoder = LoweredX3D(_x3d(net.global_encoder), net.config.glance_frames, net.config.glance_size)
        self.aux_head = LoweredX3DHead(net.global_aux_head)
        self.head = LoweredX3DHead(net.global_head)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the stage."""
        features = self.encoder(frames)
        pooled = frame_mean(features)
        glance_logits = time_mean(self.aux_head(pooled))
        return features, glance_logits.flatten(1), self.head(time_mean(pooled)).flatten(1)


class Policy(nn.Module):
    """``features`` (T_G, C, h, w) -> ``boxes`` (1, 4) as y, x, height, width in 0..1, ``frame_weights`` (T_G)."""

    inputs = ("features",)
    outputs = ("boxes", "frame_weights")

    def __init__(self, net: AdaFocusX3D) -> None:
        super().__init__()
        self.box_min = net.config.box_min
        self.temperature = net.config.temperature
        map_size = net.global_encoder.map_size(net.config.glance_size)
        self.spatial = _lower_spatial(net.spatial_policy, map_size)
        self.temporal = _lower_temporal(net.temporal_policy)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Run the stage."""
        boxes = decode_boxes(self.spatial(features).sigmoid(), self.box_min)
        logits = self.temporal(frame_mean(features).flatten(1))
        return boxes, (logits.reshape(1, -1) / self.temperature).softmax(1).reshape(-1)


class Focus(nn.Module):
    """``patches`` (T_L, 3, P, P), ``context`` (1, K) -> ``logits`` (1, K), ``context`` (1, K).

    All patches are seen in one call, so the context that is handed on is the prediction itself and only ``logits`` is
    an output of the graph.
    """

    inputs = ("patches", "context")
    outputs = ("logits",)

    def __init__(self, net: AdaFocusX3D) -> None:
        super().__init__()
        self.encoder = LoweredX3D(_x3d(net.local_encoder), net.config.focus_frames, net.config.patch_size)
        self.head = LoweredX3DHead(net.local_head)

    def forward(self, patches: Tensor, context: Tensor) -> tuple[Tensor]:
        """Run the stage."""
        return (self.head(clip_mean(self.encoder(patches))).flatten(1) + context,)


@dataclass(frozen=True)
class LoweredStages:
    """The stage graphs of one network and examples of their inputs."""

    config: NetworkConfig
    glance: Glance
    policy: Policy
    focus: Focus

    def examples(self, stage: str) -> tuple[Tensor, ...]:
        """Zero inputs of the right shapes, in the order of the stage's ``inputs``."""
        config = self.config
        if stage == "glance":
            return (torch.zeros(config.glance_frames, 3, config.glance_size, config.glance_size),)
        if stage == "policy":
            encoder = self.glance.encoder
            channels = encoder.head_conv.out_channels
            return (torch.zeros(config.glance_frames, channels, encoder.map_size, encoder.map_size),)
        patches = torch.zeros(config.focus_frames, 3, config.patch_size, config.patch_size)
        return (patches, torch.zeros(1, config.num_classes))

    def modules(self) -> dict[str, Glance | Policy | Focus]:
        """Stage name -> graph, in the order of use."""
        return {"glance": self.glance, "policy": self.policy, "focus": self.focus}


def lower(net: AdaFocusX3D) -> LoweredStages:
    """Rewrite a network into its stage graphs; the network itself is left as it is."""
    return LoweredStages(net.config, Glance(net).eval(), Policy(net).eval(), Focus(net).eval())


def _x3d(encoder: nn.Module) -> X3D:
    if not isinstance(encoder, X3D):
        raise TypeError(f"the X3D variant is lowered from X3D encoders, found {type(encoder).__name__}.")
    return encoder


def _lower_spatial(policy: SpatialPolicy, map_size: int) -> nn.Sequential:
    first, first_norm, _, second, second_norm, _, third, third_norm, _, last = policy.encoder
    return nn.Sequential(
        framewise_conv(first, first_norm),
        nn.ReLU(),
        NeighbourConv(second, second_norm, map_size),
        nn.ReLU(),
        NeighbourConv(third, third_norm, map_size),
        nn.ReLU(),
        FullExtentLinear(last),
    )


def _lower_temporal(policy: TemporalPolicy) -> nn.Sequential:
    first, first_norm, _, second, second_norm, _, last = policy.encoder
    return nn.Sequential(
        NeighbourLinear(first, first_norm),
        nn.ReLU(),
        NeighbourLinear(second, second_norm),
        nn.ReLU(),
        linear(last.weight[..., 0, 0], last.bias),
    )
