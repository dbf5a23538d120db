"""The X3D variant of Uni-AdaFocus (arXiv 2412.11228): glance, policy, focus, for training and for inference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.backbones import build_backbone
from networks.config import NetworkConfig
from networks.cropping import crop_frames
from networks.heads import X3DHead
from networks.policy import SpatialPolicy, TemporalPolicy, decode_boxes
from networks.temporal import quantile_levels, select_frames


@dataclass(frozen=True)
class Inference:
    """What one inference answers; shapes as in :meth:`AdaFocusX3D.infer`."""

    glance_logits: Tensor
    boxes: Tensor
    frame_weights: Tensor
    frame_indices: Tensor
    stage_logits: Tensor
    logits: Tensor
    global_features: Tensor
    local_features: Tensor


class AdaFocusX3D(nn.Module):
    """Two 3-D encoders, one box per clip, exits after the glance and at the end.

    Each encoder has a "final" head, fed with the pooled clip, and an "auxiliary" head, fed with each time step and
    averaged. The auxiliary head of the glance is exit 0; the sum of both final heads is the prediction. Heads used in
    training only live in ``training_heads``.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.global_encoder = build_backbone(config.global_backbone)
        self.local_encoder = build_backbone(config.local_backbone)
        channels = self.global_encoder.channels
        map_size = self.global_encoder.map_size(config.glance_size)
        self.spatial_policy = SpatialPolicy(channels, config.glance_frames, map_size, config.spatial_hidden)
        self.temporal_policy = TemporalPolicy(channels, config.temporal_hidden)
        self.global_head = self._head(channels)
        self.global_aux_head = self._head(channels)
        self.local_head = self._head(self.local_encoder.channels)
        self.training_heads = nn.ModuleDict(
            {
                "local_aux": self._head(self.local_encoder.channels),
                "feature_crop": nn.Linear(channels, config.num_classes),
            }
        )

    def _head(self, channels: int) -> X3DHead:
        config = self.config
        return X3DHead(channels, config.head_hidden, config.num_classes, bias=config.head_bias, dropout=config.dropout)

    def glance_view(self, frames: Tensor) -> Tensor:
        """Resize ``(B, T, 3, H, W)`` to the glance size: bilinear, half-pixel centres, no antialiasing."""
        size = self.config.glance_size
        if frames.shape[-2:] == (size, size):
            return frames
        return F.interpolate(frames.flatten(0, 1), (size, size), mode="bilinear", align_corners=False).unflatten(
            0, frames.shape[:2]
        )

    def frame_weights(self, pooled: Tensor) -> Tensor:
        """Temporal policy: softmax weights ``(B, T_G)`` from pooled features ``(B, T_G, C)``."""
        return (self.temporal_policy(pooled) / self.config.temperature).softmax(1)

    def infer(self, candidates: Tensor, glance: Tensor | None = None) -> Inference:
        """Run the whole network once; early exits are the caller's choice among ``stage_logits``.

        Args:
            candidates: ``(B, N, 3, H, W)`` float32, normalised, H = W = ``frame_size``.
            glance: ``(B, T_G, 3, H, W)`` likewise, at ``frame_size`` or already at ``glance_size``. Without it the
                glance frames are candidates on a uniform grid.

        Returns:
            ``glance_logits`` (B, K), ``boxes`` (B, 1, 4) in 0..1 as y, x, height, width, ``frame_weights`` (B, T_G),
            ``frame_indices`` (B, T_L), ``stage_logits`` (B, 2, K), ``logits`` (B, K), ``global_features``
            (B, T_G, C) and ``local_features`` (B, T_L, C), both averaged over space.
        """
        config = self.config
        if glance is None:
            grid = (quantile_levels(config.glance_frames) * candidates.shape[1]).long()
            glance = candidates[:, grid.to(candidates.device)]
        features = self.global_encoder(self.glance_view(glance))
        pooled = features.mean((3, 4))
        glance_logits = self.global_aux_head(pooled).mean(1)
        boxes = decode_boxes(self.spatial_policy(features), config.box_min)
        weights = self.frame_weights(pooled)
        indices = select_frames(weights, candidates.shape[1], quantile_levels(config.focus_frames))
        rows = torch.arange(len(indices), device=indices.device)[:, None]
        patches = crop_frames(candidates[rows, indices], boxes, config.patch_size)
        local = self.local_encoder(patches).mean((3, 4))
        logits = self.global_head(pooled.mean(1)) + self.local_head(local.mean(1))
        return Inference(
            glance_logits=glance_logits,
            boxes=boxes,
            frame_weights=weights,
            frame_indices=indices,
            stage_logits=torch.stack((glance_logits, logits), dim=1),
            logits=logits,
            global_features=pooled,
            local_features=local,
        )

    def forward(self, candidates: Tensor, glance: Tensor | None = None) -> Tensor:
        """Prediction ``(B, K)`` of :meth:`infer`."""
        return self.infer(candidates, glance).logits
