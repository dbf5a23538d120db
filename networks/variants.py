"""The variants of Uni-AdaFocus, one table: how boxes, classifiers and exits differ."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adafocus.errors import NetworkError
from adafocus.networks.adafocus import AdaFocus
from adafocus.networks.config import NetworkConfig
from adafocus.networks.heads import CumulativeClassifier, LinearHead, X3DHead
from adafocus.networks.policy import box_track
from adafocus.networks.temporal import pick_frames


class AdaFocusPerClip(AdaFocus):
    """The ``tsm`` and ``x3d`` variants: one box per clip, exits after the glance and at the end.

    Each encoder has a "final" head, fed with the pooled clip and with detached features in training, and an
    "auxiliary" head, fed with each frame and averaged, which teaches the encoder. The auxiliary head of the glance is
    exit 0; the sum of both final heads is the prediction.
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
    def boxes_in(config: NetworkConfig) -> int:
        """One box."""
        return 1

    def _head(self, channels: int) -> X3DHead | LinearHead:
        config = self.config
        if config.variant == "tsm":
            return LinearHead(channels, config.num_classes, dropout=config.dropout)
        return X3DHead(channels, config.head_hidden, config.num_classes, bias=config.head_bias, dropout=config.dropout)

    def chosen_boxes(self, raw: Tensor, indices: Tensor) -> Tensor:
        """The one box, whatever frames are chosen."""
        return raw

    def answers(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Exit 0 from the auxiliary head, exit 1 from both final heads."""
        final = self.global_head(pooled.mean(1)) + self.local_head(local.mean(1))
        return torch.stack((self.glance_frame_logits(pooled).mean(1), final), dim=1)

    def predictions(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Both final heads on detached features."""
        final = self.global_head(pooled.detach().mean(1)) + self.local_head(local.detach().mean(1))
        return final[:, None]

    def glance_frame_logits(self, pooled: Tensor) -> Tensor:
        """The auxiliary head of the glance, frame by frame."""
        return self.global_aux_head(pooled)

    def local_frame_logits(self, local: Tensor) -> Tensor:
        """The auxiliary head of the focus, frame by frame."""
        return self.training_heads["local_aux"](local)


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
    def boxes_in(config: NetworkConfig) -> int:
        """A box for every glance frame."""
        return config.glance_frames

    def chosen_boxes(self, raw: Tensor, indices: Tensor) -> Tensor:
        """Boxes at the chosen candidates' own moments."""
        return pick_frames(box_track(raw, self.config.candidate_frames), indices)

    def answers(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Exit 0 after all glance frames, then one after every patch in order of time."""
        maximum = self.classifier.glance_maximum(pooled)
        first = self.classifier.glance_logits(maximum)
        return torch.cat((first[:, None], self.classifier.local_logits(local, maximum)), dim=1)

    def predictions(self, pooled: Tensor, local: Tensor) -> Tensor:
        """All cumulative heads, those of the glance first."""
        maximum = self.classifier.glance_maximum(pooled)
        every = (self.classifier.all_glance_logits(maximum), self.classifier.local_logits(local, maximum))
        return torch.cat(every, dim=1)

    def glance_frame_logits(self, pooled: Tensor) -> Tensor:
        """A linear layer on every glance frame; training only."""
        return self.training_heads["global_frame"](pooled)

    def local_frame_logits(self, local: Tensor) -> Tensor:
        """A linear layer on every patch; training only."""
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


class VideoClassifier(nn.Module):
    """One encoder and its classifier on whole frames: TSN, TSM and X3D as published, and the teachers of distillation.

    Maps ``(B, T, 3, S, S)`` to logits ``(B, K)``; X3D classifies the mean of all frames, the others average what they
    say of each.
    """

    def __init__(self, encoder: nn.Module, head: X3DHead | LinearHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, frames: Tensor) -> Tensor:
        """Classify clips."""
        return self.head(self.encoder(frames).mean((1, 3, 4)))
