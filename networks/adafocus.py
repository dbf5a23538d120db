"""Uni-AdaFocus (arXiv 2412.11228): glance, policy, focus, for training and for inference; what all variants share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adafocus.errors import NetworkError
from adafocus.networks.backbones import build_backbone
from adafocus.networks.config import NetworkConfig
from adafocus.networks.cropping import crop, crop_frames, resize_frames
from adafocus.networks.policy import SpatialPolicy, TemporalPolicy, decode_boxes
from adafocus.networks.temporal import middle_frames, monte_carlo_logits, pick_frames, quantile_levels, select_frames


@dataclass(frozen=True)
class Inference:
    """Outputs of one inference; shapes as in :meth:`AdaFocus.infer`."""

    glance_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor
    stage_logits: Tensor
    logits: Tensor
    global_features: Tensor
    local_features: Tensor


@dataclass(frozen=True)
class PolicyOutputs:
    """Outputs that the policies are trained on; they need the glance alone.

    Attributes:
        expected: ``(B, K)`` expected logits of frames drawn by the temporal policy.
        feature_crop: ``(B, K)`` logits of the glance features inside the boxes; trains the spatial policy.
        raw_boxes: ``(B, n, 4)`` in (0, 1); the size term pulls the last two to 1.
        frame_weights: ``(B, T_G)``.
    """

    expected: Tensor
    feature_crop: Tensor
    raw_boxes: Tensor
    frame_weights: Tensor


@dataclass(frozen=True)
class TrainingOutputs(PolicyOutputs):
    """Outputs that the losses of Uni-AdaFocus (arXiv 2412.11228) are computed from.

    Attributes:
        prediction: ``(2, B, H, K)`` logits of every head that predicts, from policy crops and from random crops.
        glance_frames: ``(B, T_G, K)`` per-frame auxiliary logits of the glance.
        local_frames: ``(2, B, T_L, K)`` per-frame auxiliary logits of the focus.
    """

    prediction: Tensor
    glance_frames: Tensor
    local_frames: Tensor


class AdaFocus(nn.Module):
    """Two encoders, two policies, classifiers of the variant.

    Attributes:
        exits: predictions that a clip can stop at, the last included.
        training_heads: classifiers that inference never runs.
    """

    exits: int
    feeds_policy_gradient_back = False

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        shift_div = config.shift_div if config.variant == "tsm" else None
        self.global_encoder = build_backbone(config.global_backbone, shift_div)
        self.local_encoder = build_backbone(config.local_backbone, shift_div)
        channels = self.global_encoder.channels
        self.map_size = self.global_encoder.map_size(config.glance_size)
        extent = config.glance_frames - self.boxes_in(config) + 1
        self.spatial_policy = SpatialPolicy(channels, extent, self.map_size, config.spatial_hidden)
        self.temporal_policy = TemporalPolicy(channels, config.temporal_hidden)
        self.training_heads = nn.ModuleDict({"feature_crop": nn.Linear(channels, config.num_classes)})

    @staticmethod
    @abstractmethod
    def boxes_in(config: NetworkConfig) -> int:
        """Return how many boxes the spatial policy gives for one clip."""

    @abstractmethod
    def exit_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Compute the logits of every exit ``(B, exits, K)`` from pooled ``(B, T_G, C)`` and ``(B, T_L, C')``."""

    @abstractmethod
    def head_logits(self, pooled: Tensor, local: Tensor) -> Tensor:
        """Return the logits ``(B, H, K)`` of every head in the prediction loss, with the variant's stop-gradients."""

    @abstractmethod
    def glance_frame_logits(self, pooled: Tensor) -> Tensor:
        """Return auxiliary logits of every glance frame, ``(B, T_G, K)``."""

    @abstractmethod
    def local_frame_logits(self, local: Tensor) -> Tensor:
        """Return auxiliary logits of every patch, ``(B, T_L, K)``."""

    @abstractmethod
    def chosen_boxes(self, raw: Tensor, indices: Tensor) -> Tensor:
        """Return raw boxes ``(B, 1 or T_L, 4)`` of the selected candidates ``(B, T_L)`` from those of the policy."""

    def frame_weights(self, pooled: Tensor) -> Tensor:
        """Return the temporal policy's softmax weights ``(B, T_G)`` from pooled features ``(B, T_G, C)``."""
        return (self.temporal_policy(pooled) / self.config.temperature).softmax(1)

    def decode(self, raw: Tensor) -> Tensor:
        """Turn raw boxes into fractions of the frame."""
        return decode_boxes(raw, self.config.box_min, self.config.box_max)

    def infer(self, candidates: Tensor, glance: Tensor | None = None) -> Inference:
        """Run the whole network once; early exits are the caller's choice among ``stage_logits``.

        Args:
            candidates: ``(B, N, 3, H, W)`` float32, normalized, H = W = ``frame_size``.
            glance: ``(B, T_G, 3, H, W)`` likewise, at ``frame_size`` or already at ``glance_size``. Without it the
                glance frames are candidates on a uniform grid.

        Returns:
            ``glance_logits`` (B, K), ``boxes`` (B, n, 4) in 0..1 as y, x, height, width (n is 1, or T_L in the long
            variant), ``frame_weights`` (B, T_G), ``frame_indices`` (B, T_L), ``stage_logits`` (B, exits, K),
            ``logits`` (B, K), ``global_features`` (B, T_G, C) and ``local_features`` (B, T_L, C'), both averaged over
            space.

        Raises:
            NetworkError: a tensor has another shape; the sentence says which was expected.
        """
        config = self.config
        glance = self._checked(candidates, glance)
        features = self.global_encoder(resize_frames(glance, config.glance_size))
        pooled = features.mean((3, 4))
        weights = self.frame_weights(pooled)
        indices = select_frames(weights, candidates.shape[1], quantile_levels(config.focus_frames))
        boxes = self.decode(self.chosen_boxes(self.spatial_policy(features), indices))
        patches = crop_frames(pick_frames(candidates, indices), boxes, config.patch_size)
        local = self.local_encoder(patches).mean((3, 4))
        stage_logits = self.exit_logits(pooled, local)
        return Inference(
            glance_logits=stage_logits[:, 0],
            boxes=boxes,
            frame_weights=weights,
            frame_indices=indices,
            stage_logits=stage_logits,
            logits=stage_logits[:, -1],
            global_features=pooled,
            local_features=local,
        )

    def forward(self, candidates: Tensor, glance: Tensor | None = None) -> Tensor:
        """Return the prediction ``(B, K)`` of :meth:`infer`."""
        return self.infer(candidates, glance).logits

    def train_forward(
        self, candidates: Tensor, glance: Tensor | None = None, generator: torch.Generator | None = None
    ) -> TrainingOutputs:
        """Run the network for one training step: policy crops and random crops of the same, randomly drawn frames.

        Pixels and the choice of frames carry no gradient; the spatial policy learns from the glance features inside
        its boxes, the temporal policy from the expected logits of the frames it would draw. Boxes of the feature crop
        are fractions of the map, so that the whole frame is the whole map (the official X3D code overshoots it by
        5 %).

        Args:
            candidates: as in :meth:`infer`.
            glance: as in :meth:`infer`.
            generator: source of every random draw.
        """
        config = self.config
        glance = self._checked(candidates, glance)
        features = self.global_encoder(resize_frames(glance, config.glance_size))
        pooled = features.mean((3, 4))
        policy_input = pooled if self.feeds_policy_gradient_back else pooled.detach()
        weights = self.frame_weights(policy_input)
        levels = quantile_levels(config.focus_frames, generator, jitter=True)
        indices = select_frames(weights, candidates.shape[1], levels)
        raw = self.spatial_policy(features.detach())
        chosen = pick_frames(candidates, indices)
        policy_boxes = self.decode(self.chosen_boxes(raw.detach(), indices))
        views = (policy_boxes, self._random_boxes(raw, generator))
        crops = [crop_frames(chosen, boxes, config.patch_size) for boxes in views]
        local = self.local_encoder(torch.cat(crops)).mean((3, 4)).unflatten(0, (len(crops), -1))
        per_frame = self.glance_frame_logits(pooled)
        known = per_frame if self.feeds_policy_gradient_back else per_frame.detach()
        return TrainingOutputs(
            prediction=torch.stack([self.head_logits(pooled, part) for part in local]),
            glance_frames=per_frame,
            local_frames=torch.stack([self.local_frame_logits(part) for part in local]),
            expected=monte_carlo_logits(weights, known, generator),
            feature_crop=self._feature_crop_logits(features.detach(), raw),
            raw_boxes=raw,
            frame_weights=weights,
        )

    def policy_forward(self, glance: Tensor, generator: torch.Generator | None = None) -> PolicyOutputs:
        """Run one training step of the policies alone: they get no gradient from the focus, so it is not run.

        Args:
            glance: as in :meth:`infer`.
            generator: source of every random draw.
        """
        with torch.no_grad():
            features = self.global_encoder(resize_frames(glance, self.config.glance_size))
            pooled = features.mean((3, 4))
            known = self.glance_frame_logits(pooled)
        weights, raw = self.frame_weights(pooled), self.spatial_policy(features)
        return PolicyOutputs(
            expected=monte_carlo_logits(weights, known, generator),
            feature_crop=self._feature_crop_logits(features, raw),
            raw_boxes=raw,
            frame_weights=weights,
        )

    def _checked(self, candidates: Tensor, glance: Tensor | None) -> Tensor:
        """Check the shapes and return the glance frames."""
        config = self.config
        frame = (3, config.frame_size, config.frame_size)
        if candidates.dim() != 5 or tuple(candidates.shape[1:]) != (config.candidate_frames, *frame):
            raise NetworkError(
                f"Candidates have the shape {tuple(candidates.shape)}, expected (B, "
                f"{', '.join(map(str, (config.candidate_frames, *frame)))})."
            )
        if glance is None:
            return middle_frames(candidates, config.glance_frames)
        small = (3, config.glance_size, config.glance_size)
        if glance.dim() != 5 or tuple(glance.shape[1:]) not in [(config.glance_frames, *f) for f in (frame, small)]:
            raise NetworkError(
                f"Glance frames have the shape {tuple(glance.shape)}, expected (B, {config.glance_frames}, 3, S, S) "
                f"with S = {config.frame_size} or {config.glance_size}."
            )
        return glance

    def _random_boxes(self, raw: Tensor, generator: torch.Generator | None) -> Tensor:
        """Draw boxes of the patch's own size (within the bounds) at random places, as many as the focus uses."""
        config = self.config
        count = 1 if raw.shape[1] == 1 else config.focus_frames
        place = torch.rand((len(raw), count, 2), generator=generator).to(raw)
        side = min(max(config.patch_size / config.frame_size, config.box_min), config.box_max)
        return torch.cat((place * (1.0 - side), torch.full_like(place, side)), dim=-1)

    def _feature_crop_logits(self, features: Tensor, raw: Tensor) -> Tensor:
        """Classify the glance features inside the boxes, ``(B, K)``; gradients flow through the boxes."""
        frames = features.shape[1]
        size = max(1, round(self.map_size * self.config.patch_size / self.config.frame_size))
        boxes = self.decode(raw).expand(-1, frames, -1)
        inside = crop(features.flatten(0, 1), boxes.flatten(0, 1), size).unflatten(0, features.shape[:2])
        return self.training_heads["feature_crop"](inside.mean((1, 3, 4)))
