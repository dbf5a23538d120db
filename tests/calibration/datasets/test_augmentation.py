"""Views of cached clips: the one of inference, and the augmentation of the published training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adafocus import networks
from adafocus.calibration.datasets import CacheSettings, FrameCache, read_clips
from adafocus.calibration.datasets.augmentation import (
    ANCHORS,
    SCALES,
    Crop,
    View,
    inference_view,
    network_inputs,
    normalize,
    random_view,
    segment_members,
)
from adafocus.calibration.views.geometry import geometry_of
from adafocus.edge.policy import uniform_indices
from adafocus.edge.video.clip import read_clip
from adafocus.networks import NetworkConfig

SHAPES = st.tuples(st.integers(8, 400), st.integers(8, 400))
SMALL = {"frame_size": 56, "short_side_px": 64, "glance_size": 40, "patch_size": 32, "box_min_px": 24}


@pytest.fixture(scope="module")
def config() -> NetworkConfig:
    return networks.preset("x3d-xs-xs", glance_frames=4, candidate_frames=12, focus_frames=4, **SMALL)


def grey(inputs: torch.Tensor, config: NetworkConfig) -> NDArray[np.float64]:
    """``(T, 3, S, S)`` normalized back to ``(T, S, S, 3)`` grey levels."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (config.mean, config.std))
    return (255 * (inputs * std + mean)).permute(0, 2, 3, 1).double().numpy()


