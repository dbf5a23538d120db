"""Boxes, crop and frame selection against the numbers of the official implementation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from adafocus.edge.exits import Criterion, confidence, confidences, softmax
from adafocus.edge.policy import decode_boxes, quantile_positions, select_frames, uniform_indices
from adafocus.edge.policy.boxes import whole_pixels
from adafocus.edge.video.patches import crop_patch, sample_patch
from adafocus.edge.video.preprocess import PixelTable, fit_frame, resize_bilinear

CONFIGURATIONS = {
    "long_p128": (48, 128),
    "long_p96": (48, 96),
    "tsm_8_36_12_p128": (36, 128),
    "tsm_8_24_8_p96": (24, 96),
    "x3d_16_96_32_p128": (96, 128),
}
FRAME_PX = 224
SMALLEST_BOX_PX = 96


def reference(shared: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(shared / "reference" / "seed1" / f"{name}.npz") as content:
        return dict(content)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_chosen_frames_are_those_of_the_official_code(shared: Path, name: str) -> None:
    wanted = reference(shared, name)
    weights, chosen = wanted["temporal_weights"].reshape(-1), wanted["selected_indices"].reshape(-1)
    candidates = CONFIGURATIONS[name][0]
    assert np.array_equal(select_frames(weights, candidates, len(chosen)), chosen)
    positions = np.array(quantile_positions(weights, len(chosen))) * candidates
    assert np.abs(positions - wanted["derived_positions"].reshape(-1)).max() < 1e-3


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_boxes_are_those_of_the_official_code(shared: Path, name: str) -> None:
    wanted = reference(shared, name)
    boxes = decode_boxes(wanted["patch_boxes_raw"], SMALLEST_BOX_PX / FRAME_PX) * FRAME_PX
    derived = wanted["derived_boxes_yxhw"]
    assert np.abs(boxes - derived).max() < 1e-3


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_patches_are_those_of_the_official_code(shared: Path, rules: ModuleType, name: str) -> None:
    wanted = reference(shared, name)
    candidates, size = CONFIGURATIONS[name]
    video = rules.make_video(candidates, 1)
    boxes = decode_boxes(wanted["patch_boxes_raw"], SMALLEST_BOX_PX / FRAME_PX)
    chosen = wanted["selected_indices"].reshape(-1)
    rows = (np.arange(8) * (size - 1)) // 7
    for place, grid in ((0, wanted["patch_first_grid"]), (-1, wanted["patch_last_grid"])):
        box = boxes[place] if len(boxes) > 1 else boxes[0]
        patch = sample_patch(video[chosen[place]].transpose(1, 2, 0), box, size)
        assert np.abs(patch[np.ix_(rows, rows)].transpose(2, 0, 1) - grid).max() < 9e-5


@pytest.mark.parametrize(
    "box", [(0.1, 0.2, 0.7, 0.5), (0.0, 0.0, 1.0, 1.0), (0.55, 0.5, 0.43, 0.5), (0.3, 0.3, 0.5, 0.6)]
)
def test_the_fast_crop_equals_its_definition_up_to_rounding(box: tuple[float, float, float, float]) -> None:
    assert _crop_error(box, 128) <= 1.0


def _crop_error(box: Sequence[float], patch_size: int) -> float:
    """Levels between the fast crop of noise and its definition, at most."""
    frame = np.random.default_rng(0).integers(0, 256, (FRAME_PX, FRAME_PX, 3), dtype=np.uint8)
    fast = crop_patch(frame, box, patch_size, (116, 116, 116)).astype(float)
    exact = sample_patch(frame.astype(float) - 116.0, box, patch_size) + 116.0
    return float(np.abs(fast - exact).max())


@pytest.mark.parametrize("patch_size", [64, 96, 128, 224])
@pytest.mark.parametrize(
    "box_px",
    [
        (0, 0, 224, 224),
        (0, 0, 96, 96),
        (128, 128, 96, 96),
        (0, 100, 97, 124),
        (50, 60, 130, 96),
        (17, 19, 33, 201),
        (3, 5, 200, 20),
        (-4, 10, 100, 220),
        (200, 0, 30, 96),
    ],
)
def test_boxes_of_whole_pixels_are_cut_out_by_the_same_definition(box_px: tuple[int, ...], patch_size: int) -> None:
    box = np.array(box_px, np.float32) / np.float32(FRAME_PX)
    assert _crop_error(box.tolist(), patch_size) <= 1.0


def test_whole_boxes_keep_to_the_pixel_grid_and_inside_the_frame() -> None:
    rng = np.random.default_rng(3)
    sides = rng.uniform(0.4, 1.0, (500, 2))
    boxes = np.concatenate([rng.uniform(size=(500, 2)) * (1 - sides), sides], axis=1).astype(np.float32)
    moved = whole_pixels(boxes, (FRAME_PX, FRAME_PX))
    pixels = moved.astype(np.float64) * FRAME_PX
    assert np.abs(pixels - np.rint(pixels)).max() < 1e-4
    edges, wanted = (
        np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1) for b in (np.rint(pixels), boxes * FRAME_PX)
    )
    assert np.abs(edges - wanted).max() <= 0.5 + 1e-4
    assert edges.min() >= 0
    assert edges.max() <= FRAME_PX
    assert np.array_equal(whole_pixels(moved, (FRAME_PX, FRAME_PX)), moved)


@pytest.mark.parametrize(
    ("weights", "candidates", "wanted"),
    [
        (np.full(16, 1 / 16), 48, list(range(1, 48, 3))),
        (np.eye(16)[7], 48, list(range(21, 37))),
        (np.full(8, 1 / 8), 36, list(range(1, 36, 3))),
    ],
)
def test_published_selection_vectors(weights: np.ndarray, candidates: int, wanted: list[int]) -> None:
    assert select_frames(weights, candidates, len(wanted)).tolist() == wanted


def test_uniform_grids() -> None:
    assert uniform_indices(48, 16).tolist() == list(range(1, 48, 3))
    assert uniform_indices(1, 4).tolist() == [0, 0, 0, 0]
    assert uniform_indices(5, 8).tolist() == [0, 0, 1, 2, 2, 3, 4, 4]
    with pytest.raises(ValueError, match="at least 1"):
        uniform_indices(0, 4)


def test_asking_for_more_frames_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="8 different frames of 4"):
        select_frames([0.5, 0.5], 4, 8)


def test_a_fitted_frame_is_the_centre_square() -> None:
    frame = np.zeros((100, 300, 3), np.uint8)
    frame[:, 100:200] = 200
    fitted = fit_frame(frame, 224, 224)
    assert fitted.shape == (224, 224, 3)
    assert fitted.min() == 200


def _stretched(picture: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Linear along one axis with half-pixel centres; beyond the border the outermost pixel."""
    count = picture.shape[axis]
    positions = (np.arange(size) + 0.5) * count / size - 0.5
    return np.apply_along_axis(lambda line: np.interp(positions, np.arange(count), line), axis, picture)


