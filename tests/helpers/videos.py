"""Odd videos and clips, made for tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.sources.source import Frame, Source
from adafocus.edge.video.clip import Clip

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


def encode(path: Path, frames: int, codec: str = "libx264", pixels: str = "yuv420p", **options: str) -> Path:
    """Write a picture that moves, with noise that is new in every frame: frames refer to each other, all differ."""
    random = np.random.default_rng(7)
    scene = cv2.resize(random.integers(0, 200, (8, 12, 3), dtype=np.uint8), (96, 64), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        # no key frames but those that the options ask for
        stream.options = {**({"sc_threshold": "0"} if codec == "libx264" else {}), **options}
        for number in range(frames):
            noise = random.integers(0, 12, (64, 96, 1), dtype=np.uint8)
            picture = np.roll(scene, 2 * number, axis=1) // 2 + noise + np.uint8(number % 100)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def level_of(number: int) -> int:
    """Grey level of frame ``number`` of :func:`write_at`: neighbours differ by more than coding does."""
    return 20 + 37 * number % 200


def write_at(
    path: Path,
    times_ms: Sequence[int],
    codec: str = "libx264",
    stated_fps: int = 30,
    aspect: Fraction | None = None,
    size: tuple[int, int] = (64, 48),
    **options: str,
) -> Path:
    """Write frames, each of one grey level, that appear at the given moments."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=stated_fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {**options}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, time_ms in enumerate(times_ms):
            picture = np.full((height, width, 3), level_of(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def remux(path: Path, source: Path, shift_ms: int = 0, first: int = 0, options: dict[str, str] | None = None) -> Path:
    """Copy the packets of a video from the ``first`` on, later by ``shift_ms``, without decoding them."""
    with av.open(str(source)) as there, av.open(str(path), "w", options=options or {}) as container:
        stream = there.streams.video[0]
        copy = container.add_stream_from_template(stream)
        packets = [packet for packet in there.demux(stream) if packet.size]
        for packet in packets[first:]:
            assert packet.time_base is not None
            shift = round(shift_ms / 1000 / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift
            packet.stream = copy
            container.mux(packet)
    return path


def with_sound(path: Path, source: Path, length_s: float) -> Path:
    """Copy the packets of a video, and add silence of a length of its own."""
    with av.open(str(source)) as there, av.open(str(path), "w") as container:
        stream = there.streams.video[0]
        copy, sound = container.add_stream_from_template(stream), container.add_stream("mp3", rate=48000)
        assert isinstance(sound, av.AudioStream)
        for packet in [packet for packet in there.demux(stream) if packet.size]:
            packet.stream = copy
            container.mux(packet)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((1, round(48000 * length_s)), np.float32), format="fltp", layout="mono"
        )
        silence.sample_rate = 48000
        container.mux([*sound.encode(silence), *sound.encode()])
    return path


def frames_of(source: Source) -> list[Frame]:
    """Read all frames of a source and close it."""
    found = []
    with closing(source):
        while source.grab():
            frame = source.retrieve()
            assert frame is not None
            assert frame.timestamp_s == source.timestamp_s
            found.append(frame)
    return found


GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=4,
    candidate_frames=24,
    focus_frames=8,
    frame_size=224,
    short_side=256,
    glance_size=128,
    patch_size=128,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)


def assert_same(one: Clip, other: Clip) -> None:
    for field in fields(Clip):
        if not field.name.endswith("_ms"):
            first, second = getattr(one, field.name), getattr(other, field.name)
            assert np.array_equal(first, second), field.name
