from __future__ import annotations

import numpy as np
import pytest

from adafocus.edge.policy.motion import MAX_CHANGE, cell_size, change_maps, densest_run, motion_box

HEIGHT, WIDTH, COUNT = 240, 320, 8


def scene(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def with_square(places: list[tuple[int, int]], side: int = 50) -> list[np.ndarray]:
    """One frame for each place, with a bright square there."""
    frames = []
    for top, left in places:
        frame = scene()
        frame[top : top + side, left : left + side] = 255
        frames.append(frame)
    return frames


def box_px(frames: list[np.ndarray], side_px: int) -> tuple[int, int]:
    cell = cell_size(*frames[0].shape[:2])
    top, left = motion_box(change_maps(frames), side_px // cell)
    return top * cell, left * cell


@pytest.mark.parametrize("corner", [(20, 20), (20, 230), (150, 20), (150, 230), (90, 120)])
def test_the_box_lies_where_something_moves(corner: tuple[int, int]) -> None:
    frames = with_square([(corner[0] + 5 * step % 10, corner[1] + 4 * step) for step in range(COUNT // 2)])
    top, left = box_px(frames, 100)
    assert top <= corner[0]
    assert corner[0] + 50 + 10 <= top + 100 + 5
    assert left <= corner[1]
    assert corner[1] + 50 + 12 <= left + 100 + 5


def test_nothing_moves_so_the_box_is_the_middle() -> None:
    changes = change_maps([scene()] * COUNT)
    assert not changes.any()
    assert motion_box(changes, 20) == (14, 22)
    assert densest_run(changes, 2, 20).tolist() == [3, 4]


def test_one_candidate_changes_into_nothing() -> None:
    changes = change_maps([scene()])
    assert changes.shape == (0, 48, 64)
    assert motion_box(changes, 24) == (12, 20)
    assert densest_run(changes, 1, 24).tolist() == [0]


def test_a_change_counts_no_more_than_ten_grey_levels() -> None:
    changes = change_maps([scene(), with_square([(90, 120)])[0]])
    assert changes.max() == MAX_CHANGE
    assert np.median(changes[changes > 0]) == MAX_CHANGE


@pytest.mark.parametrize(("rows", "counts"), [(24, True), (25, False)])
def test_where_more_than_half_change_most_the_picture_was_cut(rows: int, counts: bool) -> None:
    after = scene()
    after[: 5 * rows] += 50
    changes = change_maps([scene(), after])
    assert (changes == MAX_CHANGE).mean() == (rows / 48 if counts else 0)
    assert changes.any() == counts


def test_a_flash_of_the_whole_picture_moves_no_box() -> None:
    flash = [scene(), np.minimum(scene().astype(int) + 50, 255).astype(np.uint8), scene()]
    assert motion_box(change_maps(flash), 20) == (14, 22)


def test_one_flash_does_not_outweigh_a_hand_that_moves_all_the_time() -> None:
    still, bright = scene(), with_square([(150, 230)])[0]
    moving = [still, bright] * 4
    flash = [*moving, 255 - bright, bright]
    (top, left), (wanted_top, wanted_left) = box_px(flash, 100), box_px(moving, 100)
    assert 100 <= top <= wanted_top <= 150
    assert 180 <= left <= wanted_left <= 230


def test_what_always_moves_is_usual_and_what_comes_and_stays_is_not() -> None:
    frames = []
    for number in range(16):
        frame = with_square([(100, 20)])[0] if number % 2 else scene()
        if 9 <= number < 14:
            frame[150:200, 230:280] = 255
        frames.append(frame)
    cells = 60 // cell_size(HEIGHT, WIDTH)
    busy, unusual = change_maps(frames), change_maps(frames, "median")
    assert np.multiply(motion_box(busy, cells), 5)[1] < 50
    top, left = np.multiply(motion_box(unusual, cells), 5)
    assert 140 <= top <= 150
    assert 220 <= left <= 230
    run = densest_run(unusual, 4, cells)
    assert run[0] >= 9
    assert run[-1] < 14


def test_change_from_the_median_by_hand() -> None:
    """Levels of one cell are 16 times its green value; the median of an even number is the upper one."""
    greens = [10, 10, 14, 30, 12, 10]
    frames = [np.full((1, 1, 3), green, np.uint8) for green in greens]
    # away from 12: 32, 32, 32, 160 (cut), 0, 32; between: 32, 32, 96, 80, 16; their mean is 51
    assert change_maps(frames, "median").ravel().tolist() == [0, 0, 45, 29, 0]


@pytest.mark.parametrize("count", [1, 2])
def test_one_candidate_or_two_have_nothing_unusual(count: int) -> None:
    frames = [np.full((48, 50, 3), 100 * number, np.uint8) for number in range(count)]
    changes = change_maps(frames, "median")
    assert changes.shape == (count - 1, 48, 50)
    assert not changes.any()


@pytest.mark.parametrize("corner", [(40, 32), (100, 400), (0, 0), (176, 592), (91, 333)])
def test_in_a_wide_frame_what_moves_lies_inside_the_box(corner: tuple[int, int]) -> None:
    frames = [np.zeros((240, 720, 3), np.uint8) for _ in range(4)]
    for frame, bright in zip(frames, (0, 250, 0, 250), strict=True):
        frame[corner[0] : corner[0] + 60, corner[1] : corner[1] + 60] = bright
    top, left = box_px(frames, 120)
    assert top <= corner[0] + 4
    assert corner[0] + 60 - 4 <= top + 120
    assert left <= corner[1] + 4
    assert corner[1] + 60 - 4 <= left + 120


def test_two_equal_movements_the_one_nearer_the_middle_is_looked_at() -> None:
    changes = np.zeros((1, 48, 64), np.int32)
    changes[0, 20:24, 30:34] = changes[0, 0:4, 0:4] = 100
    top, left = motion_box(changes, 10)
    assert top <= 20 <= top + 6
    assert left <= 30 <= left + 6


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 200), (4096, 16), (1080, 1920), (300, 4096)])
def test_frames_of_any_size_have_a_box_inside_them(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(3)]
    changes = change_maps(frames)
    side = max(1, round(0.5 * min(changes.shape[1:])))
    top, left = motion_box(changes, side)
    assert 0 <= top <= changes.shape[1] - side
    assert 0 <= left <= changes.shape[2] - side
    assert motion_box(changes, 10_000) == (0, 0)


def test_levels_are_means_of_cells_in_sixteenths() -> None:
    black, grey = np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96, 3), np.uint8)
    grey[0, 0, 1], grey[94, 94, 1], grey[50, 50] = 3, 255, (255, 0, 255)
    changes = change_maps([black, grey])
    assert changes.shape == (1, 48, 48)
    assert changes[0, 0, 0] == 16 * 3 // 4
    assert changes[0, 47, 47] == MAX_CHANGE
    assert np.count_nonzero(changes) == 2


