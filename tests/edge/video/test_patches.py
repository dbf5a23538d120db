from __future__ import annotations

import cv2
import numpy as np
import pytest

from adafocus.edge.video.patches import axis_taps, crop_patch, cut_patch, sample

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


def random_boxes(size: tuple[int, int], count: int, seed: int) -> list[Box]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        top, left = int(rng.integers(size[0] - 2)), int(rng.integers(size[1] - 2))
        found.append((top, left, int(rng.integers(1, size[0] - top + 1)), int(rng.integers(1, size[1] - left + 1))))
    return [*found, (0, 0, *size), (size[0] - 1, size[1] - 1, 1, 1)]


@pytest.mark.parametrize("size", FRAMES)
@pytest.mark.parametrize("patch_size", [40, 96, 128, 160])
def test_patches_are_those_of_the_written_rule_byte_for_byte(size: tuple[int, int], patch_size: int) -> None:
    frame = noise(*size)
    for box in random_boxes(size, 25, patch_size):
        assert np.array_equal(
            crop_patch(frame, fractions(box, size), patch_size, FILL), by_the_rule(frame, box, patch_size)
        )


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
    averaged = cv2.resize(frame[40:360, 80:400], (160, 160), interpolation=cv2.INTER_AREA)
    assert np.array_equal(cut_patch(frame, fractions(large, (480, 640)), 160, FILL), averaged)
    assert np.array_equal(cut_patch(frame, fractions(flat, (480, 640)), 160, FILL), by_the_rule(frame, flat, 160))
