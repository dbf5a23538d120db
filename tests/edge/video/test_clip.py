"""Decoding and sampling of real and odd videos."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources import Frame, VideoFile
from adafocus.edge.video import reader, selective_decoder
from adafocus.edge.video.clip import Clip, clip_from_frames, clip_windows, read_clip, read_frames, sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import SourceError, VideoError
from tests.helpers.videos import write_video

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


@pytest.mark.parametrize("frames", [1, 2, 5, 60])
def test_short_videos_repeat_frames(tmp_path: Path, frames: int) -> None:
    clip = read_clip(write_video(tmp_path / "short.mp4", frames), GEOMETRY)
    assert clip.frame_count == frames
    assert clip.glance.shape == (4, 128, 128, 3)
    assert np.asarray(clip.candidates).shape == (24, 224, 224, 3)
    assert np.array_equal(clip.candidate_indices, uniform_indices(frames, 24))
    assert clip.candidate_indices.max() <= frames - 1
    assert not clip.warnings


@pytest.mark.parametrize(
    ("name", "size", "codec", "pixels"),
    [
        ("odd.avi", (101, 57), "mjpeg", "yuvj444p"),
        ("grey.avi", (64, 48), "ffv1", "gray"),
        ("ten.mkv", (64, 48), "ffv1", "yuv420p10le"),
        ("tiny.avi", (8, 6), "ffv1", "yuv420p"),
        ("tall.mp4", (48, 320), "libx264", "yuv420p"),
    ],
)
def test_odd_sizes_grey_and_ten_bit_content_are_read(
    tmp_path: Path, name: str, size: tuple[int, int], codec: str, pixels: str
) -> None:
    clip = read_clip(write_video(tmp_path / name, 12, size, codec, pixels), GEOMETRY)
    assert clip.frame_count == 12
    assert 40 < np.asarray(clip.candidates).mean() < 220
    assert np.asarray(clip.candidates).std() > 3


def test_rotation_in_the_header_is_applied(shared: Path) -> None:
    frames = sample_video(shared / "smoke" / "rotated_90.mov", 1, lambda frame: frame)
    raw = cv2.VideoCapture(str(shared / "smoke" / "rotated_90.mov"), cv2.CAP_FFMPEG)
    raw.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    found, stored = raw.read()
    assert found
    assert frames.shape[1:3] == stored.shape[1::-1]


def test_a_damaged_video_is_answered_from_what_decodes_with_a_warning(shared: Path) -> None:
    clip = read_clip(shared / "smoke" / "corrupted.mp4", GEOMETRY)
    assert "corrupted.mp4" in clip.warnings[0]
    assert np.asarray(clip.candidates).max() > 0


def test_a_truncated_video_is_answered_with_a_warning(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "smoke" / "juggling_soccer_ball.avi").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: len(whole) // 2])
    clip = read_clip(path, GEOMETRY)
    assert clip.warnings
    assert clip.candidate_indices.max() < clip.frame_count


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.mp4", None, "no video at"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is a text, not a video\n" * 50, "no video that can be decoded"),
    ],
)
def test_what_is_no_video_ends_in_a_sentence(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=words):
        read_clip(path, GEOMETRY)


def test_a_folder_without_pictures_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures"):
        read_clip(tmp_path, GEOMETRY)


def test_a_video_of_no_frames_ends_in_a_sentence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "none.avi", 0, codec="mjpeg", pixels="yuvj420p")
    with pytest.raises(VideoError, match=r"none\.avi"):
        read_clip(path, GEOMETRY)


def test_only_wanted_frames_are_kept_and_they_are_the_right_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "ramp.avi", 20, codec="ffv1", pixels="yuv444p")
    everything = sample_video(path, 20, lambda frame: frame)
    frames = read_frames(path, [17, 3, 3])
    assert sorted(frames) == [3, 17]
    assert np.array_equal(frames[3][:, :, ::-1], everything[3])
    assert np.array_equal(frames[17][:, :, ::-1], everything[17])


def test_windows_lie_inside_the_video(tmp_path: Path) -> None:
    clips = clip_windows(write_video(tmp_path / "long.mp4", 50), GEOMETRY, 5)
    assert len(clips) == 5
    assert clips[0].candidate_indices.max() > 45
    assert all(clip.glance_indices.min() >= 0 and clip.glance_indices.max() < 50 for clip in clips)
    assert len({int(clip.glance_indices[0]) for clip in clips[1:]}) == 4


QUIET_X265 = {"x265-params": "log-level=none:keyint=20"}
OPTIONS = {
    "hevc.mp4": QUIET_X265,
    "hevc.mkv": QUIET_X265,
}


def assert_same(one: Clip, other: Clip) -> None:
    for field in fields(Clip):
        if not field.name.endswith("_ms"):
            first, second = getattr(one, field.name), getattr(other, field.name)
            assert np.array_equal(first, second), field.name


@pytest.fixture
def by_packets(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each reading that might have gone by packets did."""
    went: list[bool] = []

    def watched(address: Path, packets: bool = True) -> Iterator[reader.VideoReader]:
        last = None
        for last in reader.attempts(address, packets):
            yield last
        if packets:
            went.append(isinstance(last, selective_decoder.SelectiveDecoder))

    monkeypatch.setattr("adafocus.edge.video.clip.attempts", watched)
    return went


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


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.mp4", {}),
        ("short_groups.mp4", {"g": "12"}),
        ("no_b_frames.mp4", {"bf": "0"}),
        ("many_b_frames.mp4", {"bf": "8", "b-pyramid": "none"}),
        ("matroska.mkv", {"g": "30"}),
        ("open_groups.mp4", {"g": "15", "x264-params": "open-gop=1"}),
        ("refreshed.mp4", {"g": "30", "x264-params": "intra-refresh=1"}),
        ("slices.mp4", {"x264-params": "slices=4"}),
    ],
)
@pytest.mark.parametrize("window", [None, (130, 140), (60, 200)])
def test_reading_by_packets_gives_the_bytes_of_reading_in_order(
    tmp_path: Path, by_packets: list[bool], name: str, options: dict[str, str], window: tuple[int, int] | None
) -> None:
    path = encode(tmp_path / name, 200, **options)
    assert_same(read_clip(path, GEOMETRY, window), read_clip(path, GEOMETRY, window, packets=False))
    assert by_packets == [True]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("full_range.mp4", "libx264", "yuvj420p"),
        ("hevc.mp4", "libx265", "yuv420p"),
        ("hevc.mkv", "libx265", "yuv420p"),
        ("four.mp4", "libx264", "yuv444p"),
        ("ten.mp4", "libx264", "yuv420p10le"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("clip.ts", "libx264", "yuv420p"),
    ],
)
def test_whatever_the_codec_both_ways_agree(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    path = encode(tmp_path / name, 50, codec, pixels, **OPTIONS.get(name, {}))
    assert_same(read_clip(path, GEOMETRY), read_clip(path, GEOMETRY, packets=False))


def test_real_videos_are_read_by_packets_and_the_same(shared: Path, by_packets: list[bool]) -> None:
    videos = [shared / "smoke" / name for name in ("archery.mp4", "flipping_pancake.mkv", "high_jump.mp4")]
    videos += [sorted(folder.glob("*.mp4"))[0] for folder in sorted((shared / "clips" / "ucf6").iterdir())]
    for video in videos:
        assert_same(read_clip(video, GEOMETRY), read_clip(video, GEOMETRY, packets=False))
    assert by_packets == [True] * len(videos)


def test_odd_videos_are_the_same_either_way(shared: Path) -> None:
    for name in ("rotated_90.mov", "corrupted.mp4", "juggling_soccer_ball.avi"):
        video = shared / "smoke" / name
        assert_same(read_clip(video, GEOMETRY), read_clip(video, GEOMETRY, packets=False))


def test_damage_inside_a_video_is_left_to_the_ordinary_way(
    shared: Path, tmp_path: Path, by_packets: list[bool]
) -> None:
    """Its decoder conceals the damage, with several threads not twice in the same way, so pixels are not compared."""
    damaged = bytearray((shared / "smoke" / "archery.mp4").read_bytes())
    damaged[200_000:200_400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    clip = read_clip(tmp_path / "damaged.mp4", GEOMETRY)
    assert by_packets == [False]
    assert clip.frame_count == 300
    whole = read_clip(shared / "smoke" / "archery.mp4", GEOMETRY)
    # what comes before the damage is untouched
    assert np.array_equal(clip.candidates[0], whole.candidates[0])
    assert not np.array_equal(clip.candidates, whole.candidates)


INTERLACED = {
    "interlaced.mp4": ("libx264", {"x264-params": "interlaced=1"}),
    "interlaced.ts": ("mpeg2video", {"flags": "+ildct+ilme", "b": "8M"}),
}


@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_video_is_read_where_pyav_is_and_warned_of_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """OpenCV gives the same memory for every interlaced frame, and says that all is well."""
    codec, options = INTERLACED[name]
    path = encode(tmp_path / name, 40, codec, **options)
    with av.open(str(path)) as container:
        stored = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
    expected = clip_from_frames([Frame(pixels, 0, 0.0, "") for pixels in stored], GEOMETRY)
    for packets_too in (True, False):
        clip = read_clip(path, GEOMETRY, packets=packets_too)
        assert np.array_equal(clip.candidates, expected.candidates)
        assert np.array_equal(clip.glance, expected.glance)
        assert not clip.warnings
    monkeypatch.setitem(sys.modules, "av", None)
    assert "pip install av" in read_clip(path, GEOMETRY).warnings[0]


def test_a_still_picture_is_no_reason_to_warn(tmp_path: Path) -> None:
    path = tmp_path / "still.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(30):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    clip = read_clip(path, GEOMETRY)
    assert not clip.warnings
    assert np.abs(np.asarray(clip.candidates).astype(int) - 90).max() < 3


def test_packets_that_do_not_fit_memory_are_read_twice(
    tmp_path: Path, by_packets: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "long.mp4", 200, g="12")
    monkeypatch.setattr(selective_decoder, "HELD_BYTES", 1000)
    assert_same(read_clip(path, GEOMETRY), read_clip(path, GEOMETRY, packets=False))
    assert by_packets == [True]


def test_only_what_wanted_frames_need_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "long.mp4", 300, g="10", bf="0")
    came = 0
    convert = selective_decoder.SelectiveDecoder._convert

    def counted(decoder: selective_decoder.SelectiveDecoder, frames: list[Any], left: dict[int, int]) -> Iterator[Any]:
        nonlocal came
        came += len(frames)
        return convert(decoder, frames, left)

    monkeypatch.setattr(selective_decoder.SelectiveDecoder, "_convert", counted)
    assert sorted(read_frames(path, [5, 205])) == [5, 205]
    # 0..5 and 200..205
    assert came == 12


def test_a_device_without_pyav_reads_in_order(
    tmp_path: Path, by_packets: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    expected = read_clip(path, GEOMETRY)
    monkeypatch.setitem(sys.modules, "av", None)
    assert_same(read_clip(path, GEOMETRY), expected)
    assert by_packets == [True, False]


def test_reading_clips_leaves_no_file_open(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", 30)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(path.read_bytes()[:3000])
    read_clip(path, GEOMETRY)
    before = len(os.listdir("/proc/self/fd"))
    for packets_too in (True, False):
        read_clip(path, GEOMETRY, packets=packets_too)
        with pytest.raises(VideoError):
            read_clip(broken, GEOMETRY, packets=packets_too)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_unknown_frame_count_is_counted(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.h264", 33)
    with closing(VideoFile(path)) as video:
        assert video.stated_frames == 0
    clip = read_clip(path, GEOMETRY)
    assert clip.frame_count == 33
    assert not clip.warnings


@pytest.fixture
def recording(tmp_path: Path) -> list[Frame]:
    """Write a video whose pictures survive being stored."""
    with closing(VideoFile(write_video(tmp_path / "ramp.avi", 40, codec="ffv1", pixels="yuv444p"))) as video:
        frames = []
        while video.grab():
            frame = video.retrieve()
            assert frame is not None
            frames.append(frame)
    return frames


def test_a_folder_an_array_and_frames_in_memory_make_the_clip_of_the_video(
    tmp_path: Path, recording: list[Frame]
) -> None:
    expected = read_clip(tmp_path / "ramp.avi", GEOMETRY)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for frame in recording:
        cv2.imwrite(str(folder / f"{frame.number}.png"), frame.pixels)
    np.save(tmp_path / "ramp.npy", np.stack([frame.pixels[:, :, ::-1] for frame in recording]))
    for address in (folder, tmp_path / "ramp.npy"):
        assert_same(read_clip(address, GEOMETRY), expected)
    assert_same(clip_from_frames(recording, GEOMETRY), expected)
    assert_same(clip_from_frames(recording, GEOMETRY, (10, 30)), read_clip(tmp_path / "ramp.avi", GEOMETRY, (10, 30)))


def test_a_damaged_picture_is_stood_in_for_with_a_warning(tmp_path: Path) -> None:
    for number in range(24):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((300, 300, 3), 10 * number, np.uint8))
    (tmp_path / "7.png").write_bytes(b"damaged")
    clip = read_clip(tmp_path, GEOMETRY)
    levels = np.asarray(clip.candidates)[:, 0, 0, 0].tolist()
    assert levels == [10 * (6 if number == 7 else number) for number in range(24)]
    assert "damaged" in clip.warnings[0]


def test_no_frames_make_no_clip() -> None:
    with pytest.raises(SourceError, match="no frames"):
        clip_from_frames([], GEOMETRY)


def test_the_glance_is_made_of_the_cameras_small_picture_where_that_is_large_enough(recording: list[Frame]) -> None:
    def with_small(side: int) -> list[Frame]:
        return [replace(frame, small=np.full((side, side, 3), (1, 2, 3), np.uint8)) for frame in recording]

    # the glance of 128 of a frame of 224 out of 256 has a short side of 146
    assert clip_from_frames(with_small(146), GEOMETRY).glance[0, 0, 0].tolist() == [3, 2, 1]
    plain = clip_from_frames(recording, GEOMETRY)
    assert np.array_equal(clip_from_frames(with_small(145), GEOMETRY).glance, plain.glance)


def test_a_live_source_makes_no_clip() -> None:
    with pytest.raises(SourceError, match="adafocus stream"):
        read_clip("camera:0", GEOMETRY)


def test_frames_wait_to_be_resized_until_they_are_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resized: list[tuple[int, ...]] = []

    def noting(frame: np.ndarray, *others: Any) -> np.ndarray:
        resized.append(frame.shape)
        return fit_frame(frame, *others)

    path = write_video(tmp_path / "ramp.avi", 60)
    expected = np.asarray(read_clip(path, GEOMETRY).candidates)
    monkeypatch.setattr("adafocus.edge.video.clip.fit_frame", noting)
    clip = read_clip(path, GEOMETRY)
    glance = len(set(clip.glance_indices.tolist()))
    assert len(resized) == glance
    looked = [number for number in (3, 3, 7) if clip.candidate_indices[number] not in clip.glance_indices]
    assert all(np.array_equal(clip.candidates[number], expected[number]) for number in looked)
    assert len(resized) == glance + len(set(looked)), "and each only once"
    assert np.array_equal(clip.candidates, expected)
    assert len(list(clip.candidates)) == len(clip.candidates) == len(expected)
    assert len(resized) == len({*clip.glance_indices.tolist(), *clip.candidate_indices.tolist()})
    with pytest.raises(IndexError):
        clip.candidates[len(expected)]


def test_large_frames_do_not_wait_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_video(tmp_path / "ramp.avi", 60)
    waited = read_clip(path, GEOMETRY)
    monkeypatch.setattr("adafocus.edge.video.clip.MAX_WAITING_BYTES", 1)
    at_once = read_clip(path, GEOMETRY)
    monkeypatch.setattr("adafocus.edge.video.clip.fit_frame", None)
    assert np.array_equal(waited.glance, at_once.glance)
    stored = np.asarray(at_once.candidates)
    monkeypatch.undo()
    assert np.array_equal(stored, waited.candidates)