def numbered(count: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames that are grey by their number."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *shape, 3))


def taken(inputs: torch.Tensor, config: NetworkConfig) -> list[int]:
    return np.round(grey(inputs, config)[:, 0, 0, 0]).astype(int).tolist()


def draws(config: NetworkConfig, shape: tuple[int, int], count: int = 3000, **options: bool) -> list[View]:
    rng = np.random.default_rng(0)
    return [random_view(config, shape, rng, **options) for _ in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("frame_size", "short_side_px"), [(224, 256), (168, 192)])
def test_the_centre_view_is_the_picture_that_the_device_sees(
    shared: Path, tmp_path: Path, frame_size: int, short_side_px: int
) -> None:
    """Sizes whose crop of 240 rows is even: of an odd one the device's lies half a pixel of the video aside."""
    config = networks.preset(
        "x3d-xs-xs", glance_frames=8, candidate_frames=24, frame_size=frame_size, short_side_px=short_side_px
    )
    clips = [read_clips(shared / "clips" / name, "val")[9] for name in ("jhmdb21.csv", "ucf6.csv")]
    cache = FrameCache(tmp_path, clips, CacheSettings(config.candidate_frames, config.short_side_px))
    cache.fill()
    for index, clip in enumerate(clips):
        frames = cache.read(index)
        seen = network_inputs(frames, inference_view(config, frames.shape[1:3]), config)
        device = read_clip(clip.path, geometry_of(config))
        for inputs, expected in zip(seen, (device.glance, device.candidates), strict=True):
            difference = np.abs(grey(inputs, config) - np.asarray(expected, float))
            assert difference.mean() < 2
            assert np.percentile(difference, 99) < 10


@given(SHAPES, st.integers(0, 2**32))
def test_crops_lie_within_the_frame_and_glance_and_candidates_share_them(
    config: NetworkConfig, shape: tuple[int, int], seed: int
) -> None:
    for view in (random_view(config, shape, np.random.default_rng(seed)), inference_view(config, shape)):
        crop = view.candidate_crop
        assert view.glance_crop == crop
        assert 0 <= crop.top <= crop.top + crop.height <= shape[0]
        assert 0 <= crop.left <= crop.left + crop.width <= shape[1]
        assert min(crop.height, crop.width) >= 1
        assert view.glance_offsets.shape == (4,)
        assert view.candidate_offsets.shape == (12,)


def test_crops_have_one_of_four_scales_a_side_at_most_one_step_apart(config: NetworkConfig) -> None:
    found = {(view.glance_crop.height, view.glance_crop.width) for view in draws(config, (200, 300))}
    sides = [200, 175, 150, 132]
    assert found == {(sides[i], sides[j]) for i in range(4) for j in range(4) if abs(i - j) <= 1}


def test_crops_lie_at_the_thirteen_anchors(config: NetworkConfig) -> None:
    views = [view for view in draws(config, (200, 300)) if view.glance_crop.height == view.glance_crop.width == 132]
    down, right = (200 - 132) // 4, (300 - 132) // 4
    places = {(view.glance_crop.top // down, view.glance_crop.left // right) for view in views}
    corners_edges_centre = {(top, left) for top in (0, 2, 4) for left in (0, 2, 4)}
    assert places == corners_edges_centre | {(1, 1), (1, 3), (3, 1), (3, 3)}
    assert len(ANCHORS) == 13
    assert all(view.glance_crop.top % down == view.glance_crop.left % right == 0 for view in views)


def test_the_scales_can_be_chosen(config: NetworkConfig) -> None:
    view = random_view(config, (100, 90), np.random.default_rng(0), scales=(1.0,))
    assert (view.glance_crop.height, view.glance_crop.width) == (90, 90)
    assert SCALES == (1.0, 0.875, 0.75, 0.66)


def test_without_scales_the_crop_is_that_of_inference_and_time_is_drawn(config: NetworkConfig) -> None:
    rng, shape = np.random.default_rng(8), (64, 90)
    views = [random_view(config, shape, rng, scales=()) for _ in range(40)]
    centre = inference_view(config, shape)
    assert {replace(view.glance_crop, flipped=False) for view in views} == {centre.glance_crop}
    assert {view.glance_crop.flipped for view in views} == {True, False}
    assert all(view.candidate_crop == view.glance_crop for view in views)
    assert len({view.glance_offsets.tobytes() for view in views}) == len(views)


def test_half_of_the_views_are_mirrored_or_none(config: NetworkConfig) -> None:
    share = np.mean([view.glance_crop.flipped for view in draws(config, (64, 85))])
    assert share == pytest.approx(0.5, abs=0.05)
    assert not any(view.glance_crop.flipped for view in draws(config, (64, 85), 100, flip=False))


def test_the_official_draws_differ_between_glance_and_candidates_where_asked_for(config: NetworkConfig) -> None:
    views = draws(config, (64, 85), 200, shared=False)
    assert np.mean([view.glance_crop != view.candidate_crop for view in views]) > 0.9


def test_a_seed_gives_the_same_view(config: NetworkConfig) -> None:
    first, second = (random_view(config, (64, 85), np.random.default_rng(5)) for _ in range(2))
    assert first.glance_crop == second.glance_crop
    np.testing.assert_array_equal(first.candidate_offsets, second.candidate_offsets)


def test_glance_and_candidates_show_the_crop_resized_and_mirrored(config: NetworkConfig) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (8, 11, 3), np.uint8)
    frame = cv2.resize(frame, (85, 64), interpolation=cv2.INTER_CUBIC)
    middle = np.full(4, 0.5), np.full(12, 0.5)
    plain = View(Crop(3, 5, 60, 48), Crop(3, 5, 60, 48), *middle)
    mirrored = View(Crop(3, 5, 60, 48), Crop(3, 5, 60, 48, True), *middle)
    glance, candidates = network_inputs(frame[None], plain, config)
    assert glance.shape == (4, 3, 40, 40)
    assert candidates.shape == (12, 3, 56, 56)
    assert glance.dtype == candidates.dtype == torch.float32
    region = cv2.resize(frame[3:63, 5:53], (56, 56), interpolation=cv2.INTER_LINEAR)
    assert np.abs(grey(candidates, config) - region).max() < 0.01
    same, flipped = network_inputs(frame[None], mirrored, config)
    assert torch.equal(same, glance)
    assert torch.equal(flipped, candidates.flip(-1))


def test_frames_are_the_middles_of_segments_or_random_members(config: NetworkConfig) -> None:
    frames = numbered(36, (64, 64))
    glance, candidates = network_inputs(frames, inference_view(config, (64, 64)), config)
    assert taken(candidates, config) == [3 * i + 1 for i in range(12)] == uniform_indices(36, 12).tolist()
    assert taken(glance, config) == uniform_indices(36, 4).tolist()
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        _, candidates = network_inputs(frames, random_view(config, (64, 64), rng), config)
        numbers = taken(candidates, config)
        assert [number // 3 for number in numbers] == list(range(12))
        seen |= set(numbers)
    assert seen == set(range(36))


def test_glance_frames_of_the_long_variant_are_members_of_the_candidates() -> None:
    config = networks.preset(
        "long-mbv2-r50-p96", glance_frames=4, candidate_frames=12, focus_frames=4, num_classes=5, **SMALL
    )
    frames = numbered(48, (64, 64))
    glance, candidates = network_inputs(frames, inference_view(config, (64, 64)), config)
    assert taken(glance, config) == taken(candidates, config)[1::3]
    rng = np.random.default_rng(0)
    members = set()
    for _ in range(40):
        glance, candidates = network_inputs(frames, random_view(config, (64, 64), rng), config)
        places = [taken(candidates, config).index(number) for number in taken(glance, config)]
        assert [place // 3 for place in places] == [0, 1, 2, 3]
        members |= {place % 3 for place in places}
    assert members == {0, 1, 2}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 60))
def test_members_of_segments_are_in_order_and_there(offsets: list[float], count: int) -> None:
    members = segment_members(np.array(offsets), count)
    assert (np.diff(members) >= 0).all()
    assert 0 <= members[0] <= members[-1] < count


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 300), st.integers(0, 99))
def test_pixels_are_normalized_with_mean_and_deviation(config: NetworkConfig, count: int, side: int, seed: int) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    expected = (frames / 255 - np.array(config.mean)) / np.array(config.std)
    np.testing.assert_allclose(normalize(frames, config).numpy(), expected.transpose(0, 3, 1, 2), atol=1e-6)
