from __future__ import annotations

import math

import numpy as np
import pytest

from adafocus.edge.video.averaging import average
from adafocus.edge.video.patches import axis_taps, crop_patch, cut_patch, sample, sample_patch

FILL = (115, 20, 240)
FRAMES = [(224, 224), (240, 320), (540, 700), (1080, 1920), (48, 64)]
Box = tuple[int, int, int, int]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def fractions(box: Box, size: tuple[int, int]) -> np.ndarray:
    top, left, tall, wide = box
    return np.array([top / size[0], left / size[1], tall / size[0], wide / size[1]], np.float32)


def by_the_rule(frame: np.ndarray, box: Box, patch_size: int) -> np.ndarray:
    top, left, tall, wide = box
    return sample(frame, axis_taps(top, tall, patch_size), axis_taps(left, wide, patch_size), FILL)


def in_float32(value: float) -> float:
    return float(np.float32(value))


def tap(index: int, start: int, length: int, patch_size: int) -> tuple[int, int]:
    step = 1 / ((1 + 1e-7) * patch_size / length)
    position = in_float32((index + 0.5) * step - 0.5)
    floor = math.floor(position)
    return start + floor, round(in_float32(in_float32(position - floor) * 2048))


def written_again(frame: np.ndarray, box: Box, patch_size: int, row: int, column: int) -> list[int]:
    """One pixel by the rule, as somebody writes it who has read the module's first lines and nothing else."""
    height, width = frame.shape[:2]
    y, v = tap(row, box[0], box[2], patch_size)
    x, w = tap(column, box[1], box[3], patch_size)

    def read(at_y: int, at_x: int, channel: int) -> int:
        inside = 0 <= at_y < height and 0 <= at_x < width
        return int(frame[at_y, at_x, channel]) if inside else FILL[channel]

    def pixel(channel: int) -> int:
        upper, lower = (read(at_y, x, channel) * (2048 - w) + read(at_y, x + 1, channel) * w for at_y in (y, y + 1))
        return (((2048 - v) * (upper >> 4) >> 16) + (v * (lower >> 4) >> 16) + 2) >> 2

    return [pixel(channel) for channel in range(3)]


def random_boxes(size: tuple[int, int], count: int, seed: int, longest: int = 10_000) -> list[Box]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        tall, wide = (int(rng.integers(1, min(side, longest) + 1)) for side in size)
        found.append((int(rng.integers(size[0] - tall + 1)), int(rng.integers(size[1] - wide + 1)), tall, wide))
    return found


