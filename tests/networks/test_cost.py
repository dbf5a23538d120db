"""Costs against the figures of the official code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from adafocus import networks
from adafocus.networks.cost import cost_of, count_macs, peak_activations

SHARE = 1e-3
# totals and stages of the official code in GMAC; presets by the names of the reference
PUBLISHED = {
    "long_p96": "long-mbv2-r50-p96",
    "long_p128": "long-mbv2-r50-p128",
    "long_p160": "long-mbv2-r50-p160",
    "tsm_8_8_p96": "tsm-mbv2-r50-p96-8x8",
    "tsm_8_12_p96": "tsm-mbv2-r50-p96-8x12",
    "tsm_8_12_p128": "tsm-mbv2-r50-p128-8x12",
    "tsm_8_16_p128": "tsm-mbv2-r50-p128-8x16",
    "x3d_16_32_p128": "x3d-s-l-p128",
}
# GMAC of a backbone for one input
BACKBONES = {
    ("mobilenet_v2", 1, 224): "0.29949",
    ("resnet50", 1, 96): "0.7507",
    ("resnet50", 1, 128): "1.3346",
    ("resnet50", 1, 160): "2.0853",
    ("resnet50", 1, 224): "4.0871",
    ("x3d_s", 16, 160): "2.4154",
    ("x3d_l", 32, 128): "5.9845",
    ("x3d_l", 16, 312): "18.37",
    ("x3d_s", 13, 160): "1.96",
}
# parameters, X3D with its head
PARAMETERS = {"mobilenet_v2": 2.224e6, "resnet50": 23.508e6, "x3d_s": 3.794e6, "x3d_l": 6.153e6}


@pytest.mark.parametrize("name", PUBLISHED)
def test_stage_costs_are_those_of_the_official_code(shared: Path, name: str) -> None:
    stages = json.loads((shared / "reference" / "manifests" / "stage_gflops.json").read_text())
    cost = cost_of(networks.PRESETS[PUBLISHED[name]])
    assert len(cost.published_macs) == len(stages[name])
    for given, wanted in zip(cost.published_macs, stages[name], strict=True):
        assert given / 1e9 == pytest.approx(wanted, rel=SHARE)


@pytest.mark.parametrize(("backbone", "gmac"), BACKBONES.items())
def test_backbone_costs_are_those_of_the_literature(backbone: tuple[str, int, int], gmac: str) -> None:
    name, frames, side = backbone
    with torch.device("meta"):
        net = networks.build_classifier(name, 400)
        clip = torch.zeros(1, frames, 3, side, side)
        part: nn.Module = net if name.startswith("x3d") else net.encoder
    rounding = 0.5 * 10.0 ** -len(gmac.partition(".")[2])
    counted = count_macs(part, lambda: part(clip)) / 1e9
    assert counted == pytest.approx(float(gmac), rel=SHARE, abs=rounding)


@pytest.mark.parametrize(("backbone", "parameters"), PARAMETERS.items())
def test_parameters_are_those_of_the_literature(backbone: str, parameters: float) -> None:
    with torch.device("meta"):
        net = networks.build_classifier(backbone, 400)
    part: nn.Module = net if backbone.startswith("x3d") else net.encoder
    assert sum(value.numel() for value in part.parameters()) == pytest.approx(parameters, rel=SHARE)


@pytest.mark.slow
def test_exits_cost_what_the_calls_before_them_cost() -> None:
    config = networks.preset("long-mbv2-r50-p96", patches_per_call=4)
    cost = cost_of(config)
    glance, policy, focus = (cost.stages[name].macs for name in ("glance", "policy", "focus"))
    assert cost.stages["focus"].calls == 4
    assert cost.exit_macs[0] == glance
    assert cost.exit_macs[1] == cost.exit_macs[4] == glance + policy + focus
    assert cost.exit_macs[5] == cost.exit_macs[16] - 2 * focus == glance + policy + 2 * focus


class Chain(nn.Module):
    """Two convolutions with a shortcut around the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 1)
        self.second = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        return y + torch.relu(self.second(y))


def test_peak_memory_of_a_small_graph_is_that_of_a_hand_count() -> None:
    # alive together: y (400), the second convolution and its ReLU in place (400), the sum (400)
    assert peak_activations(Chain(), (torch.zeros(1, 1, 10, 10),)) == 1200
    # input (100) and the first convolution (400)
    assert peak_activations(nn.Conv2d(1, 4, 1), (torch.zeros(1, 1, 10, 10),)) == 500
