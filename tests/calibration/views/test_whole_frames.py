"""What networks of whole frames see of cached clips: what the device shows them, or augmented views of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from adafocus import networks
from adafocus.calibration.datasets import CacheSettings, FrameCache, LabeledClip
from adafocus.calibration.views.geometry import geometry_of
from adafocus.calibration.views.native_frames import NativeFrames
from adafocus.calibration.views.whole_frames import (
    Augmentation,
    device_view,
    jittered,
    look_by_motion,
    native_short_side,
    training_view,
)
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.networks import NetworkConfig
from tests.helpers.numpy_bundle import MOTION, WHOLE, NumpyOpener, numpy_bundle, numpy_manifest
from tests.helpers.videos import encode

FRAMES = 12
AS_SEEN = Augmentation(flip=False, scales=(), box_jitter=0.0, random_boxes=0.0)


def config_of(**looking: Any) -> NetworkConfig:
    """Return the shape of a network whose geometry is that of the bundle made of numpy."""
    sizes = {"frame_size": 16, "short_side_px": 16, "glance_size": 16, "patch_size": 8, "box_min_px": 8}
    frames = {"glance_frames": 4, "candidate_frames": FRAMES, "focus_frames": 6}
    same = {"box_max_px": 8, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    return networks.preset("tsm-mbv2-mbv2-frame", **{**sizes, **frames, **same, **looking})


def levels(inputs: Tensor) -> NDArray[np.uint8]:
    """Return pixels ``(T, S, S, 3)`` of inputs whose mean is 0 and whose deviation is 1."""
    return (255 * inputs).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("videos") / "moving.mp4", FRAMES)


@pytest.fixture
def cached(video: Path, tmp_path: Path) -> NDArray[np.uint8]:
    clip = LabeledClip(video, ("x",), "g", "train")
    return FrameCache(tmp_path, [clip], CacheSettings(FRAMES, 320, native=True)).read(0)


def on_the_device(video: Path, **looking: Any) -> tuple[Clip, Prediction]:
    """Return a clip and its prediction by the code of the device."""
    bundle = numpy_bundle(**looking)
    clip = read_clip(video, bundle.manifest.geometry)
    return clip, Recognizer(bundle, "litert", 1, None, NumpyOpener()).recognize_clip(clip)


@pytest.mark.parametrize("span", ["spread", "densest"])
@pytest.mark.parametrize("fit", ["square", "squeezed", "padded"])
def test_glance_and_patches_are_those_of_the_device(
    video: Path, cached: NDArray[np.uint8], fit: str, span: str
) -> None:
    looking = {**MOTION, "glance_fit": fit, "focus_span": span}
    config = config_of(glance_fit=fit, focus_span=span)
    assert geometry_of(config) == numpy_manifest(**looking).geometry
    clip, prediction = on_the_device(video, **looking)
    glance, patches = device_view(cached, config)
    assert isinstance(patches, Tensor)
    np.testing.assert_array_equal(levels(glance), clip.glance)
    np.testing.assert_array_equal(levels(patches), prediction.patches)


def test_patches_that_a_policy_network_asks_for_are_those_of_the_device(video: Path, cached: NDArray[np.uint8]) -> None:
    config = config_of(policy="network", focus_span="weights", glance_fit="squeezed", box_max_px=16)
    _, prediction = on_the_device(video, **WHOLE, box_min=0.5)
    _, candidates = device_view(cached, config)
    assert isinstance(candidates, NativeFrames)
    assert candidates.size == (64, 96)
    # what the policy of the bundle says
    box = torch.tensor([[0.25, 0.25, 0.5, 0.5]])
    patches = candidates.cut(box, torch.tensor(prediction.candidate_indices))
    np.testing.assert_array_equal(levels(patches), prediction.patches)


def test_the_densest_candidates_are_those_in_which_most_changes() -> None:
    frames = np.zeros((8, 48, 64, 3), np.uint8)
    for number in range(5, 8):
        frames[number, 8:24, 10 * number - 40 : 10 * number - 24] = 200
    config = config_of(candidate_frames=8, focus_frames=3, focus_span="densest")
    assert NativeFrames(frames, config).densest(3).tolist() == [4, 5, 6]
    chosen, boxes = look_by_motion(frames, config)
    assert chosen == [4, 5, 6]
    assert {box[2:] for box in boxes} == {(24, 24)}


def test_without_augmentation_a_view_differs_from_the_device_by_its_moments_alone(cached: NDArray[np.uint8]) -> None:
    config = config_of()
    still = np.repeat(cached[:1], FRAMES, 0)
    for seen, shown in zip(
        training_view(still, config, np.random.default_rng(0), AS_SEEN), device_view(still, config), strict=True
    ):
        assert torch.equal(seen, shown)


def test_a_mirrored_view_shows_the_same_pixels_mirrored(cached: NDArray[np.uint8]) -> None:
    still = np.repeat(cached[:1], FRAMES, 0)
    shown = device_view(still, config_of())
    seen = [
        training_view(still, config_of(), np.random.default_rng(seed), Augmentation(True, (), 0.0, 0.0))
        for seed in range(8)
    ]
    mirrored = [not torch.equal(glance, shown[0]) for glance, _ in seen]
    assert 0 < sum(mirrored) < 8
    for turned, view in zip(mirrored, seen, strict=True):
        for given_part, part in zip(view, shown, strict=True):
            assert torch.equal(given_part.flip(-1) if turned else given_part, part)


def test_a_network_that_says_where_to_look_is_given_mirrored_frames_as_well(cached: NDArray[np.uint8]) -> None:
    config = config_of(policy="network", focus_span="weights", box_max_px=16)
    whole, every = torch.tensor([[0.0, 0.0, 1.0, 1.5]]), torch.arange(FRAMES)
    still = np.repeat(cached[:1], FRAMES, 0)
    plain = NativeFrames(still, config).cut(whole, every)
    seen = [
        training_view(still, config, np.random.default_rng(seed), Augmentation(True, (), 0.0, 0.0))[1]
        for seed in range(8)
    ]
    cut = [frames.cut(whole, every) for frames in seen]
    assert all(torch.equal(part, plain) or torch.equal(part.flip(-1), plain) for part in cut)
    assert any(not torch.equal(part, plain) for part in cut)


def test_views_to_train_on_vary_in_time_place_and_size(cached: NDArray[np.uint8]) -> None:
    config = config_of(glance_fit="padded")
    views = [training_view(cached, config, np.random.default_rng(seed), Augmentation()) for seed in range(6)]
    for parts in zip(*views, strict=True):
        assert len({part.numpy().tobytes() for part in parts if isinstance(part, Tensor)}) == 6
    again = training_view(cached, config, np.random.default_rng(3), Augmentation())
    assert torch.equal(again[0], views[3][0])
    assert torch.equal(again[1], views[3][1])


SIDES = st.integers(1, 400)


@given(SIDES, SIDES, st.data())
def test_boxes_that_are_varied_or_lie_anywhere_stay_in_the_frame(height: int, width: int, data: st.DataObject) -> None:
    side = data.draw(st.integers(1, min(height, width)))
    top, left = (data.draw(st.integers(0, room - side)) for room in (height, width))
    varied = np.array(data.draw(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3)))
    places = data.draw(st.none() | st.lists(st.floats(0, 1), min_size=2, max_size=2))
    box = jittered((top, left, side, side), (height, width), varied, None if places is None else np.array(places))
    assert box[2] == box[3] >= 1
    assert 0 <= box[0] <= box[0] + box[2] <= height
    assert 0 <= box[1] <= box[1] + box[3] <= width


def test_frames_are_kept_as_large_as_neither_box_nor_glance_needs_more() -> None:
    assert native_short_side(networks.PRESETS["x3d-xs-xs-frame"]) == 320
    assert native_short_side(config_of(box_min_px=16, box_max_px=16, short_side_px=20)) == 20
