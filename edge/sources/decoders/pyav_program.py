"""Decode one file or stream with a hardware decoder of PyAV, and hand frames to the process that started this one.

A driver may hang (``h264_v4l2m2m`` does on Linux 6.6.63, raspberrypi/linux#6554), and then only a process of its own
can be ended. What it is asked and what it answers stands in :mod:`adafocus.edge.sources.decoders.process`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from adafocus.edge.sources.pyav_file import (
    decoded,
    display_matrix,
    failures,
    main_stream,
    open_container,
    pixel_aspect,
    shown,
)

Matrix = tuple[int, int, int, int]


def answer(content: dict[str, Any], data: bytes = b"") -> None:
    """Write one line, and bytes after it."""
    sys.stdout.buffer.write(json.dumps(content).encode() + b"\n" + data)
    sys.stdout.buffer.flush()


def by_name(path: str, decoder: str) -> tuple[Any, Iterator[Any], Matrix]:
    """Decode with a decoder that FFmpeg has by name.

    Returns:
        The stream, its frames, and the display matrix, which such decoders do not hand on.

    Raises:
        Exception: one of :func:`failures`.
    """
    matrix = (1, 0, 0, 1)
    if "://" not in path:
        with open_container(path) as container:
            first = next(decoded(container, main_stream(container)), None)
            matrix = matrix if first is None else display_matrix(first)
    container = open_container(path)
    stream = main_stream(container)
    context = import_module("av").CodecContext.create(decoder, "r")
    context.extradata = stream.codec_context.extradata
    context.width, context.height = stream.codec_context.width, stream.codec_context.height
    context.open()

    def frames() -> Iterator[Any]:
        for packet in container.demux(stream):
            yield from context.decode(packet)

    return stream, frames(), matrix


def by_device(path: str, device: str) -> tuple[Any, Iterator[Any], None]:
    """Decode with an accelerator that FFmpeg has a kind of device for, and with nothing else.

    Raises:
        Exception: one of :func:`failures`.
    """
    acceleration = import_module("av.codec.hwaccel").HWAccel(device, allow_software_fallback=False)
    container = import_module("av").open(path, hwaccel=acceleration, metadata_errors="replace")
    stream = main_stream(container)
    if not stream.codec_context.is_hwaccel:
        raise RuntimeError(f"{device} does not take this video")
    return stream, container.decode(stream), None


def serve(path: str, way: str, decoder: str) -> None:
    """Decode and answer until nobody asks any more."""
    try:
        stream, frames, matrix = (by_name if way == "name" else by_device)(path, decoder)
        waiting = next(frames, None)
    except failures() as error:
        answer({"error": str(error)})
        return
    if waiting is None:
        answer({"error": "it gives no frame"})
        return
    answer({"fps": float(stream.guessed_rate or 0), "frames": int(stream.frames)})
    converter = import_module("av").video.reformatter.VideoReformatter()
    unit, begin = float(stream.time_base or 0), stream.start_time or 0
    frame: Any = None
    while (asked := sys.stdin.buffer.read(1)) in (b"g", b"r"):
        if asked == b"g":
            try:
                frame, waiting = waiting or next(frames, None), None
            except failures() as error:
                answer({"error": str(error)})
                continue
            timed = frame is not None and frame.pts is not None
            answer({"end": True} if frame is None else {"time_s": (frame.pts - begin) * unit if timed else None})
            continue
        pixels = shown(frame, pixel_aspect(stream), converter, matrix)
        height, width = pixels.shape[:2]
        data = pixels.tobytes()
        answer({"height": height, "width": width, "stride": 3 * width, "bytes": len(data)}, data)


if __name__ == "__main__":
    serve(*sys.argv[1:4])
