"""Boxes, crop and frame selection against the numbers of the official implementation."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from edge.boxes import decode_boxes
from edge.crop import crop_patch, sample_patch
from edge.exits import Criterion, confidence, confidences, softmax
from edge.preprocess import PixelTable, fit_frame
from edge.sampling import quantile_positions, select_frames, uniform_indices

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
    frame = np.random.default_rng(0).integers(0, 256, (FRAME_PX, FRAME_PX, 3), dtype=np.uint8)
    fill = (116, 116, 116)
    fast = crop_patch(frame, box, 128, fill).astype(float)
    exact = sample_patch(frame.astype(float) - 116.0, box, 128) + 116.0
    assert np.abs(fast - exact).max() <= 1.0


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


def test_pixel_tables_fold_normalisation_and_quantisation() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    mean, std, scale, zero_point = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.0187, -14
    real = ((frames / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    codes = PixelTable.build(mean, std, "int8", scale, zero_point).apply(frames)
    assert codes.dtype == np.int8
    assert np.array_equal(codes, np.clip(np.round(real / scale) + zero_point, -128, 127))
    assert np.abs(PixelTable.build(mean, std, "float32").apply(frames) - real).max() < 1e-6


@pytest.mark.parametrize("criterion", get_args(Criterion))
def test_many_exits_are_as_sure_as_each_of_them(criterion: Criterion) -> None:
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


def test_pixels_less_128_are_what_their_table_says() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, 7, 7, 3), dtype=np.uint8)
    pixels = PixelTable.build((116 / 255,) * 3, (64 / 255,) * 3, "int8", 2.0**-6, 0)
    table = pixels.table.copy()
    assert np.array_equal(table, np.tile(np.arange(-116, 140).clip(-128, 127), (3, 1)))
    shifted = PixelTable((np.arange(256) - 128).astype(np.int8)[None].repeat(3, 0))
    given = shifted.apply(frames)
    assert given.flags.c_contiguous
    assert np.array_equal(given, frames.transpose(0, 3, 1, 2).astype(int) - 128)
    assert np.array_equal(pixels.apply(frames), table[0][frames.transpose(0, 3, 1, 2)])
