"""Reading frames by their numbers, whatever the file is like."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from adafocus.edge.sources import Frame, VideoFile
from adafocus.edge.video.clip import clip_from_frames, read_clip, read_frames, sample_video
from adafocus.edge.video.reader import attempts, fill_gaps
from adafocus.errors import SourceError, VideoError
from tests.helpers.videos import GEOMETRY, encode, write_video


def test_only_wanted_frames_are_kept_and_they_are_the_right_ones(tmp_path: Path) -> None:
    path = write_video(tmp_path / "ramp.avi", 20, codec="ffv1", pixels="yuv444p")
    everything = sample_video(path, 20, lambda frame: frame)
    frames = read_frames(path, [17, 3, 3])
    assert sorted(frames) == [3, 17]
    assert np.array_equal(frames[3][:, :, ::-1], everything[3])
    assert np.array_equal(frames[17][:, :, ::-1], everything[17])


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


def test_frames_beyond_what_the_header_states_are_chosen_anew(shared: Path) -> None:
    """Half of the file is missing: the first reading ends early and corrects the count, the second is complete."""
    counts, complete = [], []
    for video in attempts(shared / "smoke" / "corrupted.mp4", packets=False):
        counts.append(video.frame_count)
        frames = dict(video.read(np.arange(video.frame_count)))
        complete.append(video.complete)
    assert (counts, complete) == ([50, 28], [False, True])
    assert sorted(frames) == list(range(28))
    assert [warning.partition(": ")[0] for warning in video.warnings] == ["corrupted.mp4"]


@pytest.mark.parametrize(
    ("there", "stand_ins"),
    [
        ("0_2", "002"),
        ("__2", "222"),
        ("0__", "000"),
        ("0___4", "00044"),
        ("0____5", "000555"),
        ("___", ""),
        ("012", "012"),
    ],
)
def test_the_nearest_frame_stands_in_and_of_two_the_earlier(there: str, stand_ins: str) -> None:
    frames = [(place, None if name == "_" else np.full(1, int(name), np.uint8)) for place, name in enumerate(there)]
    filled = sorted((number, int(pixels[0])) for number, pixels in fill_gaps(frames))
    assert filled == [(place, int(name)) for place, name in enumerate(stand_ins)]


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


def test_a_damaged_picture_is_stood_in_for_with_a_warning(tmp_path: Path) -> None:
    for number in range(24):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((300, 300, 3), 10 * number, np.uint8))
    (tmp_path / "7.png").write_bytes(b"damaged")
    clip = read_clip(tmp_path, GEOMETRY)
    levels = np.asarray(clip.candidates)[:, 0, 0, 0].tolist()
    assert levels == [10 * (6 if number == 7 else number) for number in range(24)]
    assert "damaged" in clip.warnings[0]


def test_a_live_source_makes_no_clip() -> None:
    with pytest.raises(SourceError, match="adafocus stream"):
        read_clip("camera:0", GEOMETRY)
