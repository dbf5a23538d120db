"""The annotated video."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.streaming.views.overlay import Overlay
from adafocus.edge.streaming.views.recorder import AnnotatedVideo
from adafocus.errors import AdafocusError
from tests.helpers.made_up_results import result

SIDE = 224


def picture(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    found: list[np.ndarray] = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return found
        found.append(frame)


@pytest.mark.parametrize("name", ["out.mp4", "out.avi", "out.mkv"])
def test_frames_and_answers_can_be_read_back(tmp_path: Path, name: str) -> None:
    told: list[str] = []
    video = AnnotatedVideo(tmp_path / name, SIDE, 6.0, live=False, warn=told.append)
    for number in range(6):
        video.add_frame(picture(40 * number), number / 6)
    video.update(result())
    for number in range(6, 12):
        video.add_frame(picture(100), number / 6)
    assert not (tmp_path / name).exists()
    video.close()
    assert told == []
    frames = frames_of(tmp_path / name)
    assert len(frames) == video.written == 12
    assert [path.name for path in tmp_path.iterdir()] == [name]
    means = [frame[20:60, 20:60].mean() for frame in frames[:6]]
    assert means == pytest.approx([0, 40, 80, 120, 160, 200], abs=6)
    blue, green, red = frames[-1][112, 150:300].mean(0)
    assert red > green + 60 > blue
    assert np.abs(frames[2][112, 150:300].astype(int) - 80).max() < 25


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names as text")
@pytest.mark.parametrize("name", [b"caf\xe9.mp4", b"\x93\xae.avi", b"film_\xe2\x82.mkv"])
def test_a_name_that_is_no_utf8_is_written(tmp_path: Path, name: bytes) -> None:
    told: list[str] = []
    video = AnnotatedVideo(tmp_path / os.fsdecode(name), SIDE, 6.0, live=False, warn=told.append)
    for number in range(6):
        video.add_frame(picture(40 * number), number / 6)
    video.close()
    assert told == []
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [name]
    (tmp_path / os.fsdecode(name)).rename(tmp_path / "plain")
    assert len(frames_of(tmp_path / "plain")) == 6


def test_time_in_the_video_follows_the_timestamps(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", SIDE, 10.0, live=False, warn=lambda text: None)
    for at in [0.0, 0.1, 0.2, 0.7, 0.8, 500.0, 500.1]:
        video.add_frame(picture(100), 1000.0 + at)
    video.close()
    assert video.written == 11


def test_a_live_stream_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", SIDE, 1000.0, live=True, warn=lambda text: None)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for number in range(300):
        video.add_frame(noise, number / 1000)
    assert video.left_out > 0
    video.close()
    assert len(frames_of(tmp_path / "out.avi")) == video.written > 0


def test_a_file_does_wait(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", SIDE, 100.0, live=False, warn=lambda text: None)
    for number in range(100):
        video.add_frame(picture(number), number / 100)
    video.close()
    assert (video.written, video.left_out) == (100, 0)


def test_other_endings_and_places_that_cannot_be_written_to_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, word in ((tmp_path / "out.gif", ".mp4"), (tmp_path / "file" / "out.mp4", "Cannot write")):
        with pytest.raises(AdafocusError, match=word):
            AnnotatedVideo(path, SIDE, 6.0, live=False, warn=lambda text: None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    told: list[str] = []
    AnnotatedVideo(tmp_path / "out.mp4", SIDE, 6.0, live=False, warn=told.append).close()
    assert len(told) == 1
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from adafocus.edge.streaming.views.recorder import AnnotatedVideo
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
told = []
video = AnnotatedVideo(Path(sys.argv[1]), 224, 30.0, live=False, warn=told.append)
noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
for number in range(60):
    video.add_frame(noise, number / 30)
video.close()
print(len(told), told[0])
"""


def test_a_disk_that_refuses_every_byte_ends_in_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "videos" / "out.mp4"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), str(root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 ")
    assert "Make room on the disk" in done.stdout
    assert "the stream goes on" in done.stdout
    assert list(path.parent.iterdir()) == []


def test_little_room_ends_the_video_but_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    video = AnnotatedVideo(tmp_path / "out.mp4", SIDE, 6.0, live=False, warn=told.append)
    for number in range(12):
        video.add_frame(picture(50), number / 6)
    while video.written < 12:
        pass
    monkeypatch.setattr("adafocus.edge.streaming.views.recorder.RESERVE_BYTES", 2**62)
    for number in range(12, 100):
        video.add_frame(picture(50), number / 6)
    video.close()
    assert len(told) == 1
    assert "ends here" in told[0]
    assert len(frames_of(tmp_path / "out.mp4")) == 12


def test_the_caption_tells_label_score_and_exit() -> None:
    overlay = Overlay(SIDE)
    empty = overlay.draw(picture(0))
    overlay.update(result(score=0.25))
    low = overlay.draw(picture(0))
    overlay.update(result(score=0.9))
    high = overlay.draw(picture(0))
    width, height = overlay.size
    assert low.shape == (height, width, 3)
    assert width % 2 == height % 2 == 0
    bar = overlay.side + 40
    red = [int(((shown[bar, :, 2] > 200) & (shown[bar, :, 0] < 100)).sum()) for shown in (empty, low, high)]
    room = width - 20
    assert red == pytest.approx([0, 0.25 * room, 0.9 * room], abs=4)
    assert (low[overlay.side :] != empty[overlay.side :]).any()


def test_boxes_are_drawn_where_the_policy_put_them() -> None:
    overlay = Overlay(SIDE)
    overlay.update(result(boxes=[[0.5, 0.0, 0.5, 0.5]] * 8))
    painted = overlay.draw(picture(0))[: overlay.side]
    rows, columns = np.nonzero(painted.max(2))
    assert rows.min() == pytest.approx(overlay.side / 2, abs=3)
    assert columns.max() == pytest.approx(overlay.side / 2, abs=3)


@pytest.mark.parametrize("side", [32, 101, 224, 449])
def test_pictures_have_even_sides_that_codecs_take(side: int) -> None:
    overlay = Overlay(side)
    painted = overlay.draw(np.zeros((side, side, 3), np.uint8))
    assert painted.shape[0] % 2 == painted.shape[1] % 2 == 0
    assert painted.shape[1] >= 448
