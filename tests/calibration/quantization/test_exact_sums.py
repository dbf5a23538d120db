from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.fx import GraphModule

from adafocus import networks
from adafocus.calibration.quantization.exact_sums import MAX_STEPS, largest_sum, refuse_inexact_sums
from adafocus.calibration.quantization.model_file import load_model, save_model
from adafocus.calibration.quantization.qat import (
    QuantizedLayer,
    calibrate,
    float_answers,
    prepare,
    quantized_program,
    snap,
)
from adafocus.calibration.quantization.quantized_network import QuantizedNetwork
from adafocus.calibration.quantization.quantizer import ASYMMETRIC, SYMMETRIC, Grids
from adafocus.errors import AdafocusError
from adafocus.networks.lowering import lower
from tests.helpers.small_networks import small_config

# the stages whose classifiers answer in float32
ANSWERING = {"x3d": ("glance", "focus"), "tsm": ("glance", "focus"), "long": ("glance",)}


class Classifier(nn.Module):
    """A layer and a ReLU before a last layer that answers in float32."""

    outputs = ("logits",)
    float_outputs = ("logits",)

    def __init__(self, features: int) -> None:
        super().__init__()
        self.lin, self.fc = nn.Linear(8, features), nn.Linear(features, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.fc(torch.relu(self.lin(x))),)


def prepared(features: int, seed: int = 0) -> tuple[GraphModule, torch.Tensor]:
    torch.manual_seed(seed)
    examples = torch.randn(16, 1, 8)
    graph = prepare(Classifier(features).eval(), (examples[0],))
    calibrate(graph, [(example,) for example in examples])
    snap(graph)
    return graph, examples


def test_logits_are_float_and_exact_in_any_order() -> None:
    graph, examples = prepared(512)
    program = quantized_program(graph, fold=True)
    layer = QuantizedLayer(graph, float_answers(graph)[0])
    assert layer.name == "fc.weight"
    step = (layer.source_quant.scale * layer.weight_quant.scale).double()
    with torch.no_grad():
        logits = torch.cat([program(example)[0] for example in examples])
    steps = logits.double() / step
    assert torch.equal(steps, steps.round())
    assert len(logits.flatten().unique()) > 70
    assert steps.abs().max() <= largest_sum(layer) < MAX_STEPS


def test_the_bound_is_what_a_sum_can_reach() -> None:
    graph, _ = prepared(64)
    layer = QuantizedLayer(graph, float_answers(graph)[0])
    codes = (layer.weight / layer.weight_quant.scale[:, None]).double().round()
    assert layer.bias is not None
    bias = (layer.bias.double() / (layer.source_quant.scale * layer.weight_quant.scale)).round()
    reach = torch.maximum(
        (255 * codes.clamp(min=0)).sum(1) + bias.clamp(min=0), (255 * -codes.clamp(max=0)).sum(1) - bias.clamp(max=0)
    )
    assert int(layer.source_quant.zero_point) == -128
    assert largest_sum(layer) == int(reach.max())


def test_a_model_that_breaks_the_bound_is_refused_when_it_is_written(tmp_path: Path) -> None:
    graph, _ = prepared(4096)
    with torch.no_grad():
        graph.get_parameter("fc.weight").fill_(1.0)
    snap(graph)
    with pytest.raises(
        AdafocusError, match=r"fc\.weight in the focus may reach \d+ steps, expected less than 16777216"
    ):
        refuse_inexact_sums("focus", graph)
    path = tmp_path / "model.safetensors"
    with pytest.raises(AdafocusError, match="2\\^24"):
        save_model(path, {"focus": graph}, {}, small_config("x3d"), "small", ("a", "b"), {})
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "float_logits", "grids"),
    [
        ("x3d", True, SYMMETRIC),
        ("tsm", True, ASYMMETRIC),
        ("long", True, ASYMMETRIC),
        ("tsm", False, ASYMMETRIC),
        ("x3d", False, ASYMMETRIC),
    ],
)
def test_a_model_file_gives_back_the_same_bits(variant: str, float_logits: bool, grids: Grids, tmp_path: Path) -> None:
    """Models that were quantized before logits were float answer in int8 as they did."""
    config = small_config(variant)
    torch.manual_seed(1)
    stages = lower(networks.from_config(config).eval(), float_logits)
    network = QuantizedNetwork(stages, grids=grids)
    examples = {
        stage: [tuple(torch.rand_like(value) for value in stages.examples(stage)) for _ in range(3)]
        for stage in network.prepared()
    }
    network.calibrate(examples)
    path = tmp_path / "model.safetensors"
    labels = tuple(map(str, range(config.num_classes)))
    save_model(path, network.prepared(), network.floats(), config, "small", labels, {})
    loaded = load_model(path)
    assert loaded.grids == grids
    assert all(bool(float_answers(loaded.prepared[stage])) == float_logits for stage in ANSWERING[variant])
    for stage, graph in loaded.prepared.items():
        for ours, theirs in zip(
            quantized_program(graph, fold=True)(*examples[stage][0]),
            quantized_program(network.prepared()[stage], fold=True)(*examples[stage][0]),
            strict=True,
        ):
            assert torch.equal(ours, theirs)
