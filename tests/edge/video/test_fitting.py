from __future__ import annotations

import numpy as np
import pytest

from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES
from adafocus.edge.video.averaging import average
from adafocus.edge.video.fitting import Fit, fit_glance, shrink, shrink_factor

FILL = (115, 20, 240)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_square_is_the_middle_of_the_frame_averaged_in_one_step() -> None:
    frame = noise(480, 640)
    middle = average(frame[60:420, 140:500], 160, 160)
    assert np.array_equal(fit_glance(frame, "square", 160, 0.75, FILL), middle)


def test_squeezed_shows_all_of_the_frame() -> None:
    frame = noise(480, 640)
    whole = average(frame, 160, 160)
    assert np.array_equal(fit_glance(frame, "squeezed", 160, 1.0, FILL), whole)


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (30, 40)])
def test_padded_keeps_the_aspect_and_fills_the_rest(size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 200, np.uint8)
    picture = fit_glance(frame, "padded", 160, 1.0, FILL)
    shown = (picture == 200).all(-1)
    assert shown.sum() == 160 * 120
    assert (picture[~shown] == FILL).all()


@pytest.mark.parametrize("fit", ["square", "squeezed", "padded"])
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (160, 160), (90, 1000), (1080, 1920)])
def test_any_frame_gives_a_glance_of_the_wanted_size(fit: Fit, size: tuple[int, int]) -> None:
    room = np.zeros((160, 160, 3), np.uint8)
    given = fit_glance(noise(*size), fit, 160, 1.0, FILL, room)
    assert given is room
    assert room.any()


@pytest.mark.parametrize(
    ("height", "width", "frames", "wanted"),
    [(240, 320, 32, 1), (1080, 1920, 10, 1), (1080, 1920, 11, 2), (2160, 3840, 24, 3)],
)
def test_frames_are_shrunk_by_the_smallest_factor_that_keeps_them_within_bounds(
    height: int, width: int, frames: int, wanted: int
) -> None:
    factor = shrink_factor(height, width, frames)
    assert factor == wanted
    assert frames * shrink(np.zeros((height, width, 3), np.uint8), factor).nbytes <= MAX_WAITING_BYTES


def test_shrinking_averages_and_drops_what_is_left_over() -> None:
    frame = np.zeros((5, 7, 3), np.uint8)
    frame[:2, :2] = [[[10], [20]], [[30], [40]]]
    frame[4], frame[:, 6] = 255, 255
    small = shrink(frame, 2)
    assert small.shape == (2, 3, 3)
    assert small[0, 0].tolist() == [25, 25, 25]
    assert small.max() == 25
    assert shrink(noise(3, 500), 4).shape == (1, 125, 3)
    assert shrink(frame, 1) is frame
