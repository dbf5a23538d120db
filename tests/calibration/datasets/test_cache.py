"""The cache of decoded frames: whole or not there, shared by content, bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adafocus.calibration.datasets import CacheSettings, FrameCache, LabeledClip, read_clips
from adafocus.calibration.datasets import cache_entry as entries
from adafocus.calibration.datasets.cache import fit_short_side, short_side_size
from adafocus.edge.policy import uniform_indices
from adafocus.edge.video.clip import sample_video
from adafocus.errors import AdafocusError
from tests.helpers.videos import write_video

SETTINGS = CacheSettings(frames=4, short_side_px=32)
# header, frames of 32 x 42 pixels, checksum
ENTRY_BYTES = 128 + 4 * 32 * 42 * 3 + 4
ROOT = Path(__file__).resolve().parents[3]
# what is filled here and in other processes
FILL = """
import sys
from pathlib import Path
from adafocus.calibration.datasets import CacheSettings, FrameCache, LabeledClip
videos = sorted(Path(sys.argv[1]).glob("*.mp4"))
clips = [LabeledClip(video, ("x",), video.stem, "train") for video in videos]
FrameCache(Path(sys.argv[2]), clips, CacheSettings(frames=4, short_side_px=32)).fill()
"""


def clip_of(video: Path) -> LabeledClip:
    return LabeledClip(video, ("x",), video.stem, "train")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[LabeledClip]:
    folder = tmp_path_factory.mktemp("videos")
    return [clip_of(write_video(folder / f"{i}.mp4", 6 + i)) for i in range(4)]


@pytest.fixture
def cache(tmp_path: Path, clips: list[LabeledClip]) -> FrameCache:
    made = FrameCache(tmp_path / "cache", clips, SETTINGS)
    made.fill()
    return made


def entry_of(cache: FrameCache, index: int) -> Path:
    return cache._path(index)


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_frames_are_whole_pictures_at_the_middles_of_equal_segments(
    cache: FrameCache, clips: list[LabeledClip]
) -> None:
    frames = cache.read(3)
    assert frames.shape == (4, 32, 42, 3)
    assert frames.dtype == np.uint8
    whole = sample_video(clips[3].path, 9, lambda frame: frame)
    expected = [cv2.resize(whole[i], (42, 32), interpolation=cv2.INTER_AREA) for i in uniform_indices(9, 4)]
    np.testing.assert_array_equal(frames, np.stack(expected))


def test_what_is_there_is_not_decoded_again_and_a_longer_list_decodes_what_is_new(
    cache: FrameCache, clips: list[LabeledClip], tmp_path: Path
) -> None:
    before = stamps(tmp_path / "cache")
    new = clip_of(write_video(tmp_path / "new.mp4", 20))
    longer = FrameCache(tmp_path / "cache", [new, *clips], SETTINGS)
    longer.fill()
    after = stamps(tmp_path / "cache")
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before
    np.testing.assert_array_equal(longer.read(1), cache.read(0))


def test_a_clip_is_known_by_its_content_not_by_its_name(
    cache: FrameCache, clips: list[LabeledClip], tmp_path: Path
) -> None:
    moved = tmp_path / "moved.mp4"
    moved.write_bytes(clips[0].path.read_bytes())
    other = FrameCache(tmp_path / "cache", [clip_of(moved)], SETTINGS)
    other.fill()
    assert len(stamps(tmp_path / "cache")) == len(clips)
    moved.write_bytes(clips[1].path.read_bytes())
    np.testing.assert_array_equal(FrameCache(tmp_path / "cache", [clip_of(moved)], SETTINGS).read(0), cache.read(1))


def test_the_key_of_a_long_file_sees_its_size_and_both_ends(tmp_path: Path) -> None:
    size = 3 * entries.END_BYTES
    path = tmp_path / "long"
    keys = set()
    for content_size, changed in ((size, None), (size + 1, None), (size, 0), (size, size - 1), (entries.END_BYTES, 9)):
        content = bytearray(content_size)
        if changed is not None:
            content[changed] = 1
        path.write_bytes(content)
        keys.add(entries.content_key(path))
    assert len(keys) == 5


@pytest.mark.parametrize("mebibytes", [3, 8, 33])
def test_recordings_that_begin_and_end_in_black_have_keys_of_their_own(tmp_path: Path, mebibytes: int) -> None:
    path, size, keys = tmp_path / "raw", mebibytes * entries.END_BYTES, set()
    for level in range(5):
        content = bytearray(size)
        content[size // 2 - size // 16 : size // 2 + size // 16] = bytes([level]) * (size // 8)
        path.write_bytes(content)
        keys.add(entries.content_key(path))
    assert len(keys) == 5


def test_other_settings_are_other_entries(cache: FrameCache, clips: list[LabeledClip], tmp_path: Path) -> None:
    other = FrameCache(tmp_path / "cache", clips, CacheSettings(frames=2, short_side_px=16))
    other.fill()
    assert other.read(0).shape == (2, 16, 22, 3)
    assert cache.read(0).shape == (4, 32, 42, 3)
    assert other.bytes < cache.bytes == sum(entry_of(cache, i).stat().st_size for i in range(4))


def test_a_clip_that_is_in_a_set_twice_by_content_is_stored_once(clips: list[LabeledClip], tmp_path: Path) -> None:
    twin = tmp_path / "twin.mp4"
    twin.write_bytes(clips[0].path.read_bytes())
    cache = FrameCache(tmp_path / "cache", [clips[0], clip_of(twin)], SETTINGS)
    cache.fill()
    assert len(stamps(tmp_path / "cache")) == 1
    assert cache.bytes == entry_of(cache, 0).stat().st_size


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 200) | st.integers(0, ENTRY_BYTES - 1),
    st.sampled_from(["cut", "flip", "zeros", "longer", "gone"]),
    st.integers(1, 255),
)
def test_a_damaged_entry_is_never_read(cache: FrameCache, place: int, damage: str, bits: int) -> None:
    path = entry_of(cache, 0)
    good = path.read_bytes()
    assert len(good) == ENTRY_BYTES
    expected = np.array(cache.read(0))
    if damage == "gone":
        path.unlink()
    else:
        flipped = good[:place] + bytes([good[place] ^ bits]) + good[place + 1 :]
        made = {"cut": good[:place], "flip": flipped, "zeros": bytes(len(good)), "longer": good + b"0"}
        path.write_bytes(made[damage])
    np.testing.assert_array_equal(FrameCache(path.parent, cache.clips, SETTINGS).read(0), expected)
    assert path.read_bytes() == good


def test_frames_that_were_read_outlive_the_entry(cache: FrameCache) -> None:
    frames = cache.read(0)
    kept = np.array(frames)
    entry_of(cache, 0).unlink()
    np.testing.assert_array_equal(frames, kept)
    with pytest.raises(ValueError, match="read-only"):
        frames[0] = 0


def test_a_fill_that_is_interrupted_goes_on_where_it_stopped(
    clips: list[LabeledClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = entries.write
    written: list[Path] = []

    def write_two(path: Path, frames: np.ndarray) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, frames)

    cache = FrameCache(tmp_path / "cache", clips, SETTINGS)
    monkeypatch.setattr(entries, "write", write_two)
    with pytest.raises(KeyboardInterrupt):
        cache.fill()
    monkeypatch.setattr(entries, "write", write)
    before = stamps(tmp_path / "cache")
    assert set(before) == {path.name for path in written}
    cache.fill()
    after = stamps(tmp_path / "cache")
    assert len(after) == 4
    assert {name: after[name] for name in before} == before


def test_what_a_killed_run_left_half_written_is_removed_after_a_while(cache: FrameCache) -> None:
    entry = entry_of(cache, 0)
    folder = entry.parent
    old, fresh, foreign = (folder / f".{entry.name}.old.npy", folder / f".{entry.name}.new.npy", folder / ".mine.npy")
    for path in (old, fresh, foreign):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * entries.LEFT_OVER_S
    for path in (old, foreign):
        os.utime(path, (long_ago, long_ago))
    cache.fill()
    assert not old.exists()
    assert fresh.exists()
    assert foreign.exists()


def test_entries_of_earlier_versions_are_removed_and_those_of_later_ones_kept(cache: FrameCache) -> None:
    entry = entry_of(cache, 0)
    key = entry.name.partition("-")[0]
    first, later = (entry.parent / f"{key}-{name}.npy" for name in ("4x32px", f"v{entries.VERSION + 1}-4x32px-native"))
    for path in (first, later):
        path.write_bytes(b"frames")
    before = stamps(entry.parent)
    cache.fill()
    assert set(before) - set(stamps(entry.parent)) == {first.name}


def test_frames_are_kept_as_they_were_decoded_unless_they_are_larger(clips: list[LabeledClip], tmp_path: Path) -> None:
    whole, smaller = (
        FrameCache(tmp_path / "cache", clips[:1], CacheSettings(4, side, native=True)) for side in (48, 32)
    )
    for cache in (whole, smaller):
        cache.fill()
    frames = sample_video(clips[0].path, 4, lambda frame: frame)
    np.testing.assert_array_equal(whole.read(0), frames)
    np.testing.assert_array_equal(FrameCache(tmp_path, clips, CacheSettings(4, 900, native=True)).read(0), frames)
    assert smaller.read(0).shape == (4, 32, 42, 3)
    assert len(stamps(tmp_path / "cache")) == 2


def test_a_clip_whose_pictures_are_of_several_shapes_is_refused_by_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, shape in enumerate(((48, 64, 3), (64, 48, 3))):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros(shape, np.uint8))
    with pytest.raises(AdafocusError, match="are of several shapes, expected one"):
        FrameCache(tmp_path / "cache", [clip_of(folder)], SETTINGS).read(0)


def start_filling(videos: Path, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FILL, str(videos), str(folder)], cwd=ROOT, stdout=subprocess.DEVNULL)


def test_runs_that_are_killed_and_two_at_once_end_with_the_same_entries(cache: FrameCache, tmp_path: Path) -> None:
    videos, folder = cache.clips[0].path.parent, tmp_path / "shared"
    first = start_filling(videos, folder)
    deadline = time.monotonic() + 60
    while first.poll() is None and not folder.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    first.send_signal(signal.SIGKILL)
    first.wait()
    both = [start_filling(videos, folder) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    made = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
    assert made == {entry_of(cache, i).name: entry_of(cache, i).read_bytes() for i in range(4)}


def test_one_broken_clip_in_a_hundred_is_skipped_and_two_stop(clips: list[LabeledClip], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is no video")
    many = [clips[i % 4] for i in range(99)]
    cache = FrameCache(tmp_path / "cache", [*many[:50], clip_of(broken), *many[50:]], SETTINGS)
    cache.fill()
    assert list(cache.broken) == [50]
    assert "broken.mp4" in cache.broken[50]
    assert cache.usable() == [i for i in range(100) if i != 50]
    with pytest.raises(AdafocusError, match=r"broken\.mp4"):
        cache.read(50)
    gone = clip_of(tmp_path / "gone.mp4")
    with pytest.raises(AdafocusError, match=r"(?s)2 of 101 clips cannot be decoded, more than 1 %.*broken.*gone"):
        FrameCache(tmp_path / "cache", [*many, clip_of(broken), gone], SETTINGS).fill()


def test_a_clip_that_was_mended_is_no_longer_broken(clips: list[LabeledClip], tmp_path: Path) -> None:
    video = tmp_path / "late.mp4"
    video.write_text("not yet whole")
    cache = FrameCache(tmp_path / "cache", [clip_of(video)], SETTINGS)
    with pytest.raises(AdafocusError, match=r"1 of 1 clips.*\n.*late\.mp4"):
        cache.fill()
    video.write_bytes(clips[0].path.read_bytes())
    cache.fill()
    assert cache.broken == {}
    assert cache.usable() == [0]
    assert cache.read(0).tobytes() == FrameCache(tmp_path / "cache", clips, SETTINGS).read(0).tobytes()


def test_a_set_that_needs_more_room_than_allowed_is_refused_before_it_is_decoded(
    clips: list[LabeledClip], tmp_path: Path
) -> None:
    cache = FrameCache(tmp_path / "cache", clips, SETTINGS, max_bytes=60_000)
    with pytest.raises(
        AdafocusError, match=r"decoded into .*: 4,.*0\.1 MB in all.*0\.1 MB that it may take.*fewer frames than 4"
    ):
        cache.fill()
    assert not (tmp_path / "cache").exists()
    FrameCache(tmp_path / "cache", clips, SETTINGS, max_bytes=70_000).fill()


def test_what_other_sets_take_in_the_folder_counts(cache: FrameCache, tmp_path: Path) -> None:
    new = clip_of(write_video(tmp_path / "new.mp4", 20))
    with pytest.raises(AdafocusError, match=r"decoded into .*: 1,"):
        FrameCache(entry_of(cache, 0).parent, [new], SETTINGS, max_bytes=cache.bytes + 1000).fill()


def test_clips_larger_than_the_estimate_stop_the_fill(
    clips: list[LabeledClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameCache, "_bytes_of_entry", lambda self, index: 1)
    with pytest.raises(AdafocusError, match=r"more than the 0\.0 MB that it may take"):
        FrameCache(tmp_path / "cache", clips, SETTINGS, max_bytes=20_000).fill()


def test_a_folder_that_cannot_be_written_to_ends_in_a_sentence(clips: list[LabeledClip], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdafocusError, match="Cannot write"):
        FrameCache(tmp_path / "file" / "cache", clips, SETTINGS).fill()


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 512))
def test_the_short_side_is_the_one_asked_for(height: int, width: int, side: int) -> None:
    made = short_side_size((height, width), side)
    assert min(made) == side
    assert made[height < width] == pytest.approx(max(height, width) * side / min(height, width), abs=1.0)
    assert (made[0] - made[1]) % 2 == 0


def test_small_pictures_grow_and_large_ones_shrink() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    assert fit_short_side(picture, 96).shape == (96, 128, 3)
    assert fit_short_side(picture.transpose(1, 0, 2), 24).shape == (32, 24, 3)


def test_real_clips_are_cached_and_read_back(shared: Path, tmp_path: Path) -> None:
    clips = read_clips(shared / "clips" / "jhmdb21.csv", "val")[:2]
    cache = FrameCache(tmp_path, clips, CacheSettings(frames=8, short_side_px=120))
    cache.fill()
    assert cache.broken == {}
    assert cache.read(1).shape == (8, 120, 160, 3)
    assert cache.read(1).max() > 100
