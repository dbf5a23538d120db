"""A Jetson's camera and hardware decoder: the pipelines of NVIDIA's GStreamer elements.

``jetson:0`` is the camera of the first connector, ``jetson:clip.mp4`` a file and ``jetson:rtsp://...`` a stream, both
decoded in hardware. Not verified here: that these pipelines run, which takes a Jetson; their text is tested.
"""

from __future__ import annotations

from pathlib import Path

from adafocus.edge.sources.capture import whole_number
from adafocus.edge.sources.decoders.process import ProcessSource
from adafocus.edge.sources.gstreamer import EVERY, NEWEST, TO_BGR, open_pipeline
from adafocus.edge.sources.source import safe_name
from adafocus.errors import SourceError

PREFIX = "jetson:"
# the converter of the chip gives four bytes a pixel, and three are taken
FROM_CHIP = f"video/x-raw,format=BGRx ! {TO_BGR}"
DEMUXERS = {".mp4": "qtdemux", ".mov": "qtdemux", ".m4v": "qtdemux", ".mkv": "matroskademux"}
CODECS = ("h264", "h265")
MAX_TURNS = 7


def camera_pipeline(sensor: int, width: int, height: int, fps: int, turn: int) -> str:
    """Write the pipeline of a camera.

    Args:
        sensor: of the connector.
        width: in pixels.
        height: in pixels.
        fps: frames per second.
        turn: ``flip-method`` of nvvidconv, 0 to 7; 2 is upside down.
    """
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! "
        f"video/x-raw(memory:NVMM),width={width},height={height},framerate={fps}/1 ! "
        f"nvvidconv flip-method={turn} ! {FROM_CHIP} ! {NEWEST}"
    )


def decoder_pipeline(address: str, codec: str, latency_ms: int) -> str:
    """Write the pipeline of a file or a stream that nvv4l2decoder decodes.

    Args:
        address: a path, or an address that begins with rtsp:// or rtsps://.
        codec: ``h264`` or ``h265``.
        latency_ms: how long packets of a stream are waited for.

    Raises:
        SourceError: another codec, or a container without a demuxer here.
    """
    if codec not in CODECS:
        raise SourceError(f"codec is {codec!r}, expected one of {', '.join(CODECS)}.")
    if '"' in address:
        raise SourceError(f"{safe_name(address)} has a quotation mark in it, which a pipeline cannot hold. Rename it.")
    decode = f"{codec}parse ! nvv4l2decoder ! nvvidconv ! {FROM_CHIP}"
    if address.lower().startswith(("rtsp://", "rtsps://")):
        return f'rtspsrc location="{address}" latency={latency_ms} ! rtp{codec}depay ! {decode} ! {NEWEST}'
    suffix = Path(address).suffix.lower()
    if suffix not in DEMUXERS:
        raise SourceError(f"jetson: opens {', '.join(DEMUXERS)} and rtsp:// addresses, found {safe_name(address)}.")
    return f'filesrc location="{address}" ! {DEMUXERS[suffix]} ! {decode} ! {EVERY}'


def open_source(
    address: str,
    width_px: int = 1280,
    height_px: int = 720,
    fps: int = 30,
    turn: int = 0,
    codec: str = "h264",
    latency_ms: int = 100,
    timeout_s: float = 10.0,
) -> ProcessSource:
    """Open a camera, or a file or stream with the hardware decoder.

    Raises:
        SourceError: a wrong option, no Python here has PyGObject, or the pipeline does not start.
    """
    target = address[len(PREFIX) :]
    if target.isdecimal():
        width, height, rate = (
            whole_number(name, value) or 0
            for name, value in (("width_px", width_px), ("height_px", height_px), ("fps", fps))
        )
        turns = whole_number("turn", turn, 0, MAX_TURNS) or 0
        return open_pipeline(camera_pipeline(int(target), width, height, rate, turns), address, True, timeout_s)
    streamed = "://" in target
    if not streamed and not Path(target).is_file():
        raise SourceError(f"There is no video at {target}. Check the path.")
    return open_pipeline(decoder_pipeline(target, codec, latency_ms), address, streamed, timeout_s)
