"""Odd videos, made for tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

SIDE_BAR_FRAMES = 40


def write_video(
    path: Path, frames: int, size: tuple[int, int] = (64, 48), codec: str = "libx264", pixels: str = "yuv420p"
) -> Path:
    """Write a moving gradient of ``size`` (width, height)."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for number in range(frames):
            ramp = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 50, height)[:, None, None]
            image = np.broadcast_to(np.roll(ramp, 3 * number, axis=1), (height, width, 3)).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