def test_the_densest_run_is_where_one_square_changes_most() -> None:
    changes = np.ones((15, 48, 64), np.int32)
    changes[1:5, ::4, ::4] = 100
    changes[9:12, 20:26, 30:36] = 100
    assert densest_run(changes, 4, 8).tolist() == [9, 10, 11, 12]
    assert densest_run(changes, 16, 8).tolist() == list(range(16))


@pytest.mark.parametrize("size", [(1, 1), (47, 90), (240, 320), (241, 323), (389, 400), (401, 384), (480, 640)])
def test_levels_are_the_rule_for_small_and_large_frames_however_they_lie_in_memory(size: tuple[int, int]) -> None:
    frames = np.random.default_rng(size[0]).integers(0, 20, (2, *size, 3), np.uint8)
    cell = cell_size(*size)
    high, wide = size[0] // cell, size[1] // cell
    green = frames[:, : high * cell, : wide * cell, 1].reshape(2, high, cell, wide, cell).astype(np.int64)
    levels = 16 * green.sum((2, 4)) // cell**2
    expected = np.minimum(np.abs(levels[1:] - levels[:-1]), MAX_CHANGE)
    turned = [frame[::-1, ::-1] for frame in frames[:, ::-1, ::-1].copy()]
    for given in (list(frames), turned):
        found = change_maps(given)
        assert found.dtype == np.int32
        assert np.array_equal(found, expected)
