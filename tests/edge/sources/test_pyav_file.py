"""What OpenCV cannot decode or would show wrongly: codecs, shapes of pixels, mirrored pictures, several streams."""

from __future__ import annotations

import struct
import sys
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.recognizer import Recognizer
from adafocus.edge.sources import open_source, pyav_file
from adafocus.edge.sources.pyav_file import PyAVFile
from adafocus.edge.sources.video_file import VideoFile
from adafocus.edge.video.clip import read_clip, read_frames
from adafocus.errors import VideoError
from tests.helpers.videos import GEOMETRY, assert_same, encode, frames_of, level_of, remux, write_at

TIMES_MS = [40 * number for number in range(12)]


def quadrants() -> NDArray[np.uint8]:
    """A picture in which every corner has a grey level of its own."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32], picture[:24, 32:], picture[24:, :32], picture[24:, 32:] = 40, 90, 140, 200
    return picture


def write_picture(path: Path, aspect: Fraction | None = None, matrix: tuple[int, int, int, int] | None = None) -> Path:
    """Write the quadrants five times; the display matrix of the file is changed in its bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(5):
            for packet in stream.encode(av.VideoFrame.from_ndarray(quadrants(), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    if matrix is not None:
        data = bytearray(path.read_bytes())
        place = data.index(b"tkhd") + 4 + 40
        a, b, c, d = (value << 16 for value in matrix)
        struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
    return path


def corners(picture: NDArray[np.uint8]) -> list[int]:
    """Grey levels of the four corners, as they were written."""
    height, width = picture.shape[:2]
    levels = np.array([40, 90, 140, 200])
    places = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [int(levels[np.abs(levels - int(picture[place].mean())).argmin()]) for place in places]


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm"])
def test_what_opencv_has_no_decoder_for_is_decoded(tmp_path: Path, name: str, packets: bool) -> None:
    path = encode(tmp_path / name, 12, "libsvtav1", svtav1_params="")
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert (clip.frame_count, clip.warnings) == (12, ())
    frames = frames_of(open_source(path))
    assert [frame.number for frame in frames] == list(range(12))
    assert np.allclose([frame.timestamp_s for frame in frames], np.arange(12) / 30, atol=1e-3)
    with av.open(str(path)) as container:
        for frame, stored in zip(frames, container.decode(video=0), strict=True):
            assert np.array_equal(frame.pixels, stored.to_ndarray(format="bgr24"))


def test_a_file_that_no_library_decodes_names_its_codec(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 12, "libsvtav1")
    data = path.read_bytes()
    # the pictures are gone, the header stays
    begin = data.index(b"mdat") + 4
    path.write_bytes(data[:begin] + bytes(data.index(b"moov") - 4 - begin) + data[data.index(b"moov") - 4 :])
    with closing(VideoFile(path)) as source, pytest.raises(VideoError, match=r"codec is av1.*ffmpeg -i"):
        source.grab()
    with pytest.raises(VideoError, match="codec is av1"):
        read_clip(path, GEOMETRY)


@pytest.mark.parametrize(("letters", "codec"), [(b"evc1", "evc"), (b"xyzw", "xyzw")])
def test_a_codec_without_a_decoder_is_named(tmp_path: Path, letters: bytes, codec: str) -> None:
    """FFmpeg knows EVC and has no decoder for it; the other letters mean nothing to anybody."""
    path = encode(tmp_path / "clip.mp4", 12)
    path.write_bytes(path.read_bytes().replace(b"avc1", letters))
    with pytest.raises(VideoError, match=rf"codec {codec}, which .* cannot decode. .*ffmpeg -i"):
        read_clip(path, GEOMETRY)


@pytest.mark.parametrize(
    ("codec", "options", "suffixes"),
    [
        ("libx265", {"x265-params": "log-level=none"}, (".mkv", ".mov")),
        ("libvpx-vp9", {}, (".mkv", ".webm")),
        ("libsvtav1", {}, (".mkv", ".webm")),
    ],
)
def test_newer_codecs_give_the_same_frames_and_label_in_every_container(
    tmp_path: Path, recognizer: Recognizer, codec: str, options: dict[str, str], suffixes: tuple[str, ...]
) -> None:
    """They are read by packets or in order."""
    first = encode(tmp_path / "clip.mp4", 24, codec, **options)
    others = [first.with_suffix(suffix) for suffix in suffixes]
    # PyAV copies no stream of AV1; its encoder, unlike that of HEVC, makes the same packets each time
    again = codec == "libsvtav1"
    paths = [first, *(encode(path, 24, codec, **options) if again else remux(path, first) for path in others)]
    clips = [read_clip(path, GEOMETRY, packets=packets) for path in paths for packets in (True, False)]
    geometry = recognizer.bundle.manifest.geometry
    labels = {recognizer.recognize_clip(read_clip(path, geometry)).label for path in paths}
    with av.open(str(first)) as container:
        stored = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for path in paths:
        for number, pixels in read_frames(path, [7, 20]).items():
            assert np.array_equal(pixels, stored[number]), (path.name, number)
    for clip in clips[1:]:
        assert_same(clip, clips[0])
    assert len(labels) == 1


def test_a_stream_without_a_frame_is_an_error(tmp_path: Path) -> None:
    path = write_at(tmp_path / "clip.mp4", TIMES_MS, "mpeg4")
    data = path.read_bytes()
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    with closing(open_source(path)) as source, pytest.raises(VideoError, match="No frame of"):
        source.grab()


def test_without_pyav_a_file_that_opencv_cannot_decode_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "clip.mp4", 12, "libsvtav1")
    monkeypatch.setitem(sys.modules, "av", None)
    with closing(open_source(path)) as source, pytest.raises(VideoError, match="pip install av"):
        source.grab()


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(
    ("aspect", "shape"),
    [("16/9", (48, 114)), ("4/3", (48, 85)), ("1/2", (96, 64)), ("8/9", (54, 64)), ("101/100", (48, 64))],
)
def test_pixels_that_are_not_square_are_shown_in_their_shape(
    tmp_path: Path, aspect: str, shape: tuple[int, int], packets: bool
) -> None:
    for suffix in (".mp4", ".mkv"):
        path = write_picture(tmp_path / f"clip{suffix}", Fraction(aspect))
        frame = frames_of(open_source(path))[2].pixels
        assert frame.shape == (*shape, 3)
        assert corners(frame) == [40, 90, 140, 200]
        clip, other = read_clip(path, GEOMETRY, packets=packets), read_clip(path, GEOMETRY, packets=not packets)
        assert np.array_equal(clip.candidates, other.candidates)


def test_nonsense_for_a_shape_is_no_shape(tmp_path: Path) -> None:
    assert read_frames(write_picture(tmp_path / "clip.mp4", Fraction(1, 200)), [1])[1].shape == (48, 64, 3)


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), [40, 90, 140, 200]),
        ((-1, 0, 0, 1), [90, 40, 200, 140]),
        ((1, 0, 0, -1), [140, 200, 40, 90]),
        ((-1, 0, 0, -1), [200, 140, 90, 40]),
        ((0, 1, -1, 0), [140, 40, 200, 90]),
        ((0, -1, 1, 0), [90, 200, 40, 140]),
        ((0, 1, 1, 0), [40, 140, 90, 200]),
        ((0, -1, -1, 0), [200, 90, 140, 40]),
    ],
)
def test_pictures_are_turned_and_mirrored_as_the_header_says(
    tmp_path: Path, matrix: tuple[int, int, int, int], expected: list[int], packets: bool
) -> None:
    path = write_picture(tmp_path / "clip.mp4", matrix=matrix)
    assert corners(frames_of(open_source(path))[0].pixels) == expected
    assert corners(read_frames(path, [3])[3]) == expected
    candidate = read_clip(path, GEOMETRY, packets=packets).candidates[0]
    assert corners(candidate) == expected


