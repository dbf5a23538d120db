"""Stage graphs with fake quantization, run clip by clip as a device runs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torchao.quantization.pt2e import FakeQuantize, disable_fake_quant, enable_fake_quant

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

# stages that are float as a whole where one of their layers is
WHOLLY_FLOAT = ("policy",)
# glance and candidates as run_stages takes them
View = tuple[Tensor, Tensor | Frames]
# by stage, of every call
StageInputs = dict[str, list[tuple[Tensor, ...]]]


@contextmanager
def recorded_inputs(stages: LoweredStages) -> Iterator[StageInputs]:
    """Record the inputs of the float stages while they run inside a ``with`` block.

    They are whole frames for the glance, the policy's crops for the focus.
    """
    modules = stages.modules()
    recorded: StageInputs = {stage: [] for stage in modules}
    hooks = [
        modules[stage].register_forward_pre_hook(lambda _, inputs, kept=kept: kept.append(inputs))
        for stage, kept in recorded.items()
    ]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def stage_inputs(stages: LoweredStages, views: Iterable[View]) -> StageInputs:
    """Run the float stages on clips and return their inputs; see :func:`recorded_inputs`."""
    modules = stages.modules()
    with recorded_inputs(stages) as recorded:
        for glance, candidates in views:
            run_stages(modules, stages.config, glance, candidates)
    return recorded


class QuantizedNetwork(nn.Module):
    """The prepared stages of a network.

    Attributes:
        config: of the network.
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
            kept_float: stage -> names of weights whose layers stay float; one of the policy's leaves all of it float.
            grids: of activations.
        """
        super().__init__()
        self.config = stages.config
        modules, kept = stages.modules(), kept_float or {}
        self._floats = {stage: modules.pop(stage) for stage in WHOLLY_FLOAT if kept.get(stage)}
        self._prepared = nn.ModuleDict(
            {
                stage: prepare(module, stages.examples(stage), kept.get(stage, ()), grids)
                for stage, module in modules.items()
            }
        )
        self._fast = {stage: training_graph(graph) for stage, graph in self.prepared().items()}

    def prepared(self) -> dict[str, GraphModule]:
        """Return stage -> graph with fake quantization."""
        return dict(self._prepared.items())  # type: ignore[arg-type]

    def floats(self) -> dict[str, nn.Module]:
        """Return stage -> graph that stays float."""
        return dict(self._floats)

    def calibrate(self, inputs: StageInputs) -> None:
        """Fix every activation's scale from what :func:`recorded_inputs` recorded."""
        for stage, graph in self.prepared().items():
            calibrate(graph, inputs[stage])
        if "policy" in self.prepared():
            hand_features_on(self.prepared()["glance"], self.prepared()["policy"])

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
        return run_stages({**self._fast, **self._floats}, self.config, glance, candidates)


def hand_features_on(glance: GraphModule, policy: GraphModule) -> None:
    """Let a policy read features as the glance gives them, so that nothing is rescaled between both."""
    features = next(node for node in glance.graph.nodes if node.op == "output").args[0][0]
    given = glance.get_submodule(features.target).activation_post_process
    taken = next(node for node in policy.graph.nodes if node.op == "placeholder")
    readers = (policy.get_submodule(user.target) for user in taken.users if user.op == "call_module")
    for fake in (reader for reader in readers if isinstance(reader, FakeQuantize)):
        fake.activation_post_process.lowest.copy_(given.lowest)
        set_exponent(fake, int(given.exponent))
