"""Stage graphs with fake quantization around a float policy, run clip by clip as a device runs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torchao.quantization.pt2e import disable_fake_quant, enable_fake_quant

from adafocus.calibration.quantization.qat import (
    calibrate,
    prepare,
    quantized_layers,
    quantized_values,
    set_exponent,
    training_graph,
)
from adafocus.calibration.quantization.quantizer import ASYMMETRIC, Grids
from adafocus.networks.looking import Frames
from adafocus.networks.lowering import LoweredInference, LoweredStages, run_stages

QUANTIZED = ("glance", "focus")
# glance and candidates as run_stages takes them
View = tuple[Tensor, Tensor | Frames]


@torch.no_grad()
def stage_inputs(stages: LoweredStages, views: Iterable[View]) -> dict[str, list[tuple[Tensor, ...]]]:
    """Record the inputs of the float stages on clips: whole frames for the glance, the policy's crops for the focus."""
    recorded: dict[str, list[tuple[Tensor, ...]]] = {stage: [] for stage in QUANTIZED}
    modules = stages.modules()
    hooks = [
        modules[stage].register_forward_pre_hook(lambda _, inputs, kept=kept: kept.append(inputs))
        for stage, kept in recorded.items()
    ]
    try:
        for glance, candidates in views:
            run_stages(modules, stages.config, glance, candidates)
    finally:
        for hook in hooks:
            hook.remove()
    return recorded


class QuantizedNetwork(nn.Module):
    """Prepared glance and focus, and the float policy where it is a network.

    Attributes:
        config: of the network.
        glance: prepared graph.
        focus: prepared graph.
        policy: float graph, or None.
    """

    def __init__(
        self,
        stages: LoweredStages,
        kept_float: Mapping[str, Iterable[str]] | None = None,
        grids: Grids = ASYMMETRIC,
    ) -> None:
        """Prepare the stages.

        Args:
            stages: float stage graphs.
            kept_float: stage -> names of weights whose layers stay float.
            grids: of activations.
        """
        super().__init__()
        self.config = stages.config
        modules, kept = stages.modules(), kept_float or {}
        self.glance: GraphModule = prepare(modules["glance"], stages.examples("glance"), kept.get("glance", ()), grids)
        self.focus: GraphModule = prepare(modules["focus"], stages.examples("focus"), kept.get("focus", ()), grids)
        self.policy = modules.get("policy")
        self._fast = {stage: training_graph(graph) for stage, graph in self.prepared().items()}

    def prepared(self) -> dict[str, GraphModule]:
        """Return stage -> graph with fake quantization."""
        return {"glance": self.glance, "focus": self.focus}

    def floats(self) -> dict[str, nn.Module]:
        """Return stage -> graph that stays float."""
        return {} if self.policy is None else {"policy": self.policy}

    def calibrate(self, inputs: Mapping[str, list[tuple[Tensor, ...]]]) -> None:
        """Fix every activation's scale from what :func:`stage_inputs` recorded."""
        for stage, graph in self.prepared().items():
            calibrate(graph, inputs[stage])

    def copy_from(self, other: QuantizedNetwork) -> None:
        """Copy the weights and scales of the same network with other layers kept float."""
        for stage, graph in self.prepared().items():
            weights = dict(other.prepared()[stage].named_parameters())
            with torch.no_grad():
                for name, parameter in graph.named_parameters():
                    parameter.copy_(weights[name])
            scales = quantized_values(other.prepared()[stage])
            for name, fake in quantized_values(graph).items():
                observer = scales[name].activation_post_process
                fake.activation_post_process.lowest.copy_(observer.lowest)
                set_exponent(fake, int(observer.exponent))

    @contextmanager
    def with_float_weights(self, layers: Mapping[str, Iterable[str]]) -> Iterator[QuantizedNetwork]:
        """Keep layers float inside a ``with`` block, without building the network anew.

        Args:
            layers: stage -> names of weights.
        """
        chosen = [
            layer.weight_quant
            for stage, graph in self.prepared().items()
            for layer in quantized_layers(graph)
            if layer.name in set(layers.get(stage, ()))
        ]
        for module in chosen:
            disable_fake_quant(module)
        try:
            yield self
        finally:
            for module in chosen:
                enable_fake_quant(module)

    def forward(self, glance: Tensor, candidates: Tensor | Frames) -> LoweredInference:
        """Run one clip; shapes as in :func:`run_stages`."""
        return run_stages({**self._fast, **self.floats()}, self.config, glance, candidates)