@pytest.mark.parametrize("size", [(24, 30), (41, 33), (60, 47), (79, 90), (41, 47)])
def test_resizing_equals_its_definition_up_to_a_level_in_the_memory_that_is_given(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (41, 47, 3), dtype=np.uint8)
    height, width = size
    out = np.zeros((height, width, 3), np.uint8)
    assert np.shares_memory(resize_bilinear(picture, height, width, out), out)
    wanted = _stretched(_stretched(picture.astype(float), height, 0), width, 1)
    assert np.abs(out - wanted).max() <= 1.0


def test_pixel_tables_fold_normalization_and_quantization() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    mean, std, scale, zero_point = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.0187, -14
    real = ((frames / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    codes = PixelTable.build(mean, std, "int8", scale, zero_point).apply(frames)
    assert codes.dtype == np.int8
    assert np.array_equal(codes, np.clip(np.round(real / scale) + zero_point, -128, 127))
    assert np.abs(PixelTable.build(mean, std, "float32").apply(frames).astype(float) - real).max() < 1e-6


@pytest.mark.parametrize("criterion", get_args(Criterion))
def test_many_confidences_are_those_of_each_exit(criterion: Criterion) -> None:
    logits = np.random.default_rng(5).normal(0, 9, (20, 17, 40)).astype(np.float32)
    wanted = [[confidence(row, criterion, 1.7) for row in clip] for clip in logits]
    assert np.array_equal(confidences(logits, criterion, 1.7), wanted)


def test_confidence_is_finite_for_logits_that_saturate_the_softmax() -> None:
    logits = np.array([1000.0, 0.0, -1000.0])
    assert confidence(logits, "entropy") == 0.0
    assert confidence(logits, "softmax") == 1.0
    assert confidence(logits, "logit") == 1000.0
    assert confidence([1.0, 1.0], "entropy") == pytest.approx(-np.log(2))
    assert softmax([0.0, np.log(3)]).tolist() == pytest.approx([0.25, 0.75])


def test_pixels_less_116_are_what_their_table_says() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, 7, 7, 3), dtype=np.uint8)
    pixels = PixelTable.build((116 / 255,) * 3, (64 / 255,) * 3, "int8", 2.0**-6, 0)
    table = pixels.table.copy()
    assert np.array_equal(table, np.tile(np.arange(-116, 140).clip(-128, 127), (3, 1)))
    assert np.array_equal(pixels.apply(frames), table[0][frames.transpose(0, 3, 1, 2)])


@pytest.mark.parametrize("down", [0, 100, 126, 128, 130, 255])
def test_pixels_that_are_only_lowered_stop_at_the_limits_of_int8(down: int) -> None:
    frames = np.arange(3 * 256, dtype=np.uint8).reshape(1, 16, 16, 3)
    lowered = PixelTable((np.arange(256) - down).clip(-128, 127).astype(np.int8)[None].repeat(3, 0))
    given = lowered.apply(frames)
    assert given.flags.c_contiguous
    assert np.array_equal(given, (frames.transpose(0, 3, 1, 2).astype(int) - down).clip(-128, 127))
