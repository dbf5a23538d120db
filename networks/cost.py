"""What a network costs: parameters, multiply-accumulates per stage and exit, memory for activations.

Nothing is computed: shapes run through the graphs on PyTorch's ``meta`` device. GFLOPs of the Uni-AdaFocus papers are
multiply-accumulates; GMAC here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from adafocus.networks.adafocus import AdaFocus
from adafocus.networks.config import NetworkConfig
from adafocus.networks.heads import CumulativeClassifier
from adafocus.networks.lowering import LoweredStages, lower
from adafocus.networks.variants import from_config

FP32_BYTES, INT8_BYTES = 4, 1
COUNTED = (nn.Conv2d, nn.Conv3d, nn.Linear)
# operations that runtimes do in the memory of their input, and operations that only view it
IN_PLACE = {"relu", "relu6", "hardtanh", "sigmoid"}
VIEWS = {"view", "reshape", "flatten", "permute", "transpose", "slice", "select", "unsqueeze", "squeeze", "dropout"}


@dataclass(frozen=True)
class StageCost:
    """Cost of one call of a stage graph.

    Attributes:
        parameters: weights and biases of the graph as it is stored.
        macs: multiply-accumulates of one call.
        calls: calls for one clip that runs to the end.
        peak_activations: largest number of activation values alive at once, inputs and outputs included.
    """

    parameters: int
    macs: int
    calls: int
    peak_activations: int


@dataclass(frozen=True)
class Cost:
    """Cost of a network.

    Attributes:
        parameters: of inference; training heads and heads of unused exits are not counted.
        stages: of the lowered graphs, as they run.
        exit_macs: multiply-accumulates of a clip that stops at each exit, as the graphs run.
        published_macs: the same in the accounting of the official code, whose heads run more or less often.
    """

    parameters: int
    stages: dict[str, StageCost]
    exit_macs: tuple[int, ...]
    published_macs: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, GMAC and bytes."""
        return {
            "parameters": self.parameters,
            "stages": [
                {
                    "stage": name,
                    "parameters": stage.parameters,
                    "gmac": stage.macs / 1e9,
                    "calls": stage.calls,
                    "peak_activation_bytes_int8": stage.peak_activations * INT8_BYTES,
                    "peak_activation_bytes_fp32": stage.peak_activations * FP32_BYTES,
                }
                for name, stage in self.stages.items()
            ],
            "exits": [
                {"exit": index, "gmac": own / 1e9, "gmac_as_published": published / 1e9}
                for index, (own, published) in enumerate(zip(self.exit_macs, self.published_macs, strict=True))
            ],
        }


