"""Copies that were encoded again are told from other clips, also from other clips of one scene."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.calibration.datasets import read_clips
from adafocus.calibration.datasets.clip_sets import read_undivided
from adafocus.calibration.likeness import MIN_CONTRAST, Likeness, correlations, likenesses, thumbnails_of
from adafocus.errors import AdafocusError

FRAMES, SIZE = 25, (96, 64)


def scene(seed: int, actor: int = 0, share: float = 1.0) -> list[NDArray[np.uint8]]:
    """Paint a room that ``seed`` decides; somebody walks in it as ``actor`` decides, who is so much of a picture."""
    rng, walker = np.random.default_rng(seed), np.random.default_rng(1000 * actor + seed)
    room = cv2.resize(rng.integers(40, 200, (6, 9, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    x, y, dx, dy = (int(walker.integers(low, high)) for low, high in ((5, 60), (5, 30), (-2, 3), (-1, 2)))
    frames = []
    for number in range(FRAMES):
        frame, at = room.copy(), (x + dx * number, y + dy * number)
        cv2.rectangle(frame, at, (at[0] + 14, at[1] + 25), (9, 9, 240), -1)
        frames.append(cv2.addWeighted(room, 1 - share, frame, share, 0))
    return frames


def write(
    path: Path, frames: list[NDArray[np.uint8]], crf: int = 18, size: tuple[int, int] = SIZE, codec: str = "libx264"
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf)} if codec == "libx264" else {}
        if codec != "libx264":
            stream.bit_rate = 2_000_000
        for frame in frames:
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("crf", "size", "codec"),
    [(18, SIZE, "libx264"), (28, SIZE, "libx264"), (28, (64, 48), "libx264"), (0, SIZE, "mpeg4")],
)
def test_what_was_encoded_again_is_a_copy(tmp_path: Path, crf: int, size: tuple[int, int], codec: str) -> None:
    frames = scene(1)
    paths = [write(tmp_path / "one.mp4", frames), write(tmp_path / "two.mkv", frames, crf, size, codec)]
    paths.append(write(tmp_path / "other.mp4", scene(2)))
    assert likenesses(paths, ["a", "b", "c"]) == [Likeness(0, 1, True)]
    assert likenesses(paths, ["a", "a", "c"]) == []


def test_other_clips_of_one_scene_are_alike_and_no_copies(tmp_path: Path) -> None:
    # a camera that stands still, and a small actor
    paths = [write(tmp_path / f"{actor}.mp4", scene(3, actor, 0.15)) for actor in (1, 2)]
    pictures, motions = correlations(np.stack([thumbnails_of(path) for path in paths]))
    assert pictures[0, 1] > 0.985
    assert motions[0, 1] < 0.95
    assert likenesses(paths, ["a", "b"]) == [Likeness(0, 1, False)]


def test_what_differs_in_color_alone_is_no_copy(tmp_path: Path) -> None:
    # such as test pictures, signals and clips of a game
    frames = scene(1)
    turned = [np.ascontiguousarray(frame[..., [1, 2, 0]]) for frame in frames]
    paths = [write(tmp_path / "one.mp4", frames), write(tmp_path / "two.mp4", turned)]
    assert likenesses(paths, ["a", "b"]) == []


def test_what_shows_nothing_or_cannot_be_read_is_like_nothing(tmp_path: Path) -> None:
    black = [np.zeros((64, 96, 3), np.uint8)] * FRAMES
    dark = [frame // 100 for frame in scene(1)]
    paths = [write(tmp_path / f"{number}.mp4", frames) for number, frames in enumerate((black, black, dark, dark))]
    assert thumbnails_of(paths[3]).std() < MIN_CONTRAST
    for name in ("broken.mp4", "empty.mp4", "again.mp4"):
        (tmp_path / name).write_bytes(b"" if name == "empty.mp4" else b"no video")
        paths.append(tmp_path / name)
    paths.append(tmp_path / "missing.mp4")
    assert likenesses(paths, [str(number) for number in range(len(paths))]) == []


def listed(folder: Path, *rows: str) -> Path:
    path = folder / "clips.csv"
    path.write_text("\n".join(["path,label,group,split", *rows]))
    return path


def test_a_copy_in_another_split_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "one.mp4", scene(1))
    write(tmp_path / "two.mp4", scene(1), 30)
    clips = listed(tmp_path, "one.mp4,a,g0,train", "two.mp4,a,g1,val")
    with pytest.raises(AdafocusError, match=r"one.mp4 and .*two.mp4 in .* look like one video that was encoded twice"):
        read_clips(clips)
    # two lists are one set
    other = tmp_path / "other.csv"
    other.write_text("path,label,group,split\ntwo.mp4,a,g1,val\n")
    with pytest.raises(AdafocusError, match="encoded twice, one in the split 'train' and one in 'val'"):
        read_clips([listed(tmp_path, "one.mp4,a,g0,train"), other])


def test_groups_of_copies_in_one_split_count_as_one(tmp_path: Path, messages: list[str]) -> None:
    write(tmp_path / "one.mp4", scene(1))
    write(tmp_path / "two.mp4", scene(1), 30)
    write(tmp_path / "three.mp4", scene(2))
    rows = ["one.mp4,a,g0,train", "two.mp4,a,g1,train", "three.mp4,a,g2,train"]
    assert [clip.group for clip in read_clips(listed(tmp_path, *rows))] == ["g0", "g0", "g2"]
    assert "encoded twice, so the groups 'g0' and 'g1' count as one" in messages[0]
    # what divides clips anew keeps copies together
    rows[1] = "two.mp4,a,g1,val"
    assert [clip.group for clip in read_undivided([listed(tmp_path, *rows)])] == ["g0", "g0", "g2"]


def test_one_scene_in_two_splits_is_a_warning(tmp_path: Path, messages: list[str]) -> None:
    for actor in (1, 2):
        write(tmp_path / f"{actor}.mp4", scene(3, actor, 0.15))
    assert len(read_clips(listed(tmp_path, "1.mp4,a,g0,train", "2.mp4,a,g1,val"))) == 2
    assert "1 pairs of clips in different splits look alike, such as" in messages[0]
    assert "give them one group and one split" in messages[0]


def test_a_file_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.mp4", scene(1)), write(tmp_path / "two.mp4", scene(1), 28)
    assert len(likenesses([one, two], ["a", "b"])) == 1
    write(two, scene(2))
    assert likenesses([one, two], ["a", "b"]) == []
