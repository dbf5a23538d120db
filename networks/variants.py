"""The variants of Uni-AdaFocus, one table: how boxes, classifiers and exits differ."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from adafocus.errors import NetworkError
from adafocus.networks.adafocus import AdaFocus
from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.config import NetworkConfig
from adafocus.networks.heads import CumulativeClassifier, LinearHead, X3DHead
from adafocus.networks.policy import box_track
from adafocus.networks.presets import preset
from adafocus.networks.temporal import pick_frames

# width inside the published classifier of X3D
HEAD_HIDDEN = 2048


class AdaFocusPerClip(AdaFocus):
    """The ``tsm`` and ``x3d`` variants: one box per clip, exits after the glance and at the end.

    Each encoder has a "final" head, fed with the pooled clip and with detached features in training, and an
    "auxiliary" head, fed with each frame and averaged, which trains the encoder. The auxiliary head of the glance is
    exit 0; the sum of both final heads is the prediction. Only a temporal policy has a use for what single frames say;
    where there is none, auxiliary heads are fed with the pooled clip, as classifiers are.
    """

    exits = 2

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        channels, local_channels = self.global_encoder.channels, self.local_encoder.channels
        self.global_head = self._head(channels)
        self.global_aux_head = self._head(channels)
        self.local_head = self._head(local_channels)
        self.training_heads["local_aux"] = self._head(local_channels)

    @staticmethod
    def box_count(config: NetworkConfig) -> int:
        """Return 1: one box serves the whole clip."""
        return 1

    def _head(self, channels: int) -> X3DHead | LinearHead:
        """Build one classifier of the variant."""
        config = self.config
        if config.variant == "tsm":
            return LinearHead(channels, config.num_classes, dropout=config.dropout)
        return X3DHead(channels, config.head_hidden, config.num_classes, bias=config.head_bias, dropout=config.dropout)

    def chosen_boxes(self, raw: Tensor, indices: Tensor) -> Tensor:
        """Return the one box, whatever frames are selected."""
        return raw

    def exit_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Compute exit 0 from the auxiliary head, exit 1 from both final heads."""
        final = self.global_head(pooled.mean(1)) + self.local_head(local.mean(1))
        return torch.stack((self.glance_frame_logits(pooled).mean(1), final), dim=1)

    def head_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Run both final heads on detached features."""
        final = self.global_head(pooled.detach().mean(1)) + self.local_head(local.detach().mean(1))
        return final[:, None]

    def glance_frame_logits(self, pooled: Tensor) -> Tensor:
        """Run the auxiliary head of the glance frame by frame, or once for the clip."""
        return self.global_aux_head(self._auxiliary(pooled))

    def local_frame_logits(self, local: Tensor) -> Tensor:
        """Run the auxiliary head of the focus frame by frame, or once for the clip."""
        return self.training_heads["local_aux"](self._auxiliary(local))

    def _auxiliary(self, pooled: Tensor) -> Tensor:
        """Return what auxiliary heads are fed with: ``(B, T, C)``, or ``(B, 1, C)``."""
        return pooled if self.config.has_policy_network else pooled.mean(1, keepdim=True)


class AdaFocusPerFrame(AdaFocus):
    """The ``long`` variant: a box for every frame, an exit after the glance and after every patch."""

    feeds_policy_gradient_back = True

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        if not self.local_encoder.per_frame:
            raise NetworkError(
                f"local_backbone is {config.local_backbone}, which mixes frames; the long variant stops between "
                "patches and needs one that encodes each frame by itself: mobilenet_v2, efficientnet_lite0 or resnet50."
            )
        channels, local_channels = self.global_encoder.channels, self.local_encoder.channels
        self.exits = 1 + config.focus_frames
        self.classifier = CumulativeClassifier(
            channels,
            local_channels,
            config.head_hidden,
            config.glance_frames,
            config.focus_frames,
            config.num_classes,
            config.dropout,
        )
        self.training_heads["global_frame"] = LinearHead(channels, config.num_classes, dropout=config.dropout)
        self.training_heads["local_frame"] = LinearHead(local_channels, config.num_classes, dropout=config.dropout)

    @staticmethod
    def box_count(config: NetworkConfig) -> int:
        """Return one box for every glance frame."""
        return config.glance_frames

    def chosen_boxes(self, raw: Tensor, indices: Tensor) -> Tensor:
        """Interpolate the boxes at the moments of the selected candidates."""
        return pick_frames(box_track(raw, self.config.candidate_frames), indices)

    def exit_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Compute exit 0 after all glance frames, then one after every patch in order of time."""
        maximum = self.classifier.glance_maximum(pooled)
        first = self.classifier.glance_logits(maximum)
        return torch.cat((first[:, None], self.classifier.local_logits(local, maximum)), dim=1)

    def head_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Run all cumulative heads, those of the glance first."""
        maximum = self.classifier.glance_maximum(pooled)
        every = (self.classifier.all_glance_logits(maximum), self.classifier.local_logits(local, maximum))
        return torch.cat(every, dim=1)

    def glance_frame_logits(self, pooled: Tensor) -> Tensor:
        """Run a linear layer on every glance frame; training only."""
        return self.training_heads["global_frame"](pooled)

    def local_frame_logits(self, local: Tensor) -> Tensor:
        """Run a linear layer on every patch; training only."""
        return self.training_heads["local_frame"](local)


VARIANT_CLASSES: dict[str, type[AdaFocus]] = {
    "long": AdaFocusPerFrame,
    "tsm": AdaFocusPerClip,
    "x3d": AdaFocusPerClip,
}


def from_config(config: NetworkConfig) -> AdaFocus:
    """Build a network with fresh weights.

    Raises:
        NetworkError: the combination cannot be built; the sentence says why.
    """
    return VARIANT_CLASSES[config.variant](config)


def build(name: str, num_classes: int | None = None, **overrides: Any) -> AdaFocus:
    """Build a preset with fresh weights.

    Args:
        name: a key of :data:`~adafocus.networks.presets.PRESETS`.
        num_classes: K; the preset's own where left out.
        **overrides: any other field of :class:`~adafocus.networks.config.NetworkConfig`.

    Raises:
        NetworkError: the sentence names the setting that cannot be built.
    """
    if num_classes is not None:
        overrides["num_classes"] = num_classes
    return from_config(preset(name, **overrides))


class VideoClassifier(nn.Module):
    """One encoder and its classifier on whole frames: TSN, TSM and X3D as published, and the teachers of distillation.

    Maps ``(B, T, 3, S, S)`` to logits ``(B, K)``; X3D classifies the mean of all frames, the others average the
    logits of each.
    """

    def __init__(self, encoder: nn.Module, head: X3DHead | LinearHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, frames: Tensor) -> Tensor:
        """Classify clips."""
        return self.head(self.encoder(frames).mean((1, 3, 4)))


def build_classifier(backbone: str, num_classes: int, shift_div: int | None = None) -> VideoClassifier:
    """Build one encoder with its published classifier: X3D, or TSN (TSM where ``shift_div`` is given).

    Raises:
        NetworkError: there is no such backbone.
    """
    encoder = build_backbone(backbone, shift_div)
    if isinstance(encoder, X3D):
        return VideoClassifier(encoder, X3DHead(encoder.channels, HEAD_HIDDEN, num_classes, bias=False, dropout=0.5))
    return VideoClassifier(encoder, LinearHead(encoder.channels, num_classes, dropout=0.5))