def cost_of(config: NetworkConfig) -> Cost:
    """Count one configuration.

    Raises:
        NetworkError: the configuration cannot be built.
    """
    with torch.device("meta"):
        net = from_config(config).eval()
        stages = lower(net)
        counted = {name: _stage_cost(stages, name) for name in stages.modules()}
        published = _published(net)
    start, focus = counted["glance"].macs, counted["focus"].macs
    decided = start + (counted["policy"].macs if "policy" in counted else 0)
    per_call = config.patches_in_one_call if config.takes_patches_in_steps else 1
    # an exit inside a call has paid for the whole call
    calls = [-(-patch // per_call) for patch in range(1, net.exits)]
    exits = (start, *(decided + count * focus for count in calls))
    return Cost(sum(stage.parameters for stage in counted.values()), counted, exits, published)


def count_macs(module: nn.Module, call: Callable[[], object]) -> int:
    """Count the multiply-accumulates of the convolutions and linear layers in ``module`` while ``call`` runs."""
    total = 0

    def add(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    hooks = [layer.register_forward_hook(add) for layer in module.modules() if isinstance(layer, COUNTED)]
    try:
        with torch.no_grad():
            call()
    finally:
        for hook in hooks:
            hook.remove()
    return total


def _stage_cost(stages: LoweredStages, name: str) -> StageCost:
    stored, module = stages.modules()[name], stages.as_run(name)
    example = stages.examples(name)
    config = stages.config
    calls = config.focus_frames // config.patches_in_one_call if name == "focus" else 1
    return StageCost(
        sum(parameter.numel() for parameter in stored.parameters()),
        count_macs(module, lambda: module(*example)),
        calls,
        peak_activations(module, example),
    )


def _published(net: AdaFocus) -> tuple[int, ...]:
    """Count as the official code: stage 0 has no policy; X3D heads once per clip, both TSM heads once per frame."""
    config = net.config
    frames = torch.zeros(1, config.glance_frames, 3, config.glance_size, config.glance_size)
    patches = torch.zeros(1, config.focus_frames, 3, config.patch_size, config.patch_size)
    features = torch.zeros(1, config.glance_frames, net.global_encoder.channels, net.map_size, net.map_size)
    encode = count_macs(net.global_encoder, lambda: net.global_encoder(frames))
    focus = count_macs(net.local_encoder, lambda: net.local_encoder(patches))
    pooled, local = features.mean((3, 4)), torch.zeros(1, config.focus_frames, net.local_encoder.channels)
    policy = 0
    if config.has_policy_network:
        policy += count_macs(net.spatial_policy, lambda: net.spatial_policy(features))
        policy += count_macs(net.temporal_policy, lambda: net.temporal_policy(pooled))
    classifier = getattr(net, "classifier", None)
    if isinstance(classifier, CumulativeClassifier):
        every = count_macs(classifier, lambda: classifier.all_glance_logits(classifier.glance_maximum(pooled)))
        maximum = torch.zeros(1, config.glance_frames, config.head_hidden)
        heads = count_macs(classifier, lambda: classifier.local_logits(local, maximum))
        step = (focus + heads) // config.focus_frames
        return (encode + every, *(encode + every + policy + step * count for count in range(1, net.exits)))
    first = count_macs(net.global_head, lambda: net.global_head(pooled.mean(1)))
    last = count_macs(net.local_head, lambda: net.local_head(local.mean(1)))
    if config.variant == "tsm":
        first, last = 2 * config.glance_frames * first, 2 * config.focus_frames * last
    return encode + first, encode + first + policy + focus + last


def peak_activations(module: nn.Module, example: tuple[Tensor, ...]) -> int:
    """Return the largest number of values alive at once when a static graph runs in its own order.

    Views cost nothing, and ReLU and sigmoid work in the memory of their input where nothing else reads it; constants
    are not counted.
    """
    program = torch.export.export(module, example)
    constants = {*program.graph_signature.inputs_to_parameters, *program.graph_signature.inputs_to_buffers}
    order = list(program.graph.nodes)
    homes: dict[fx.Node, fx.Node] = {}
    last_use: dict[fx.Node, int] = {}
    for position, node in enumerate(order):
        read = [source for source in node.all_input_nodes if source in homes]
        for source in read:
            last_use[homes[source]] = position
        if isinstance(node.meta.get("val"), Tensor) and node.name not in constants:
            homes[node] = homes[read[0]] if read and _lives_in_its_input(node, read) else node
            last_use.setdefault(homes[node], position)
    ending: dict[int, list[fx.Node]] = {}
    for home, end in last_use.items():
        ending.setdefault(end, []).append(home)
    alive, peak = 0, 0
    for position, node in enumerate(order):
        if node in homes and homes[node] is node:
            alive += node.meta["val"].numel()
            peak = max(peak, alive)
        alive -= sum(home.meta["val"].numel() for home in ending.get(position, ()))
    return peak


def _lives_in_its_input(node: fx.Node, read: list[fx.Node]) -> bool:
    """Return whether a node needs no memory of its own."""
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    return name in VIEWS or (name in IN_PLACE and len(read) == 1 and len(read[0].users) == 1)
