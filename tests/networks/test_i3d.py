"""I3D: its padding, its place among the backbones, and the published weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from adafocus import networks
from adafocus.networks.backbones.i3d import same_padding, same_pool
from adafocus.networks.checkpoints.inspection import describe_checkpoint

WEIGHTS = "i3d_rgb_k400.safetensors"


@pytest.mark.parametrize(
    ("extent", "kernel", "stride", "before", "after"),
    [(224, 7, 2, 2, 3), (113, 7, 2, 3, 3), (112, 3, 2, 0, 1), (7, 3, 2, 1, 1), (7, 2, 2, 0, 1), (8, 1, 1, 0, 0)],
)
def test_padding_is_that_of_tensorflow(extent: int, kernel: int, stride: int, before: int, after: int) -> None:
    padding = same_padding((1, 1, extent), (1, 1, kernel), (1, 1, stride))
    assert padding == [before, after, 0, 0, 0, 0]
    assert (extent + before + after - kernel) // stride + 1 == -(-extent // stride)


def test_each_axis_is_padded_for_itself() -> None:
    assert same_padding((4, 7, 8), (1, 7, 3), (1, 2, 2)) == [0, 1, 3, 3, 0, 0]


def test_a_pool_never_takes_what_was_added_at_the_edges() -> None:
    below = torch.full((1, 1, 1, 3, 3), -5.0)
    assert torch.equal(same_pool(below, (1, 3, 3), (1, 2, 2)), torch.full((1, 1, 1, 2, 2), -5.0))


def test_time_is_divided_by_eight_and_sides_by_thirty_two() -> None:
    with torch.device("meta"):
        encoder = networks.build_backbone("i3d")
        assert encoder(torch.zeros(2, 17, 3, 70, 64)).shape == (2, 3, 1024, 3, 2)
    assert encoder.map_size(70) == 3
    assert encoder.channels == 1024


@pytest.mark.parametrize("part", ["global_backbone", "local_backbone"])
def test_what_joins_frames_is_no_encoder_of_a_glance_or_a_focus(part: str) -> None:
    with pytest.raises(networks.NetworkError, match=f"{part} is i3d, which joins frames"), torch.device("meta"):
        networks.from_config(networks.preset("x3d-xs-xs").override(**{part: "i3d"}))


def test_published_weights_give_what_their_reference_gives(shared: Path) -> None:
    path = shared / "weights" / WEIGHTS
    spec = importlib.util.spec_from_file_location("i3d_reference", shared / "weights" / "i3d.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = networks.build_classifier("i3d", 400).eval()
    assert networks.load_state(net, path).source == "I3D with folded batch norms"
    # odd sides and an odd number of frames: every pad is asymmetric somewhere
    clip = F.interpolate(torch.rand(1, 3, 3, 9, 9, generator=torch.Generator().manual_seed(1)), (9, 65, 80)) * 2 - 1
    features, logits = module.I3D(path)(clip)
    with torch.inference_mode():
        found = net.encoder(clip.transpose(1, 2)).mean((1, 3, 4))
        assert float((found - features).abs().max()) < 1e-4
        assert float((net(clip.transpose(1, 2)) - logits).abs().max()) < 1e-4
    assert float(logits.std()) > 0.5


def test_published_weights_are_known_by_their_keys(shared: Path) -> None:
    found = describe_checkpoint(shared / "weights" / WEIGHTS)
    assert (found["kind"], found["classes"], found["fits"]) == ("I3D with folded batch norms", 400, ["i3d"])
    assert found["parameters"] == 12_689_984
