"""The glance as two graphs, for streams: a frame that comes again is not encoded again.

``join`` of the features that ``encode`` gives for every frame equals the glance graph on all of them; the glance graph
stays the contract, and these are extras beside it. Tensor names are the glance's own.

Two kinds of glance can be taken apart. That of the ``long`` variant encodes each frame by itself. That of the ``tsm``
variant whose shift looks back alone needs besides what each shift takes from the frame before; ``encode`` is given it
and gives it on, as in TSM for online video (Lin et al. 2019, arXiv 1811.08383).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adafocus.networks.lowering.rules import ChannelShiftByConvolution
from adafocus.networks.lowering.stages import Glance, GlancePerFrame, LoweredStages

PARTS = ("encode", "join")
# more at once would be wasted wherever fewer frames than that are new
ENCODED_FRAMES = 1
# with a number from 0: what a shift takes from the frame before
PAST = "past_"


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


class EncodeNextFrame(nn.Module):
    """The same with what each shift takes from the frame before: ``past_0``, ... -> ``features``, ``past_0``, ...

    ``past_i`` (1, fold, h, w) are the first channels of what the i-th block that shifts takes, ``shapes`` theirs; they
    are zeros before the first frame.
    """

    def __init__(self, glance: Glance) -> None:
        super().__init__()
        self.encoder = glance.encoder
        self.shapes = tuple(
            (ENCODED_FRAMES, shifted_channels(block), block.side_px, block.side_px)
            for block in self.encoder.blocks
            if shifted_channels(block)
        )
        names = tuple(f"{PAST}{number}" for number in range(len(self.shapes)))
        self.inputs, self.outputs = ("frames", *names), ("features", *names)

    def forward(self, frames: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """Run the graph."""
        x, before, kept = self.encoder.first(frames), iter(past), []
        for block in self.encoder.blocks:
            fold, shifted = shifted_channels(block), x
            if fold:
                kept.append(x[:, :fold])
                shifted = torch.cat((next(before), x[:, fold:]), dim=1)
            x = block.after_shift(x, shifted)
        return self.encoder.last(x), *kept


def shifted_channels(block: nn.Module) -> int:
    """Return how many channels a lowered block takes from the frame before."""
    shift = block.shift
    return shift.fold if isinstance(shift, ChannelShiftByConvolution) else 0


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


class JoinClip(nn.Module):
    """The same for the ``tsm`` variant."""

    inputs = JoinFrames.inputs
    outputs = JoinFrames.outputs

    def __init__(self, glance: Glance) -> None:
        super().__init__()
        self.float_outputs, self.by_frame = glance.float_outputs, glance.by_frame
        self.aux_head, self.head = glance.aux_head, glance.head

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Run the graph."""
        return Glance.join(self, features)


def glance_parts(stages: LoweredStages) -> dict[str, nn.Module]:
    """Return the two graphs by name; none where a frame's features depend on frames after it."""
    glance = stages.glance
    if isinstance(glance, GlancePerFrame) and glance.per_frame:
        return {"encode": EncodeFrame(glance).eval(), "join": JoinFrames(glance).eval()}
    if isinstance(glance, Glance) and glance.looks_back:
        return {"encode": EncodeNextFrame(glance).eval(), "join": JoinClip(glance).eval()}
    return {}


def part_example(stages: LoweredStages, part: str) -> tuple[Tensor, ...]:
    """Return zero inputs of a part of the glance."""
    if part != "encode":
        return stages.examples("policy")
    size, encode = stages.config.glance_size, glance_parts(stages)[part]
    shapes = encode.shapes if isinstance(encode, EncodeNextFrame) else ()
    return (torch.zeros(ENCODED_FRAMES, 3, size, size), *(torch.zeros(shape) for shape in shapes))
