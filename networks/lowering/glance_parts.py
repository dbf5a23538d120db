"""The glance of the ``long`` variant as two graphs, for streams: a frame that comes again is not encoded again.

``join`` of the features that ``encode`` gives for every frame equals the glance graph on all of them; the glance graph
stays the contract, and these are extras beside it. Tensor names are the glance's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adafocus.networks.lowering.stages import GlancePerFrame, LoweredStages

PARTS = ("encode", "join")
# more at once would be wasted wherever fewer frames than that are new
ENCODED_FRAMES = 1


class EncodeFrame(nn.Module):
    """``frames`` (1, 3, S, S) -> ``features`` (1, C, h, w); the parameters are the glance's own, by the same names."""

    inputs = ("frames",)
    outputs = ("features",)

    def __init__(self, glance: GlancePerFrame) -> None:
        super().__init__()
        self.encoder = glance.encoder

    def forward(self, frames: Tensor) -> tuple[Tensor]:
        """Run the graph."""
        return (self.encoder(frames),)


class JoinFrames(nn.Module):
    """``features`` (T_G, C, h, w) -> ``glance_logits`` (1, K), ``context``; parameters as in :class:`EncodeFrame`."""

    inputs = ("features",)
    outputs = ("glance_logits", "context")

    def __init__(self, glance: GlancePerFrame) -> None:
        super().__init__()
        self.float_outputs = glance.float_outputs
        self.mlp, self.head = glance.mlp, glance.head
        self.register_buffer("start", glance.start, persistent=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Run the graph."""
        return GlancePerFrame.join(self, features)


def glance_parts(stages: LoweredStages) -> dict[str, nn.Module]:
    """Return the two graphs by name; none where the frames of the glance are not encoded each by itself."""
    glance = stages.glance
    if not isinstance(glance, GlancePerFrame) or not glance.per_frame:
        return {}
    return {"encode": EncodeFrame(glance).eval(), "join": JoinFrames(glance).eval()}


def part_example(stages: LoweredStages, part: str) -> tuple[Tensor, ...]:
    """Return zero inputs of a part of the glance."""
    size = stages.config.glance_size
    return (torch.zeros(ENCODED_FRAMES, 3, size, size),) if part == "encode" else stages.examples("policy")
