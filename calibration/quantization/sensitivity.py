"""What quantization costs layer by layer: signal-to-noise ratios, and how far each layer alone moves the logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node
from torchao.quantization.pt2e import disable_fake_quant, enable_fake_quant

from adafocus.calibration.quantization.qat import QuantizedLayer, quantized_layers
from adafocus.calibration.quantization.quantizer import CONVOLUTIONS
from adafocus.calibration.training.losses import kl_divergence

Inputs = Sequence[tuple[Tensor, ...]]


@dataclass(frozen=True)
class LayerSensitivity:
    """One layer of a stage.

    Attributes:
        stage: its stage.
        layer: name of its weights.
        signal_to_noise_db: of its output, everything before it quantized as well; infinite where nothing differs.
        divergence: of the stage's last logits from the float stage's when this layer alone is quantized, in nats.
    """

    stage: str
    layer: str
    signal_to_noise_db: float
    divergence: float


class _OutputRecorder(Interpreter):
    """Runs a graph and keeps the output of every convolution and linear layer."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph)
        self.kept: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        """Run one node and keep its output."""
        result = super().run_node(n)
        if n.target in CONVOLUTIONS and n.args[1].op == "call_module":
            self.kept[n.args[1].args[0].target] = result.detach()
        return result


def layer_outputs(graph: GraphModule, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Return the output of every quantized layer, by the name of its weights."""
    runner = _OutputRecorder(graph)
    runner.run(*inputs)
    return runner.kept


@torch.no_grad()
def signal_to_noise(graph: GraphModule, inputs: Inputs) -> dict[str, float]:
    """Return the signal-to-noise ratio of every layer's output over all inputs, in dB."""
    power: dict[str, list[float]] = {}
    for example in inputs:
        graph.apply(disable_fake_quant)
        floats = layer_outputs(graph, example)
        graph.apply(enable_fake_quant)
        for name, quantized in layer_outputs(graph, example).items():
            signal, noise = power.setdefault(name, [0.0, 0.0])
            power[name] = [
                signal + float(floats[name].square().sum()),
                noise + float((quantized - floats[name]).square().sum()),
            ]
    return {name: decibels(signal, noise) for name, (signal, noise) in power.items()}


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two powers in dB, infinite without noise."""
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(torch.log10(torch.tensor(max(signal, 1e-30) / noise)))


@torch.no_grad()
def sensitivity(graph: GraphModule, inputs: Inputs, stage: str, place: int) -> dict[str, float]:
    """Return how far a stage's logits move when one layer alone is quantized: its weights and its input.

    Args:
        graph: prepared and calibrated.
        inputs: of the stage.
        stage: its name, for the progress.
        place: of the logits among the stage's outputs.
    """
    graph.apply(disable_fake_quant)
    floats = [graph(*example)[place] for example in inputs]
    found = {}
    for layer in track(list(quantized_layers(graph)), f"{stage}, layer by layer"):
        _switch(layer, on=True)
        quantized = [graph(*example)[place] for example in inputs]
        _switch(layer, on=False)
        found[layer.name] = float(
            torch.stack([kl_divergence(a, b) for a, b in zip(quantized, floats, strict=True)]).mean()
        )
    graph.apply(enable_fake_quant)
    return found


def _switch(layer: QuantizedLayer, *, on: bool) -> None:
    for module in (layer.weight_quant, layer.source_quant):
        (enable_fake_quant if on else disable_fake_quant)(module)


def rank_layers(prepared: dict[str, GraphModule], inputs: Mapping[str, Inputs]) -> list[LayerSensitivity]:
    """Measure every layer of glance and focus and sort them, the one that moves the logits most first.

    The logits are the last ones of each stage: those of the glance's own exit, and those of the focus. The policy has
    none.
    """
    places = {"glance": 1, "focus": 0}
    rows = []
    for stage, place in places.items():
        graph = prepared[stage]
        ratios = signal_to_noise(graph, inputs[stage])
        moved = sensitivity(graph, inputs[stage], stage, place)
        rows += [LayerSensitivity(stage, name, ratios[name], moved[name]) for name in moved]
    return sorted(rows, key=lambda row: -row.divergence)