def boxes_at_the_border(size: tuple[int, int], side: int) -> list[Box]:
    down, across = size[0] - side, size[1] - side
    places = [(top, left) for top in (0, down // 2, down) for left in (0, across // 2, across)]
    return [(*place, side, side) for place in places]


@pytest.mark.parametrize("size", FRAMES)
@pytest.mark.parametrize("patch_size", [40, 96, 128, 160])
def test_patches_are_those_of_the_written_rule_byte_for_byte(size: tuple[int, int], patch_size: int) -> None:
    frame = noise(*size)
    # of any size; enlarged ones; as large as the patch; a pixel; all there is
    boxes = [
        *random_boxes(size, 10, patch_size),
        *random_boxes(size, 15, patch_size, longest=patch_size),
        *boxes_at_the_border(size, min(*size, 3 * patch_size // 4)),
        *boxes_at_the_border(size, min(*size, patch_size)),
        (size[0] - 1, size[1] - 1, 1, 1),
        (0, 0, *size),
    ]
    for box in boxes:
        assert np.array_equal(
            crop_patch(frame, fractions(box, size), patch_size, FILL), by_the_rule(frame, box, patch_size)
        ), box


@pytest.mark.parametrize("size", [(224, 224), (1080, 1920)])
@pytest.mark.parametrize("patch_size", [96, 160])
def test_somebody_who_writes_the_rule_again_has_the_same_patch(size: tuple[int, int], patch_size: int) -> None:
    frame, last = noise(*size), patch_size - 1
    pixels = [(row, column) for row in (0, 1, 50, last) for column in (0, 33, last - 1, last)]
    inside = [*random_boxes(size, 6, 1, 200), *boxes_at_the_border(size, 70), (0, 0, *size)]
    outside = [(-9, 20, 60, 70), (size[0] - 20, size[1] - 30, 64, 64), (-500, 0, 20, 20)]
    for box in [*inside, *outside]:
        patch = crop_patch(frame, fractions(box, size), patch_size, FILL)
        for row, column in pixels:
            assert patch[row, column].tolist() == written_again(frame, box, patch_size, row, column), (box, row, column)


@pytest.mark.parametrize("size", [(224, 224), (540, 960)])
def test_patches_are_a_level_from_the_definition_in_real_numbers_at_most(size: tuple[int, int]) -> None:
    frame = noise(*size)
    boxes = [*random_boxes(size, 4, 5), *random_boxes(size, 6, 6, longest=96), *boxes_at_the_border(size, 90)]
    for box in boxes:
        given = fractions(box, size).astype(np.float64)
        wanted = sample_patch(frame.astype(float) - FILL, given, 96) + FILL
        assert np.abs(crop_patch(frame, given, 96, FILL) - wanted).max() <= 1.0, box


def test_a_frame_that_is_longer_than_opencv_can_read_is_cut() -> None:
    frame, box = noise(5, 40_000), (1, 39_990, 4, 10)
    assert np.array_equal(crop_patch(frame, fractions(box, (5, 40_000)), 32, FILL), by_the_rule(frame, box, 32))


@pytest.mark.parametrize("box", [(-10, -20, 100, 90), (200, 210, 60, 60), (-300, 0, 20, 20), (-5, 100, 300, 20)])
def test_boxes_that_leave_the_frame_read_the_fill(box: Box) -> None:
    frame = noise(224, 224)
    patch = crop_patch(frame, fractions(box, (224, 224)), 96, FILL)
    assert np.array_equal(patch, by_the_rule(frame, box, 96))
    corner = patch[0, 0] if box[0] < 0 else patch[-1, -1]
    assert corner.tolist() == list(FILL) or 0 <= box[1] < 224 - box[3]


def test_an_enlarged_box_reads_the_pixels_beside_it() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:, 32:] = 200
    beside_dark = crop_patch(frame, fractions((16, 32, 16, 16), (64, 64)), 64, FILL)
    assert beside_dark[0, 0, 0] < 200
    assert (beside_dark[:, 2:] == 200).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_a_frame_whose_rows_are_not_together_in_memory_gives_the_same_patch(scale: int) -> None:
    wide = noise(100, 200)
    part = wide[::scale, 10:90]
    box = fractions((5, 7, 30, 31), part.shape[:2])
    assert np.array_equal(crop_patch(part, box, 96, FILL), crop_patch(part.copy(), box, 96, FILL))


def test_a_patch_is_written_where_it_is_asked_for() -> None:
    frame, box = noise(240, 320), fractions((10, 20, 100, 120), (240, 320))
    for cut in (crop_patch, cut_patch):
        for patch_size in (64, 160):
            room = np.zeros((2, patch_size, patch_size, 3), np.uint8)
            cut(frame, box, patch_size, FILL, room[1])
            assert np.array_equal(room[1], cut(frame, box, patch_size, FILL))
            assert not room[0].any()


def test_a_box_that_shrinks_both_ways_is_averaged_and_no_other() -> None:
    frame = noise(480, 640)
    large, flat = (40, 80, 320, 320), (40, 80, 100, 320)
    averaged = average(frame[40:360, 80:400], 160, 160)
    assert np.array_equal(cut_patch(frame, fractions(large, (480, 640)), 160, FILL), averaged)
    assert np.array_equal(cut_patch(frame, fractions(flat, (480, 640)), 160, FILL), by_the_rule(frame, flat, 160))