def write_streams(path: Path, sizes: list[tuple[int, int]], lengths: list[int], cover: bool = False) -> Path:
    """Write several video streams side by side; the frames of stream n have the level 60 (n + 1)."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (width, height) in enumerate(sizes):
            still = cover and number == 0
            stream = container.add_stream("mjpeg" if still else "libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p" if still else "yuv420p"
            if still:
                stream.disposition = av.stream.Disposition.attached_pic
            streams.append(stream)
        for number, (stream, length) in enumerate(zip(streams, lengths, strict=True)):
            picture = np.full((stream.height, stream.width, 3), 60 * (number + 1), np.uint8)
            for moment in range(length):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = moment, Fraction(1, 25)
                for packet in stream.encode(frame):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
    return path


@pytest.mark.parametrize("packets", [True, False])
@pytest.mark.parametrize(
    ("name", "sizes", "lengths", "cover", "right"),
    [
        ("cover.mp4", [(96, 96), (64, 48)], [1, 20], True, 1),
        ("cover.mov", [(320, 320), (64, 48)], [1, 20], True, 1),
        ("preview.mp4", [(32, 32), (64, 48)], [1, 20], False, 1),
        ("small_first.mkv", [(32, 32), (64, 48)], [20, 20], False, 1),
        ("large_first.mkv", [(64, 48), (32, 32)], [20, 20], False, 0),
    ],
)
def test_the_real_video_stream_is_taken(
    tmp_path: Path, name: str, sizes: list[tuple[int, int]], lengths: list[int], cover: bool, right: int, packets: bool
) -> None:
    path = write_streams(tmp_path / name, sizes, lengths, cover)
    frames = frames_of(open_source(path))
    assert len(frames) == 20
    assert frames[0].pixels.shape == (*sizes[right][::-1], 3)
    clip = read_clip(path, GEOMETRY, packets=packets)
    assert (clip.frame_count, clip.warnings) == (20, ())
    assert abs(float(np.asarray(clip.candidates).mean()) - 60 * (right + 1)) < 6


@pytest.mark.parametrize("size", [(96, 96), (320, 240), (64, 48)])
def test_a_cover_alone_is_no_video(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_streams(tmp_path / "song.mp4", [size], [1], cover=True)
    with pytest.raises(VideoError, match="a still picture, such as a cover, but no video"):
        read_clip(path, GEOMETRY)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("grey.mkv", "ffv1", "gray"),
        ("grey10.mkv", "ffv1", "gray10le"),
        ("grey16.mkv", "ffv1", "gray16le"),
        ("colour16.mkv", "ffv1", "gbrp16le"),
        ("ten.mov", "prores_ks", "yuv422p10le"),
        ("sixteen.mov", "png", "rgb48be"),
        ("alpha.mkv", "ffv1", "bgra"),
    ],
)
def test_frames_of_any_depth_become_eight_bits(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    path = encode(tmp_path / name, 8, codec, pixels)
    frames = frames_of(open_source(path))
    with av.open(str(path)) as container:
        for frame, stored in zip(frames, container.decode(video=0), strict=True):
            assert frame.pixels.shape == (64, 96, 3)
            assert frame.pixels.dtype == np.uint8
            expected = stored.to_ndarray(format="bgr24").astype(int)
            assert np.abs(frame.pixels - expected).mean() < 2


def test_interlaced_files_are_streamed_with_pyav(tmp_path: Path) -> None:
    path = encode(tmp_path / "interlaced.ts", 12, "mpeg2video", flags="+ildct+ilme", b="8M")
    frames = frames_of(open_source(path))
    assert len(frames) == 12
    assert all(not np.array_equal(one.pixels, other.pixels) for one, other in pairwise(frames))


def test_a_pyav_file_closes_twice_and_gives_nothing_then(tmp_path: Path) -> None:
    source = PyAVFile(write_at(tmp_path / "clip.mp4", TIMES_MS))
    assert source.retrieve() is None
    assert (source.stated_frames, source.fps, source.live) == (12, 25, False)
    assert source.grab()
    frame = source.retrieve()
    assert frame is not None
    assert abs(float(frame.pixels.mean()) - level_of(0)) < 6
    source.close()
    source.close()
    assert source.retrieve() is None
    assert not source.grab()


def test_a_file_that_pyav_cannot_open_ends_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(VideoError, match="No frame of"):
        PyAVFile(path)
    assert not pyav_file.needs_pyav(path)
    assert cv2.VideoCapture(str(path)).isOpened() is False
