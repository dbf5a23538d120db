"""The annotated video."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from adafocus.edge.streaming.views.overlay import CAPTION_PX, Overlay
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
    video = AnnotatedVideo(tmp_path / name, 6.0, live=False, warn=told.append)
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
    video = AnnotatedVideo(tmp_path / os.fsdecode(name), 6.0, live=False, warn=told.append)
    for number in range(6):
        video.add_frame(picture(40 * number), number / 6)
    video.close()
    assert told == []
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [name]
    (tmp_path / os.fsdecode(name)).rename(tmp_path / "plain")
    assert len(frames_of(tmp_path / "plain")) == 6


def test_time_in_the_video_follows_the_timestamps(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", 10.0, live=False, warn=lambda text: None)
    for at in [0.0, 0.1, 0.2, 0.7, 0.8, 500.0, 500.1]:
        video.add_frame(picture(100), 1000.0 + at)
    video.close()
    assert video.written == 11


def test_a_live_stream_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", 1000.0, live=True, warn=lambda text: None)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for number in range(300):
        video.add_frame(noise, number / 1000)
    assert video.left_out > 0
    video.close()
    assert len(frames_of(tmp_path / "out.avi")) == video.written > 0


def test_a_file_does_wait(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "out.avi", 100.0, live=False, warn=lambda text: None)
    for number in range(100):
        video.add_frame(picture(number), number / 100)
    video.close()
    assert (video.written, video.left_out) == (100, 0)


def test_other_endings_and_places_that_cannot_be_written_to_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, word in ((tmp_path / "out.gif", ".mp4"), (tmp_path / "file" / "out.mp4", "Cannot write")):
        with pytest.raises(AdafocusError, match=word):
            AnnotatedVideo(path, 6.0, live=False, warn=lambda text: None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    told: list[str] = []
    AnnotatedVideo(tmp_path / "out.mp4", 6.0, live=False, warn=told.append).close()
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
video = AnnotatedVideo(Path(sys.argv[1]), 30.0, live=False, warn=told.append)
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
    video = AnnotatedVideo(tmp_path / "out.mp4", 6.0, live=False, warn=told.append)
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


def test_a_whole_frame_is_recorded_in_its_own_shape_and_later_ones_are_fitted_into_it(tmp_path: Path) -> None:
    told: list[str] = []
    video = AnnotatedVideo(tmp_path / "out.avi", 6.0, live=False, warn=told.append)
    sizes = [(240, 427), (480, 640), (640, 360)]
    for number, size in enumerate(sizes):
        video.add_frame(np.full((*size, 3), 200, np.uint8), number / 6)
    video.close()
    assert told == []
    frames = frames_of(tmp_path / "out.avi")
    assert [frame.shape for frame in frames] == [(480 + CAPTION_PX, 854, 3)] * 3
    lit = [(frame[240, :, 0] > 100).sum() for frame in frames]
    assert lit == pytest.approx([854, 640, 270], abs=4)


def test_the_caption_tells_label_score_and_exit() -> None:
    overlay = Overlay()
    empty = overlay.draw(picture(0))
    overlay.update(result(score=0.25))
    low = overlay.draw(picture(0))
    overlay.update(result(score=0.9))
    high = overlay.draw(picture(0))
    assert overlay.shown is not None
    tall, width = overlay.shown
    assert low.shape == (tall + CAPTION_PX, width, 3)
    bar = tall + 40
    red = [int(((shown[bar, :, 2] > 200) & (shown[bar, :, 0] < 100)).sum()) for shown in (empty, low, high)]
    room = width - 20
    assert red == pytest.approx([0, 0.25 * room, 0.9 * room], abs=4)
    assert (low[tall:] != empty[tall:]).any()


@pytest.mark.parametrize("size", [(SIDE, SIDE), (240, 426), (426, 240), (1080, 1920), (2160, 3840)])
def test_boxes_are_drawn_where_the_policy_put_them(size: tuple[int, int]) -> None:
    overlay = Overlay()
    overlay.update(result(boxes=[[0.5, 0.25, 0.5, 0.25]] * 8))
    painted = overlay.draw(np.zeros((*size, 3), np.uint8))[:-CAPTION_PX]
    rows, columns = np.nonzero(painted.max(2))
    tall, wide = painted.shape[:2]
    assert wide / tall == pytest.approx(size[1] / size[0], abs=0.01)
    assert rows.min() == pytest.approx(tall / 2, abs=3)
    assert columns.min() == pytest.approx(wide / 4, abs=3)
    assert columns.max() == pytest.approx(wide / 2, abs=3)


def test_boxes_follow_a_frame_of_another_shape_between_its_bars() -> None:
    overlay = Overlay()
    overlay.draw(picture(0))
    overlay.update(result(boxes=[[0.0, 0.0, 1.0, 1.0]]))
    painted = overlay.draw(np.zeros((100, 200, 3), np.uint8))[:-CAPTION_PX]
    rows, columns = np.nonzero(painted.max(2))
    assert (rows.min(), rows.max()) == pytest.approx((112, 335), abs=3)
    assert (columns.min(), columns.max()) == pytest.approx((0, 447), abs=3)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((32, 32), (448, 448)),
        ((101, 101), (506, 506)),
        ((224, 224), (448, 448)),
        ((449, 449), (450, 450)),
        ((360, 640), (720, 1280)),
        ((480, 853), (480, 854)),
        ((1080, 1920), (720, 1280)),
        ((1920, 1080), (1280, 720)),
        ((16, 4096), (8, 1920)),
        ((4096, 16), (1920, 448)),
        ((1, 1), (448, 448)),
    ],
)
def test_pictures_have_even_sides_that_codecs_take(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    overlay = Overlay()
    overlay.update(result())
    painted = overlay.draw(np.full((*size, 3), 255, np.uint8))
    assert overlay.shown == wanted
    assert painted.shape == (wanted[0] + CAPTION_PX, wanted[1], 3)
    # no bars but beside what is narrower than the caption
    lit = (painted[: wanted[0]].max(2) > 0).any(0).sum()
    assert lit == (wanted[1] if size != (4096, 16) else 8)
