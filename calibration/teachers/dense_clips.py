"""Dense clips: consecutive frames at a fixed rate, read by the time at which they are shown, as I3D takes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adafocus.edge.video.preprocess import PixelTable, fit_frame
from adafocus.edge.video.reader import attempts

# pixels / 127.5 - 1
HALF = (0.5, 0.5, 0.5)
# a moment that lies between two frames is that of the later one, whichever way the numbers were rounded
HAIR_S = 1e-6


def dense_indices(edges_s: NDArray[np.float64], frames: int, fps: float, views: int) -> NDArray[np.int64]:
    """Choose the frames of dense views that are spread evenly over a video.

    Args:
        edges_s: ``(n + 1,)`` when each frame appears, and when the last one goes.
        frames: of a view.
        fps: at which a view is seen; frames of the video are left out or repeated to keep time.
        views: how many; one is the middle of the video. A video shorter than a view is played again from its start,
            and has one view.

    Returns:
        ``(views, frames)`` int64.
    """
    length_s = edges_s[-1] - edges_s[0]
    room_s = max(float(length_s) - frames / fps, 0.0)
    starts = (np.arange(views if room_s else 1) + 0.5) / (views if room_s else 1) * room_s
    moments = starts[:, None] + (np.arange(frames) + 0.5) / fps + HAIR_S
    shown = np.searchsorted(edges_s, edges_s[0] + moments % length_s, "right") - 1
    return np.clip(shown, 0, len(edges_s) - 2).astype(np.int64)


@dataclass(frozen=True)
class DenseClips:
    """How a teacher sees clips densely.

    Attributes:
        frames: of one view.
        size: side of its input in pixels.
        short_side_px: short side that its centre crop is cut from.
        fps: frames per second.
    """

    frames: int = 32
    size: int = 224
    short_side_px: int = 256
    fps: float = 25.0

    def read(self, path: Path, views: int) -> list[tuple[Tensor, ...]]:
        """Return at most ``views`` views of a video, each one input ``(T, 3, S, S)``, float32, normalized.

        Raises:
            VideoError: not a video, or no frame of it can be decoded.
        """
        pictures: dict[int, NDArray[np.uint8]] = {}
        for reader in attempts(path):
            edges_s = reader.varying_s
            if edges_s is None:
                edges_s = np.arange(reader.frame_count + 1) / reader.fps
            chosen = dense_indices(edges_s, self.frames, self.fps, views)
            pictures = {
                number: fit_frame(np.ascontiguousarray(pixels[..., ::-1]), self.size, self.short_side_px)
                for number, pixels in reader.read(chosen.ravel())
            }
        table = PixelTable.build(HALF, HALF, "float32")
        stacks = (np.stack([pictures[number] for number in view.tolist()]) for view in chosen)
        return [(torch.from_numpy(table.apply(stack)),) for stack in stacks]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for what answers were made from."""
        return asdict(self)
