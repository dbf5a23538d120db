"""Uni-AdaFocus (arXiv 2412.11228): glance, policy, focus, for training and for inference; what all variants share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adafocus.errors import NetworkError
from adafocus.networks.backbones import build_backbone
from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.shift import look_back_only
from adafocus.networks.config import NetworkConfig
from adafocus.networks.cropping import crop, resize_frames
from adafocus.networks.looking import Candidates, Size, choose_frames, cut_patches, on_the_glance
from adafocus.networks.policy import SpatialPolicy, TemporalPolicy, bounded_sides, decode_boxes
from adafocus.networks.temporal import middle_frames, monte_carlo_logits, quantile_levels


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
class EncoderOutputs:
    """Outputs that encoders and classifiers are trained on; V is how many sets of patches there are.

    Attributes:
        prediction: ``(V, B, H, K)`` logits of every head that predicts.
        glance_frames: ``(B, T_G, K)`` per-frame auxiliary logits of the glance, or ``(B, 1, K)`` of the clip.
        local_frames: ``(V, B, T_L or 1, K)`` auxiliary logits of the focus likewise.
    """

    prediction: Tensor
    glance_frames: Tensor
    local_frames: Tensor


@dataclass(frozen=True)
class TrainingOutputs(PolicyOutputs, EncoderOutputs):
    """Outputs that all losses of Uni-AdaFocus (arXiv 2412.11228) are computed from: policy crops and random crops."""


class AdaFocus(nn.Module):
    """Two encoders, two policies, classifiers of the variant; where the policy is no network, there are none.

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
        for name, encoder in (("global", self.global_encoder), ("local", self.local_encoder)):
            if not encoder.keeps_time:
                raise NetworkError(
                    f"{name}_backbone is {getattr(config, f'{name}_backbone')}, which joins frames and so can only "
                    "teach. Take an X3D or one that encodes each frame by itself."
                )
        if config.shift == "past":
            if not isinstance(self.global_encoder, InvertedResidualNet):
                raise NetworkError(
                    f"global_backbone is {config.global_backbone}, which cannot look at the past alone, expected "
                    "mobilenet_v2 or efficientnet_lite0, or shift 'both'."
                )
            look_back_only(self.global_encoder)
        channels = self.global_encoder.channels
        self.map_size = self.global_encoder.map_size(config.glance_size)
        self.training_heads = nn.ModuleDict()
        if config.has_policy_network:
            extent = config.glance_frames - self.box_count(config) + 1
            self.spatial_policy = SpatialPolicy(channels, extent, self.map_size, config.spatial_hidden)
            self.temporal_policy = TemporalPolicy(channels, config.temporal_hidden)
            self.training_heads["feature_crop"] = nn.Linear(channels, config.num_classes)

    @staticmethod
    @abstractmethod
    def box_count(config: NetworkConfig) -> int:
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
        """Turn raw boxes into fractions of the centre square, or into what :class:`looking.Frames` takes."""
        decode = decode_boxes if self.config.boxes_in == "square" else bounded_sides
        return decode(raw, self.config.box_min, self.config.box_max)

    def infer(self, candidates: Candidates, glance: Tensor | None = None) -> Inference:
        """Run the whole network once; early exits are the caller's choice among ``stage_logits``.

        Args:
            candidates: ``(B, N, 3, H, W)`` float32, normalized, H = W = ``frame_size``. Where boxes lie in the whole
                frame, B clips that cut patches themselves. Where the policy is no network, the patches
                ``(B, T_L, 3, P, P)`` that it chose.
            glance: ``(B, T_G, 3, H, W)`` float32, normalized, at ``frame_size`` or already at ``glance_size``. Without
                it the glance frames are candidates on a uniform grid, where these are squares.

        Returns:
            ``glance_logits`` (B, K), ``boxes`` (B, n, 4) in 0..1 as y, x, height, width (n is 1, or T_L in the long
            variant), ``frame_weights`` (B, T_G), ``frame_indices`` (B, T_L), ``stage_logits`` (B, exits, K),
            ``logits`` (B, K), ``global_features`` (B, T_G, C) and ``local_features`` (B, T_L, C'), both averaged over
            space. Where the policy is no network, what it says is empty: n and T_G are 0, and so is T_L of the indices.

        Raises:
            NetworkError: a tensor has another shape; the sentence says which was expected.
        """
        config = self.config
        glance = self._checked(candidates, glance)
        features = self.global_encoder(resize_frames(glance, config.glance_size))
        pooled = features.mean((3, 4))
        if config.has_policy_network:
            weights = self.frame_weights(pooled)
            indices = choose_frames(config, weights, candidates)
            boxes = self.decode(self.chosen_boxes(self.spatial_policy(features), indices))
            patches = cut_patches(config, candidates, boxes, indices)
        else:
            weights, indices, boxes = pooled[:, :0, 0], pooled.new_zeros((len(pooled), 0)).long(), pooled[:, :0, :4]
            patches = _ready(candidates)
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

    def forward(self, candidates: Candidates, glance: Tensor | None = None) -> Tensor:
        """Return the prediction ``(B, K)`` of :meth:`infer`."""
        return self.infer(candidates, glance).logits

    def train_forward(
        self, candidates: Candidates, glance: Tensor | None = None, generator: torch.Generator | None = None
    ) -> EncoderOutputs:
        """Run the network for one training step: policy crops and random crops of the same, randomly drawn frames.

        Pixels and the choice of frames carry no gradient; the spatial policy learns from the glance features inside
        its boxes, the temporal policy from the expected logits of the frames it would draw. Boxes of the feature crop
        are fractions of the map, so that the whole frame is the whole map (the official X3D code overshoots it by
        5 %).

        Args:
            candidates: as in :meth:`infer`.
            glance: as in :meth:`infer`.
            generator: source of every random draw.

        Returns:
            :class:`TrainingOutputs`; without a network as policy what the given patches lead to, and nothing else.
        """
        config = self.config
        glance = self._checked(candidates, glance)
        features = self.global_encoder(resize_frames(glance, config.glance_size))
        pooled = features.mean((3, 4))
        if not config.has_policy_network:
            return self._encoder_outputs(pooled, [_ready(candidates)])
        policy_input = pooled if self.feeds_policy_gradient_back else pooled.detach()
        weights = self.frame_weights(policy_input)
        indices = choose_frames(
            config, weights, candidates, quantile_levels(config.focus_frames, generator, jitter=True)
        )
        raw = self.spatial_policy(features.detach())
        policy_boxes = self.decode(self.chosen_boxes(raw.detach(), indices))
        sizes = _sizes(candidates)
        views = (policy_boxes, self._random_boxes(raw, sizes, generator))
        own = self._encoder_outputs(pooled, [cut_patches(config, candidates, boxes, indices) for boxes in views])
        known = own.glance_frames if self.feeds_policy_gradient_back else own.glance_frames.detach()
        return TrainingOutputs(
            prediction=own.prediction,
            glance_frames=own.glance_frames,
            local_frames=own.local_frames,
            expected=monte_carlo_logits(weights, known, generator),
            feature_crop=self._feature_crop_logits(features.detach(), raw, sizes),
            raw_boxes=raw,
            frame_weights=weights,
        )

    def _encoder_outputs(self, pooled: Tensor, crops: Sequence[Tensor]) -> EncoderOutputs:
        """Encode sets of patches, each ``(B, T_L, 3, P, P)``, and run all heads but those of the policies."""
        local = self.local_encoder(torch.cat([*crops])).mean((3, 4)).unflatten(0, (len(crops), -1))
        return EncoderOutputs(
            prediction=torch.stack([self.head_logits(pooled, part) for part in local]),
            glance_frames=self.glance_frame_logits(pooled),
            local_frames=torch.stack([self.local_frame_logits(part) for part in local]),
        )

    def policy_forward(
        self, glance: Tensor, generator: torch.Generator | None = None, sizes: Sequence[Size] | None = None
    ) -> PolicyOutputs:
        """Run one training step of the policies alone: they get no gradient from the focus, so it is not run.

        Args:
            glance: as in :meth:`infer`.
            generator: source of every random draw.
            sizes: height and width of the frames of every clip, where boxes lie in them.
        """
        with torch.no_grad():
            features = self.global_encoder(resize_frames(glance, self.config.glance_size))
            pooled = features.mean((3, 4))
            known = self.glance_frame_logits(pooled)
        weights, raw = self.frame_weights(pooled), self.spatial_policy(features)
        return PolicyOutputs(
            expected=monte_carlo_logits(weights, known, generator),
            feature_crop=self._feature_crop_logits(features, raw, sizes),
            raw_boxes=raw,
            frame_weights=weights,
        )

    def _checked(self, candidates: Candidates, glance: Tensor | None) -> Tensor:
        """Check the shapes and return the glance frames."""
        config = self.config
        frame = (3, config.frame_size, config.frame_size)
        if isinstance(candidates, Tensor):
            wanted = (config.candidate_frames, *frame)
            if not config.has_policy_network:
                wanted = (config.focus_frames, 3, config.patch_size, config.patch_size)
            if candidates.dim() != 5 or tuple(candidates.shape[1:]) != wanted:
                what = "Candidates" if config.has_policy_network else "Patches"
                raise NetworkError(
                    f"{what} have the shape {tuple(candidates.shape)}, expected (B, {', '.join(map(str, wanted))})."
                )
        if isinstance(candidates, Tensor) != (config.boxes_in == "square" or not config.has_policy_network):
            raise NetworkError(
                f"Candidates are a {type(candidates).__name__} with boxes_in {config.boxes_in!r}, expected a tensor "
                "where boxes lie in the square, and clips that cut their patches where they lie in the frame."
            )
        if glance is None and isinstance(candidates, Tensor) and config.has_policy_network:
            return middle_frames(candidates, config.glance_frames)
        small = (3, config.glance_size, config.glance_size)
        found = () if glance is None else tuple(glance.shape)
        if glance is None or len(found) != 5 or found[1:] not in [(config.glance_frames, *f) for f in (frame, small)]:
            raise NetworkError(
                f"Glance frames have the shape {found}, expected (B, {config.glance_frames}, 3, S, S) "
                f"with S = {config.frame_size} or {config.glance_size}."
            )
        return glance

    def _random_boxes(self, raw: Tensor, sizes: Sequence[Size] | None, generator: torch.Generator | None) -> Tensor:
        """Draw boxes of the patch's own size (within the bounds) at random places, as many as the focus uses."""
        config = self.config
        count = 1 if raw.shape[1] == 1 else config.focus_frames
        place = torch.rand((len(raw), count, 2), generator=generator).to(raw)
        shorts = [config.frame_size] * len(raw) if sizes is None else [min(size) for size in sizes]
        sides = raw.new_tensor([config.patch_size / short for short in shorts]).clamp(config.box_min, config.box_max)
        side = sides[:, None, None].expand_as(place)
        # in whole frames a place is that in the room which the sides leave
        return torch.cat((place * (1.0 - side) if sizes is None else place, side), dim=-1)

    def _feature_crop_logits(self, features: Tensor, raw: Tensor, sizes: Sequence[Size] | None) -> Tensor:
        """Classify the glance features inside the boxes, ``(B, K)``; gradients flow through the boxes."""
        frames = features.shape[1]
        size = max(1, round(self.map_size * self.config.patch_size / self.config.frame_size))
        boxes = self.decode(raw)
        if sizes is not None:
            boxes = on_the_glance(self.config, boxes, sizes)
        boxes = boxes.expand(-1, frames, -1)
        inside = crop(features.flatten(0, 1), boxes.flatten(0, 1), size).unflatten(0, features.shape[:2])
        return self.training_heads["feature_crop"](inside.mean((1, 3, 4)))


def _sizes(candidates: Candidates) -> list[Size] | None:
    """Return height and width of every clip's frames, where boxes lie in them."""
    return None if isinstance(candidates, Tensor) else [clip.size for clip in candidates]


def _ready(candidates: Candidates) -> Tensor:
    """Return patches that were cut already."""
    if not isinstance(candidates, Tensor):
        raise TypeError("patches are a tensor")
    return candidates
