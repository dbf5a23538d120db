from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from adafocus.edge.video import averaging
from adafocus.edge.video.averaging import Counts, average, average_exactly

# shrunk by 1.5 and 2, where every sixth mean is a half; by what has no common part; by whole numbers; not at all; wide
SIZES = [
    ((240, 320), (160, 160)),
    ((171, 173), (160, 160)),
    ((160, 161), (160, 160)),
    ((97, 300), (96, 96)),
    ((320, 320), (160, 160)),
    ((480, 480), (160, 160)),
    ((160, 160), (160, 160)),
    ((500, 200), (160, 64)),
    ((3, 1000), (1, 7)),
]
Size = tuple[int, int]


def noise(size: Size, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def in_whole_numbers(region: np.ndarray, size: Size) -> np.ndarray:
    rows, columns = (Counts.of(given, wanted) for given, wanted in zip(region.shape, size, strict=False))
    places = [place.ravel() for place in np.indices((*size, 3))]
    return average_exactly(region, rows, columns, *places).reshape(*size, 3)


def mean(region: np.ndarray, size: Size, row: int, column: int, channel: int) -> Fraction:
    """The mean under one pixel, by fractions: nothing of the module is used."""
    total, area = Fraction(0), Fraction(1)
    tall, wide = (Fraction(given, wanted) for given, wanted in zip(region.shape, size, strict=False))
    for y in range(region.shape[0]):
        down = min(Fraction(y + 1), (row + 1) * tall) - max(Fraction(y), row * tall)
        for x in range(region.shape[1]) if down > 0 else ():
            across = min(Fraction(x + 1), (column + 1) * wide) - max(Fraction(x), column * wide)
            total += max(across, Fraction(0)) * down * int(region[y, x, channel])
    area = tall * wide
    return total / area


@pytest.mark.parametrize(("given", "wanted"), SIZES)
def test_means_are_those_of_whole_numbers(given: Size, wanted: Size) -> None:
    for region in (noise(given), np.where(noise(given, 1) > 127, 255, 0).astype(np.uint8), noise(given) // 64):
        assert np.array_equal(average(region, *wanted), in_whole_numbers(region, wanted))


@pytest.mark.parametrize(("given", "wanted"), [((24, 32), (16, 16)), ((17, 23), (16, 16)), ((9, 40), (4, 7))])
def test_whole_numbers_are_the_nearest_to_the_mean_of_what_a_pixel_covers(given: Size, wanted: Size) -> None:
    region, halves = noise(given) // 16 * 5, 0
    shrunk = average(region, *wanted)
    for row, column in np.random.default_rng(2).integers(0, wanted, (40, 2)).tolist():
        exact = mean(region, wanted, row, column, 1)
        assert shrunk[row, column, 1] == (exact + Fraction(1, 2)).__floor__()
        halves += exact.denominator == 2
    assert halves or given != (24, 32)


@pytest.mark.parametrize(("given", "wanted"), SIZES)
def test_opencv_differs_by_a_level_at_most(given: Size, wanted: Size) -> None:
    region = noise(given)
    theirs = cv2.resize(region, wanted[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(average(region, *wanted).astype(int) - theirs).max() <= 1


def test_what_opencv_computes_a_little_otherwise_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {sizes: average(noise(sizes[0]), *sizes[1]) for sizes in SIZES}
    resize, rng = cv2.resize, np.random.default_rng(3)

    def less_exact(picture: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
        means = resize(picture, *arguments, **options)
        away = rng.choice([-1e-4, 0.0, 1e-4], means.shape) if means.dtype == np.float32 else 0
        return (means + away).astype(means.dtype)

    monkeypatch.setattr(averaging.cv2, "resize", less_exact)
    for sizes, before in wanted.items():
        assert np.array_equal(average(noise(sizes[0]), *sizes[1]), before), sizes


def test_many_values_are_averaged_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    region = noise((60, 50))
    wanted = in_whole_numbers(region, (40, 40))
    monkeypatch.setattr(averaging, "AT_ONCE", 100)
    assert np.array_equal(in_whole_numbers(region, (40, 40)), wanted)


def test_pixels_that_are_covered_by_less_than_opencv_looks_at_count() -> None:
    region = noise((1, 1300))
    region[0, ::2] = 255
    assert np.array_equal(average(region, 1, 1201), in_whole_numbers(region, (1, 1201)))


def test_a_part_of_a_picture_is_averaged_into_a_part_of_another() -> None:
    picture, room = noise((300, 300)), np.zeros((200, 200, 3), np.uint8)
    for size in ((101, 99), (100, 100)):
        part = picture[10:210, 30:230]
        average(part, *size, room[20 : 20 + size[0], 30 : 30 + size[1]])
        assert np.array_equal(room[20 : 20 + size[0], 30 : 30 + size[1]], average(part.copy(), *size))
        room[20 : 20 + size[0], 30 : 30 + size[1]] = 0
        assert not room.any()
