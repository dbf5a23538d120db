"""The three stage graphs of every variant: static, 4-D at most, inference only.

Tensor names are those of the bundle: ``frames`` -> ``features``, ``glance_logits``, ``context``; ``features`` ->
``boxes``, ``frame_weights``; ``patches``, ``context`` -> ``logits``[, ``context``]. Where the policy is no network,
there are two.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adafocus.networks.adafocus import AdaFocus
from adafocus.networks.config import NetworkConfig
from adafocus.networks.lowering.encoders import lower_encoder
from adafocus.networks.lowering.heads import lower_head
from adafocus.networks.lowering.rules import (
    ChosenLinear,
    FullExtentLinear,
    NeighbourConv,
    NeighbourLinear,
    clip_mean,
    frame_mean,
    framewise_conv,
    linear,
    normed_linear,
    time_interpolation,
    time_max,
    time_mean,
    with_fewer_products,
)
from adafocus.networks.policy import SpatialPolicy, TemporalPolicy, bounded_sides, decode_boxes
from adafocus.networks.variants import AdaFocusPerClip, AdaFocusPerFrame

STAGES = ("glance", "policy", "focus")


class Glance(nn.Module):
    """``frames`` (T_G, 3, S, S) -> ``features`` (T_G, C, h, w), ``glance_logits`` (1, K), ``context`` (1, K).

    The context is the share of the glance in the final prediction. ``float_outputs`` are those that the quantized form
    gives in float32.
    """

    inputs = ("frames",)
    outputs = ("features", "glance_logits", "context")

    def __init__(self, net: AdaFocusPerClip, float_logits: bool) -> None:
        super().__init__()
        self.float_outputs = ("glance_logits", "context") if float_logits else ()
        self.encoder = lower_encoder(net.global_encoder, net.config.glance_frames, net.config.glance_size)
        self.aux_head = lower_head(net.global_aux_head, float_logits)
        self.head = lower_head(net.global_head, float_logits)
        self.by_frame = net.config.has_policy_network
        self.looks_back = net.config.shift == "past"

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the stage."""
        features = self.encoder(frames)
        return features, *self.join(features)

    def join(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute ``glance_logits`` and ``context`` from the features ``(T_G, C, h, w)`` of all frames."""
        pooled = frame_mean(features)
        if not self.by_frame:
            clip = time_mean(pooled)
            return self.aux_head(clip).flatten(1), self.head(clip).flatten(1)
        glance_logits = self.aux_head.mean_of(pooled)
        return glance_logits.flatten(1), self.head(time_mean(pooled)).flatten(1)


class GlancePerFrame(nn.Module):
    """The same for the long variant; ``context`` (1, 2 H + calls) is what :class:`FocusPerFrame` starts from.

    It holds the maximum over the glance frames, the running maximum over the patches (nothing yet: zeros, which no
    ReLU is below), and which call of the focus comes next as a one-hot vector.
    """

    inputs = Glance.inputs
    outputs = Glance.outputs

    def __init__(self, net: AdaFocusPerFrame, float_logits: bool) -> None:
        super().__init__()
        config = net.config
        self.float_outputs = ("glance_logits",) if float_logits else ()
        self.per_frame = net.global_encoder.per_frame
        self.encoder = lower_encoder(net.global_encoder, config.glance_frames, config.glance_size)
        self.mlp = normed_linear(net.classifier.global_mlp)
        last = net.classifier.global_heads[-1].fc
        self.head = linear(last.weight, last.bias)
        start = torch.zeros(1, config.head_hidden + config.focus_frames // config.patches_per_call)
        start[0, config.head_hidden] = 1.0
        self.register_buffer("start", start, persistent=False)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the stage."""
        features = self.encoder(frames)
        return features, *self.join(features)

    def join(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute ``glance_logits`` and ``context`` from the features ``(T_G, C, h, w)`` of all frames."""
        maximum = time_max(F.relu(self.mlp(frame_mean(features).flatten(1))))
        return self.head(maximum), torch.cat((maximum, self.start), dim=1)


class Policy(nn.Module):
    """``features`` (T_G, C, h, w) -> ``boxes`` as y, x, height, width in 0..1, ``frame_weights`` (T_G).

    Boxes are ``(1, 4)``, or ``(N, 4)`` in the long variant, one for every candidate frame. Where they lie in the whole
    frame, y and x are places in the room that the sides leave, and sides are fractions of the short side.

    In the quantized form the spatial policy is int8 up to its sigmoid, whose steps of 1/256 are the raw boxes. The
    temporal policy stays float32: frames are chosen where sums of its weights cross a level.
    """

    inputs = ("features",)
    outputs = ("boxes", "frame_weights")
    float_outputs = outputs
    float_paths = ("frame_weights",)
    float_weights = ("track.weight",)

    def __init__(self, net: AdaFocus) -> None:
        super().__init__()
        config = net.config
        self.frames = config.glance_frames
        self.decode = decode_boxes if config.boxes_in == "square" else bounded_sides
        self.bounds = (config.box_min, config.box_max)
        self.temperature = config.temperature
        self.spatial = _lower_spatial(net.spatial_policy, net.map_size)
        self.temporal = _lower_temporal(net.temporal_policy)
        self.track: nn.Linear | None = None
        if isinstance(net, AdaFocusPerFrame):
            self.track = linear(time_interpolation(config.glance_frames, config.candidate_frames), None)
            self.track.requires_grad_(False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Run the stage."""
        raw = self.spatial(features).flatten(1).sigmoid()
        if self.track is not None:
            raw = self.track(raw.transpose(0, 1)).transpose(0, 1)
        logits = self.temporal(frame_mean(features).flatten(1))
        return self.decode(raw, *self.bounds), (logits.reshape(1, -1) / self.temperature).softmax(1).reshape(-1)

    def as_run(self) -> Policy:
        """Return the form that devices run in float: fewer multiplications, other rounding."""
        faster = copy.deepcopy(self)
        faster.spatial = with_fewer_products(faster.spatial, self.frames)
        return faster.eval()


class Focus(nn.Module):
    """``patches`` (T_L, 3, P, P), ``context`` (1, K) -> ``logits`` (1, K).

    All patches are seen in one call, so the context that would be handed on is the prediction itself and only
    ``logits`` is an output of the graph.
    """

    inputs = ("patches", "context")
    outputs: tuple[str, ...] = ("logits",)

    def __init__(self, net: AdaFocusPerClip, float_logits: bool) -> None:
        super().__init__()
        self.float_outputs = ("logits",) if float_logits else ()
        self.encoder = lower_encoder(net.local_encoder, net.config.focus_frames, net.config.patch_size)
        self.head = lower_head(net.local_head, float_logits)

    def forward(self, patches: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        """Run the stage."""
        return (self.head(clip_mean(self.encoder(patches))).flatten(1) + context,)


class FocusPerFrame(nn.Module):
    """``patches`` (n, 3, P, P), ``context`` -> ``logits`` (n, K), ``context`` for the next call.

    Row i of the logits is the exit after patch i of this call.
    """

    inputs = Focus.inputs
    outputs = ("logits", "context")

    def __init__(self, net: AdaFocusPerFrame, float_logits: bool) -> None:
        super().__init__()
        config = net.config
        # its heads read products, whose scales are no powers of two
        self.float_outputs = ()
        self.hidden, self.patches = config.head_hidden, config.patches_per_call
        self.encoder = lower_encoder(net.local_encoder, self.patches, config.patch_size)
        self.mlp = normed_linear(net.classifier.local_mlp)
        heads = [head.fc for head in net.classifier.local_heads]
        self.heads = nn.ModuleList(ChosenLinear(heads[place :: self.patches]) for place in range(self.patches))
        calls = config.focus_frames // self.patches
        self.advance = linear(torch.diag(torch.ones(calls - 1), -1), None).requires_grad_(False)

    def forward(self, patches: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        """Run the stage."""
        hidden = self.hidden
        glance, running, call = context[:, :hidden], context[:, hidden : 2 * hidden], context[:, 2 * hidden :]
        local = F.relu(self.mlp(frame_mean(self.encoder(patches)).flatten(1)))
        logits = []
        for place, head in enumerate(self.heads):
            running = torch.maximum(running, local[place : place + 1])
            logits.append(head(torch.cat((running, glance), dim=1), call))
        return torch.cat(logits, dim=0), torch.cat((glance, running, self.advance(call)), dim=1)


@dataclass(frozen=True)
class LoweredStages:
    """The stage graphs of one network and examples of their inputs; ``policy`` is None where it is no network."""

    config: NetworkConfig
    glance: Any
    policy: Policy | None
    focus: Any

    def examples(self, stage: str) -> tuple[Tensor, ...]:
        """Return zero inputs of the right shapes, in the order of the stage's ``inputs``."""
        config, encoder = self.config, self.glance.encoder
        if stage == "glance":
            return (torch.zeros(config.glance_frames, 3, config.glance_size, config.glance_size),)
        if stage == "policy":
            return (torch.zeros(config.glance_frames, encoder.channels, encoder.map_size, encoder.map_size),)
        patches = torch.zeros(config.patches_in_one_call, 3, config.patch_size, config.patch_size)
        return (patches, torch.zeros(1, self.context_size))

    @property
    def context_size(self) -> int:
        """Numbers that the glance hands to the focus."""
        if isinstance(self.glance, GlancePerFrame):
            return self.glance.mlp.out_features + self.glance.start.shape[1]
        return self.config.num_classes

    def modules(self) -> dict[str, nn.Module]:
        """Return the graphs by stage, in the order of use, with the weights that are trained and stored."""
        found = {"glance": self.glance, "policy": self.policy, "focus": self.focus}
        return {stage: module for stage, module in found.items() if module is not None}

    def as_run(self, stage: str) -> nn.Module:
        """Return one of them in the form that is converted for devices where it is not quantized."""
        module = self.modules()[stage]
        return module.as_run() if isinstance(module, Policy) else module


STAGE_CLASSES: dict[type[AdaFocus], tuple[Callable[[Any, bool], nn.Module], Callable[[Any, bool], nn.Module]]] = {
    AdaFocusPerClip: (Glance, Focus),
    AdaFocusPerFrame: (GlancePerFrame, FocusPerFrame),
}


def lower(net: AdaFocus, float_logits: bool = True) -> LoweredStages:
    """Rewrite a network into its stage graphs; the network itself is left as it is.

    Args:
        net: the network.
        float_logits: whether classifiers answer in float32 once they are quantized; False for models that were
            quantized before they did.
    """
    glance, focus = STAGE_CLASSES[type(net)]
    policy = Policy(net).eval() if net.config.has_policy_network else None
    return LoweredStages(net.config, glance(net, float_logits).eval(), policy, focus(net, float_logits).eval())


def _lower_spatial(policy: SpatialPolicy, map_size: int) -> nn.Sequential:
    """Lower the spatial policy; its output is raw boxes before the sigmoid."""
    first, first_norm, _, second, second_norm, _, third, third_norm, _, last = policy.encoder
    return nn.Sequential(
        framewise_conv(first, first_norm),
        nn.ReLU(),
        NeighbourConv(second, second_norm, map_size),
        nn.ReLU(),
        NeighbourConv(third, third_norm, map_size),
        nn.ReLU(),
        framewise_conv(last) if policy.per_frame else FullExtentLinear(last),
    )


def _lower_temporal(policy: TemporalPolicy) -> nn.Sequential:
    """Lower the temporal policy; its output is logits before the softmax."""
    first, first_norm, _, second, second_norm, _, last = policy.encoder
    return nn.Sequential(
        NeighbourLinear(first, first_norm),
        nn.ReLU(),
        NeighbourLinear(second, second_norm),
        nn.ReLU(),
        linear(last.weight[..., 0, 0], last.bias),
    )
