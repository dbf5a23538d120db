"""The sliding window."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.policy import uniform_indices
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.window import Window
from adafocus.edge.video.preprocess import fit_frame, resize_square
from adafocus.errors import AdafocusError

GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=4,
    candidate_frames=24,
    focus_frames=8,
    frame_size=32,
    short_side=36,
    glance_size=16,
    patch_size=16,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
)


def frame(timestamp_s: float, number: int = 0, value: int | None = None, small: bool = False) -> Frame:
    """Return a grey picture whose brightness is its number."""
    pixels = np.full((48, 64, 3), (number if value is None else value) % 256, np.uint8)
    return Frame(pixels, number, timestamp_s, "test", np.full((24, 32, 3), 200, np.uint8) if small else None)


def feed(window: Window, times: np.ndarray | list[float]) -> list[int]:
    """Push frames and give the numbers of those that were kept."""
    return [number for number, at in enumerate(times) if window.push(frame(float(at), number))]


def regular(fps: float, seconds: float, start_s: float = 0.0) -> np.ndarray:
    return start_s + np.arange(round(fps * seconds)) / fps


def test_only_as_many_frames_are_kept_as_the_window_needs() -> None:
    window = Window(GEOMETRY, 4.0)
    kept = feed(window, regular(30.0, 20.0))
    assert len(kept) == 120
    assert window.kept == 120
    assert set(np.diff(kept)) == {5}


@pytest.mark.parametrize(("moment_s", "first"), [(-1.0, 0.0), (0.5, 0.5), (0.6, 1.0), (1.5, 1.5), (1.6, None)])
def test_the_first_frame_since_a_moment_is_told(moment_s: float, first: float | None) -> None:
    window = Window(GEOMETRY, 12.0)
    assert window.first_since(0.0) is None
    feed(window, [0.0, 0.5, 1.0, 1.5])
    assert window.first_since(moment_s) == first


def test_a_source_that_is_no_multiple_of_the_grid_is_kept_at_the_same_rate() -> None:
    window = Window(GEOMETRY, 4.0)
    kept = feed(window, regular(24.97, 40.0))
    assert len(kept) == pytest.approx(240, abs=2)


def test_max_fps_bounds_what_is_kept() -> None:
    window = Window(GEOMETRY, 4.0, max_fps=2.0)
    assert len(feed(window, regular(30.0, 10.0))) == 20
    cut = window.clip()
    assert cut is not None
    assert cut[1].frames in (8, 9)


def test_the_clip_is_the_uniform_grid_of_the_last_seconds() -> None:
    window = Window(GEOMETRY, 4.0)
    times = regular(30.0, 10.0, start_s=1000.0)
    feed(window, times)
    cut = window.clip()
    assert cut is not None
    clip, span = cut
    moments = times[clip.candidate_indices]
    assert len(set(clip.candidate_indices.tolist())) == 24
    assert np.allclose(np.diff(moments), 4.0 / 24)
    assert moments[-1] == window.newest_s == span.end_s
    assert span.end_s - span.start_s == pytest.approx(4.0)
    assert span.filled == 1.0
    assert np.array_equal(np.asarray(clip.candidates)[:, 0, 0, 0], clip.candidate_indices % 256)
    assert np.array_equal(clip.glance[:, 0, 0, 0], clip.glance_indices % 256)
    offline = clip.candidate_indices[uniform_indices(24, 4)]
    assert np.abs(times[clip.glance_indices] - times[offline]).max() <= 4.0 / 24 + 1e-9


def test_pictures_are_those_of_a_file_read_whole() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    window = Window(GEOMETRY, 4.0)
    window.push(Frame(pixels, 0, 0.0, "test"))
    cut = window.clip(eager=True)
    assert cut is not None
    square = fit_frame(pixels, 32, 36)[:, :, ::-1]
    assert np.array_equal(cut[0].candidates, np.stack([square] * 24))
    assert np.array_equal(cut[0].glance, np.stack([resize_square(np.ascontiguousarray(square), 16)] * 4))


def test_the_glance_comes_from_the_second_stream_where_there_is_one() -> None:
    window = Window(GEOMETRY, 4.0)
    for number, at in enumerate(regular(10.0, 6.0)):
        window.push(frame(float(at), number, small=True))
    cut = window.clip()
    assert cut is not None
    assert (cut[0].glance == 200).all()
    assert (np.asarray(cut[0].candidates, np.uint8) < 100).all()


def test_until_the_window_is_full_there_is_no_clip_unless_it_is_eager() -> None:
    window = Window(GEOMETRY, 4.0)
    assert window.clip() is None
    assert window.clip(eager=True) is None
    first = None
    for number, at in enumerate(regular(30.0, 6.0)):
        window.push(frame(float(at), number))
        if first is None and window.clip() is not None:
            first = float(at)
        eager = window.clip(eager=True)
        assert eager is not None
        assert eager[1].filled == window.filled()
        assert eager[0].candidate_indices.max() <= number
    assert first == pytest.approx(4.0 - 1 / 6, abs=0.1)


def test_an_early_clip_spreads_over_the_time_that_is_there() -> None:
    window = Window(GEOMETRY, 4.0)
    feed(window, regular(30.0, 2.0))
    cut = window.clip(eager=True)
    assert cut is not None
    counts = np.bincount(cut[0].candidate_indices)
    assert set(counts[counts > 0]) <= {1, 2, 3}
    assert cut[1].filled == pytest.approx(0.5, abs=0.05)
    assert cut[1].frames == 12


def test_a_variable_frame_rate_does_not_bend_time() -> None:
    """Twice as many frames a second in the second half of the window are still half of the clip."""
    window = Window(GEOMETRY, 4.0)
    times = np.concatenate([regular(10.0, 4.0), regular(60.0, 2.0, start_s=4.0)])
    feed(window, times)
    cut = window.clip()
    assert cut is not None
    moments = times[cut[0].candidate_indices]
    wanted = moments[-1] - np.arange(23, -1, -1) / 6
    assert np.abs(moments - wanted).max() <= 0.1


def test_dropped_frames_do_not_bend_time() -> None:
    window = Window(GEOMETRY, 4.0)
    times = regular(30.0, 10.0)
    times = times[(times < 7.0) | (times > 8.0)]
    feed(window, times)
    cut = window.clip()
    assert cut is not None
    moments = times[cut[0].candidate_indices]
    wanted = moments[-1] - np.arange(23, -1, -1) / 6
    away = np.abs(moments - wanted)
    inside = (wanted > 7.0) & (wanted < 8.0)
    assert away[~inside].max() <= 1 / 6
    assert away[inside].max() <= 0.6
    assert not ((moments > 7.0) & (moments < 8.0)).any()


def test_a_source_slower_than_the_grid_fills_the_window_and_repeats_frames() -> None:
    window = Window(GEOMETRY, 4.0)
    assert feed(window, regular(0.7, 20.0)) == list(range(14))
    cut = window.clip()
    assert cut is not None
    assert 3 <= cut[1].frames <= 4
    assert cut[1].filled == 1.0


@pytest.mark.parametrize("jump_s", [60.0, -60.0])
def test_after_a_long_pause_or_a_new_beginning_the_old_frames_are_forgotten(jump_s: float) -> None:
    window = Window(GEOMETRY, 4.0)
    feed(window, regular(30.0, 10.0, start_s=100.0))
    assert window.push(frame(110.0 + jump_s, 999))
    assert window.clip() is None
    cut = window.clip(eager=True)
    assert cut is not None
    assert set(cut[0].candidate_indices) == {999}


def test_frames_that_come_out_of_order_are_not_kept() -> None:
    window = Window(GEOMETRY, 4.0)
    kept = feed(window, [0.0, 0.5, 0.4, 0.5, 0.3, 1.0])
    assert kept == [0, 1, 5]


def test_a_frame_that_is_not_wanted_is_known_before_it_is_decoded() -> None:
    window = Window(GEOMETRY, 4.0)
    window.push(frame(0.0))
    assert not window.wants(0.1)
    assert window.due_in_s(0.1) == pytest.approx(4.0 / 24 - 0.1)
    assert window.wants(4.0 / 24)
    assert window.due_in_s(1.0) == 0.0


def test_memory_is_allocated_once_and_frames_are_let_go() -> None:
    window = Window(GEOMETRY, 4.0)
    before, size = window.nbytes, window.capacity
    addresses = {id(part) for part in vars(window).values() if isinstance(part, np.ndarray)}
    last: list[weakref.ref[np.ndarray]] = []
    for number, at in enumerate(regular(30.0, 60.0)):
        pushed = frame(float(at), number)
        last.append(weakref.ref(pushed.pixels))
        window.push(pushed)
        window.clip(eager=True)
        del pushed
    assert all(reference() is None for reference in last)
    assert (window.nbytes, window.capacity) == (before, size)
    assert {id(part) for part in vars(window).values() if isinstance(part, np.ndarray)} == addresses
    cut, again = window.clip(), window.clip()
    assert cut is not None
    assert again is not None
    assert np.shares_memory(cut[0].candidates, again[0].candidates)


def test_a_window_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(AdafocusError, match="--max-fps"):
        Window(GEOMETRY.model_copy(update={"frame_size": 4096, "short_side": 4096}), 4.0)


def test_memory_does_not_depend_on_the_seconds() -> None:
    assert abs(Window(GEOMETRY, 3600.0).capacity - Window(GEOMETRY, 1.0).capacity) <= 1


def test_one_thread_may_push_while_another_cuts() -> None:
    window = Window(GEOMETRY, 0.5)
    done = threading.Event()

    def push() -> None:
        for number in range(3000):
            window.push(frame(number / 48, number, value=number))
        done.set()

    thread = threading.Thread(target=push)
    thread.start()
    seen = 0
    while not done.is_set() or seen == 0:
        cut = window.clip()
        if cut is None:
            continue
        seen += 1
        clip = cut[0]
        assert np.array_equal(np.asarray(clip.candidates)[:, 5, 5, 1], clip.candidate_indices % 256)
        assert np.array_equal(clip.glance[:, 5, 5, 1], clip.glance_indices % 256)
    thread.join()
    assert seen > 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 3.0), min_size=1, max_size=80), st.floats(0.5, 8.0))
def test_whatever_the_timestamps_the_clip_is_in_order_and_nearest(gaps: list[float], seconds: float) -> None:
    window = Window(GEOMETRY, seconds)
    times = np.cumsum(gaps)
    kept = feed(window, times)
    cut = window.clip(eager=True)
    assert cut is not None
    clip, span = cut
    assert (np.diff(clip.candidate_indices) >= 0).all()
    assert set(clip.candidate_indices.tolist()) <= set(kept)
    assert clip.candidate_indices[-1] == kept[-1]
    assert 0 < span.filled <= 1.0
    assert span.end_s - span.start_s <= seconds + 1e-9
    breaks = [place for place in range(1, len(kept)) if times[kept[place]] - times[kept[place - 1]] > seconds]
    held = times[kept[breaks[-1] if breaks else 0 :]][-window.capacity :]
    wanted = span.end_s - seconds * span.filled / 24 * np.arange(23, -1, -1)
    away = np.abs(times[clip.candidate_indices] - wanted)
    assert away == pytest.approx(np.abs(held[:, None] - wanted[None, :]).min(0))


def names_of(window: Window) -> tuple[int, ...]:
    cut = window.clip()
    assert cut is not None
    assert cut[0].glance_names is not None
    return cut[0].glance_names


@pytest.mark.parametrize("fps", [30.0, 24.97, 17.0])
def test_glance_frames_come_again_where_they_are_to_recur(fps: float) -> None:
    """Windows a hop apart share all frames but those of the hop, although no hop ends where the grid does."""
    window, known, new = Window(GEOMETRY, 4.0, recurring=True), set[int](), []
    due = 4.3
    for number, at in enumerate(regular(fps, 40.0, start_s=0.37)):
        window.push(frame(float(at), number))
        if at >= due:
            due += 1.0
            names = names_of(window)
            new.append(len(set(names) - known))
            known |= set(names)
    assert new[0] == 4
    assert len(new) > 30
    assert np.mean(new[1:]) == pytest.approx(1.0, abs=0.1)
    assert max(new[1:]) <= 2


def test_recurring_glance_frames_lie_half_a_step_from_the_uniform_grid_at_most() -> None:
    fixed, moving = Window(GEOMETRY, 4.0, recurring=True), Window(GEOMETRY, 4.0)
    times = regular(30.0, 30.0, start_s=5.0)
    for number, at in enumerate(times):
        for window in (fixed, moving):
            window.push(frame(float(at), number))
        cut, other = fixed.clip(), moving.clip()
        if cut is None or other is None:
            continue
        (found, _), (wanted, _) = cut, other
        assert np.array_equal(found.candidate_indices, wanted.candidate_indices)
        away = np.abs(times[found.glance_indices] - times[wanted.glance_indices])
        assert away.max() <= 0.5 + 1 / 6 + 1e-9
        assert len(set(found.glance_indices)) == 4
        assert np.array_equal(found.glance[:, 0, 0, 0], found.glance_indices % 256)


def test_the_name_of_a_frame_is_never_given_again() -> None:
    """A source that was opened again counts its frames from 0; its new frames are other frames."""
    window = Window(GEOMETRY, 4.0, recurring=True)
    feed(window, regular(30.0, 6.0))
    before = names_of(window)
    for number, at in enumerate(regular(30.0, 6.0, start_s=60.0)):
        window.push(frame(float(at), number))
    cut = window.clip()
    assert cut is not None
    after = cut[0].glance_names
    assert after is not None
    assert min(after) > max(before)
    assert cut[1].oldest <= min(after)
    assert cut[1].oldest > max(before)


def numbers_of(window: Window) -> tuple[int, ...] | None:
    cut = window.clip(eager=True)
    assert cut is not None
    return cut[0].glance_names


def test_moments_are_numbered_one_after_the_other_whatever_frames_came() -> None:
    """A frame that stands for two moments is two of them; a window that is not full has none."""
    window = Window(GEOMETRY, 4.0, recurring=True, numbered=True)
    feed(window, regular(30.0, 2.0))
    assert numbers_of(window) is None
    feed(window, regular(30.0, 6.0, start_s=2.0))
    first = numbers_of(window)
    assert first is not None
    assert np.array_equal(np.diff(first), [1, 1, 1])
    for number, at in enumerate((8.0, 9.0, 11.4)):
        # of the last two seconds and a half nobody has a frame
        window.push(frame(at, number))
    cut = window.clip()
    assert cut is not None
    later = cut[0].glance_names
    assert later is not None
    assert later == tuple(range(first[0] + 4, first[0] + 8))
    assert cut[1].oldest == later[0]
    assert len(set(cut[0].glance_indices)) < 4


@pytest.mark.parametrize("start_s", [60.0, 1.5])
def test_numbers_leave_one_out_where_the_window_began_anew(start_s: float) -> None:
    """After an outage, and where the clock went back, nobody knows the frame before."""
    window = Window(GEOMETRY, 4.0, recurring=True, numbered=True)
    feed(window, regular(30.0, 6.0))
    before = numbers_of(window)
    feed(window, regular(30.0, 6.0, start_s=start_s))
    after = numbers_of(window)
    assert before is not None
    assert after is not None
    assert after[0] == before[-1] + 2
