"""A planted set: its list is a clip list, its clips are where and when it says, and the same seed makes it again."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.edge.video.clip import read_frames
from adafocus.errors import AdafocusError
from benchmarks.planted.clips import LIST, main
from benchmarks.planted.draws import Pool, draw, pools_of
from benchmarks.planted.film import look_at, middle_part, there_and_back, write_video
from benchmarks.planted.places import read_places

RED = (0, 0, 255)
SIZE = (32, 24)


def coloured(path: Path, frames: int, colour: Sequence[int], fps: float = 25.0, size: tuple[int, int] = SIZE) -> Path:
    """Write a video of one colour in shades that its name decides, in which a stripe moves."""
    shades = np.random.default_rng(zlib.crc32(path.name.encode())).uniform(0.7, 1, (4, 4, 1))
    scene = cv2.resize(shades, size, interpolation=cv2.INTER_NEAREST)[..., None] * colour
    pictures = []
    for number in range(frames):
        picture = scene.astype(np.uint8)
        picture[:, 2 * number % size[0]] //= 2
        pictures.append(picture)
    write_video(path, pictures, fps, size)
    return path


@pytest.fixture
def lists(tmp_path: Path) -> tuple[Path, Path]:
    """Write red clips of two classes, and grey backgrounds."""
    rows = {"clips": [], "behind": []}  # type: dict[str, list[tuple[str, str, str, str]]]
    for number in range(4):
        coloured(tmp_path / f"red{number}.mp4", 20 + number, RED, 20 + 5 * (number % 2))
        rows["clips"].append((f"red{number}.mp4", "run" if number % 2 else "walk", f"g{number // 2}", "val"))
    for number in range(6):
        coloured(tmp_path / f"grey{number}.mp4", 12, (90 + 10 * number,) * 3)
        rows["behind"].append((f"grey{number}.mp4", "sit", f"g{number}", "train"))
    for name, some in rows.items():
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "group", "split"), *some])
    return tmp_path / "clips.csv", tmp_path / "behind.csv"


def make(out: Path, lists: tuple[Path, Path], *more: object) -> Result:
    words = [out, "--clips", lists[0], "--backgrounds", lists[1], "--cell", "32x24", "--wall", 1, "--calm", 0, *more]
    return CliRunner().invoke(main, [str(word) for word in words])


def redness(frame: np.ndarray) -> np.ndarray:
    return frame[..., 2].astype(int) - frame[..., 0]


def test_clips_are_where_and_when_the_list_says(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    done = make(tmp_path / "set", lists)
    assert done.exit_code == 0, done.output
    clips, places = read_clips(tmp_path / "set" / LIST), read_places(tmp_path / "set" / LIST)
    assert [clip.label for clip in clips] == ["walk", "run", "walk", "run"]
    for clip in clips:
        place = places[clip.path]
        edges = [place.first_frame, (place.first_frame + place.last_frame) // 2, place.last_frame]
        outside = [number for number in (place.first_frame - 1, place.last_frame + 1) if number >= 0]
        frames = read_frames(clip.path, [*edges, *outside])
        height, width = SIZE[::-1]
        y, x, tall, wide = (round(share * side) for share, side in zip(place.box, (height, width) * 2, strict=True))
        inside = np.zeros((height, width), bool)
        inside[y : y + tall, x : x + wide] = True
        assert 0.2 * height - 2 <= tall <= 0.45 * height + 2
        for number in edges:
            assert (redness(frames[number])[inside] > 60).all()
            # colours have half the pixels, and players smooth them
            around = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5))) > 0
            assert (redness(frames[number])[~around] < 40).all()
        for number in outside:
            assert (redness(frames[number]) < 40).all()


def test_the_clip_plays_once_at_its_own_rate_in_a_longer_video(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    make(tmp_path / "set", lists)
    with (tmp_path / "set" / LIST).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["fps"]) for row in rows] == [20, 25, 20, 25]
    assert [row["planted"] for row in rows] == [f"red{number}.mp4" for number in range(4)]
    assert [int(row["last_frame"]) - int(row["first_frame"]) + 1 for row in rows] == [20, 21, 22, 23]
    for row in rows:
        assert 8 <= int(row["frames"]) / float(row["fps"]) <= 12.1
        assert float(row["last_s"]) - float(row["first_s"]) == pytest.approx(
            (int(row["last_frame"]) - int(row["first_frame"]) + 1) / float(row["fps"]), abs=1e-3
        )


def test_the_same_seed_makes_the_same_list_and_frames(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        assert make(tmp_path / name, lists, "--seed", seed).exit_code == 0
    one, two, other = ((tmp_path / name / LIST).read_bytes() for name in ("one", "two", "other"))
    assert one == two != other
    for video in sorted((tmp_path / "one" / "videos").iterdir()):
        assert video.read_bytes() == (tmp_path / "two" / "videos" / video.name).read_bytes()


def clip(name: str, group: str, label: str = "walk", split: str = "val") -> LabeledClip:
    return LabeledClip(Path(name), (label,), group, split)


BEHIND = [clip(f"b{number}.mp4", f"b{number // 2}", "sit") for number in range(12)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_background_is_behind_two_groups_or_two_splits(seed: int) -> None:
    clips = [clip(f"{n}.mp4", f"g{n // 2}", "walk", "val" if n < 4 else "train") for n in range(8)]
    pools = pools_of(clips, BEHIND, 2, seed)
    assert sorted(pool.name for pool in pools) == ["g0", "g1", "g2", "g3"]
    behind = [{background.group for background in pool.backgrounds} for pool in pools]
    assert sum(map(len, behind)) == len(set().union(*behind)) == 6
    assert all(len(pool.backgrounds) >= 2 for pool in pools)


def test_groups_share_backgrounds_within_their_split_where_there_are_few() -> None:
    clips = [clip(f"{n}.mp4", f"g{n}", "walk", "val" if n < 3 else "train") for n in range(6)]
    pools = pools_of(clips, BEHIND, 4, 1)
    assert [len(pool.clips) for pool in pools] == [2, 1, 2, 1] or len(pools) == 2
    for pool in pools:
        assert {member.split for member in pool.clips} == {pool.split}
        assert set(pool.name.split("+")) == {member.group for member in pool.clips}
    with pytest.raises(AdafocusError, match="12 backgrounds in 6 groups for clips of 2 splits"):
        pools_of(clips, BEHIND, 9, 1)


def test_what_is_drawn_knows_nothing_of_labels() -> None:
    pools = [Pool("g", "val", (clip("a.mp4", "g", label),), tuple(BEHIND)) for label in ("walk", "run")]
    one, two = (draw("a.mp4", pool, 4, 1) for pool in pools)
    assert one == two != draw("b.mp4", pools[0], 4, 1)
    assert len(set(one.backgrounds)) == 4
    swapped = pools_of([clip("a.mp4", "g0", "run"), clip("b.mp4", "g1", "walk")], BEHIND, 4, 1)
    given = pools_of([clip("a.mp4", "g0", "walk"), clip("b.mp4", "g1", "run")], BEHIND, 4, 1)
    assert [pool.backgrounds for pool in swapped] == [pool.backgrounds for pool in given]


def test_backgrounds_play_there_and_back() -> None:
    seconds = np.arange(7) / 2
    assert there_and_back(seconds, 1.0, 0.0).tolist() == [0, 0.5, 1, 0.5, 0, 0.5, 1]
    assert there_and_back(seconds, 1.0, 0.5).tolist() == [1, 0.5, 0, 0.5, 1, 0.5, 0]


def test_a_long_clip_is_shown_from_its_middle() -> None:
    assert len(middle_part(1.0, 25)) == 25
    moments = middle_part(10.0, 25)
    assert (len(moments), moments[0], moments[-1]) == (75, 87 / 25, 161 / 25)


def test_busier_videos_change_more(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    still = [np.full((48, 64, 3), 90, np.uint8)] * 20
    busy = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(20)]
    for name, frames in (("still", still), ("busy", busy)):
        write_video(tmp_path / f"{name}.mp4", frames, 25, (64, 48))
    calm, height, width = look_at(tmp_path / "still.mp4")
    assert (height, width) == (48, 64)
    assert calm < 1 < look_at(tmp_path / "busy.mp4")[0]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--without", "stand"), "No background is labeled 'stand', only sit"),
        (("--without", "sit"), "No background is left"),
        (("--cell", "400x300"), "No background is left"),
        (("--cell", "33x24"), "expected two even numbers of pixels"),
        (("--split", "test"), "no clip of split 'test', only of val"),
        (("--wall", "3"), "There are 6 backgrounds in 6 groups"),
    ],
)
def test_what_cannot_be_made_ends_in_a_sentence(
    tmp_path: Path, lists: tuple[Path, Path], more: tuple[str, ...], sentence: str
) -> None:
    done = make(tmp_path / "set", lists, *more)
    assert done.exit_code == 2
    assert sentence in done.output
    assert not (tmp_path / "set").exists()


def test_backgrounds_that_show_what_is_planted_are_refused(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    lists[1].write_text(lists[1].read_text().replace("grey1.mp4,sit", "grey1.mp4,Run"))
    assert "is labeled 'run', and so are clips to plant" in make(tmp_path / "set", lists).output
    assert make(tmp_path / "set", lists, "--without", "run").exit_code == 0
    assert "is there already" in make(tmp_path / "set", lists, "--without", "run").output


def test_broken_clips_are_left_out_and_reported(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    (tmp_path / "red1.mp4").write_bytes(b"no video")
    (tmp_path / "grey1.mp4").write_bytes(b"no video")
    done = make(tmp_path / "set", lists)
    assert done.exit_code == 2
    assert "1 of 4 videos cannot be used" in done.output
    assert [row.label for row in read_clips(tmp_path / "set" / LIST)] == ["walk", "walk", "run"]


def test_backgrounds_may_be_a_folder_of_videos(tmp_path: Path, lists: tuple[Path, Path]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(2):
        coloured(folder / f"{number}.mp4", 10, (80, 80, 80))
    assert make(tmp_path / "set", (lists[0], folder)).exit_code == 0


@pytest.mark.parametrize(("column", "value"), [("y", ""), ("y", "0.9"), ("last_frame", "-1"), ("width", "nan")])
def test_lists_without_places_are_refused(tmp_path: Path, column: str, value: str) -> None:
    row = {"path": "a.mp4", "y": "0.1", "x": "0.2", "height": "0.3", "width": "0.4"}
    row |= {"first_frame": "5", "last_frame": "9"}
    with (tmp_path / "set.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerows([row, row | {"path": "b.mp4", column: value}])
    with pytest.raises(AdafocusError, match=r"line 3 of .*set.csv"):
        read_places(tmp_path / "set.csv")
