"""The model file: a trained network, from which every bundle is converted.

Weights of quantized stages are int8 with a power-of-two scale per output channel, their biases are float32, and every
activation has an exponent and the smallest value it took. Layers whose quantization would cost too much have float32
weights, and so have the layers of the policy that weigh frames. Other stages are float32: the policy where it costs too
much in int8, as in models of earlier versions, and all three where nothing was quantized. The file is a safetensors
file whose metadata says how it was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.fx import GraphModule

from adafocus import networks
from adafocus.calibration.inspection import FORMAT
from adafocus.calibration.quantization.exact_sums import refuse_inexact_sums
from adafocus.calibration.quantization.qat import (
    activation_quantizers,
    float_answers,
    grids_of,
    per_channel,
    prepare,
    quantized_layers,
    set_exponent,
    snap,
)
from adafocus.calibration.quantization.quantizer import ASYMMETRIC, SYMMETRIC, Grids
from adafocus.calibration.weights_file import write_weights
from adafocus.errors import AdafocusError
from adafocus.networks.checkpoints import refuse_other_files, refuse_unusable
from adafocus.networks.lowering import LoweredStages, lower

# how a model's classifiers answer; models of earlier versions do not say it, and answer in int8
LOGITS, FLOAT32 = "logits", "float32"
# of activations; a model that does not say it has asymmetric ones
GRIDS = "grids"


@dataclass(frozen=True)
class StoredModel:
    """A model file in memory.

    Attributes:
        config: the network's shape.
        preset: its name.
        labels: class names.
        prepared: stage -> graph with fake quantization, snapped; none where nothing is quantized.
        stages: float stage graphs that carry the same weights; what is not quantized is used from here.
        history: how the model was made.
    """

    config: networks.NetworkConfig
    preset: str
    labels: tuple[str, ...]
    prepared: dict[str, GraphModule]
    stages: LoweredStages
    history: dict[str, Any]

    @property
    def grids(self) -> Grids:
        """The grids of its activations."""
        return next((grids_of(graph) for graph in self.prepared.values()), ASYMMETRIC)


def save_model(
    path: Path,
    prepared: dict[str, GraphModule],
    floats: dict[str, nn.Module],
    config: networks.NetworkConfig,
    preset: str,
    labels: tuple[str, ...],
    history: dict[str, Any],
) -> None:
    """Snap the quantized stages and write everything; the file appears only when it is whole.

    Args:
        path: where to.
        prepared: stage -> graph with fake quantization.
        floats: stage -> graph that stays float.
        config: of the network.
        preset: its name.
        labels: class names.
        history: how the model was made.
    """
    tensors: dict[str, Tensor] = {
        f"{stage}.{name}": value for stage, module in floats.items() for name, value in module.state_dict().items()
    }
    for stage, graph in prepared.items():
        snap(graph)
        refuse_inexact_sums(stage, graph)
        tensors |= {f"{stage}.{name}": value for name, value in _stage_tensors(graph).items()}
    metadata = {
        "format": FORMAT,
        "preset": preset,
        "config": json.dumps(config.as_dict()),
        "labels": json.dumps(labels),
        "history": json.dumps(history),
    }
    if any(float_answers(graph) for stage, graph in prepared.items() if stage != "policy"):
        metadata[LOGITS] = FLOAT32
    if any(grids_of(graph) == SYMMETRIC for graph in prepared.values()):
        metadata[GRIDS] = SYMMETRIC
    write_weights(path, tensors, metadata)


def load_model(path: Path, only: str | None = None) -> StoredModel:
    """Read a model file and rebuild its stage graphs.

    Args:
        path: of the file.
        only: rebuild this stage and leave the others as they were initialized; None: rebuild all.

    Raises:
        AdafocusError: it is no model file of this version, or its tensors are not finite or do not fit the network it
            names.
    """
    if not path.is_file():
        raise AdafocusError(
            f"There is no model at {path}. Give the path of a .safetensors file made by adafocus quantize."
        )
    refuse_other_files(path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise AdafocusError(f"{path} is no safetensors file ({error}); make one with adafocus quantize.") from error
    if metadata.get("format") != FORMAT:
        raise AdafocusError(
            f"{path} says its format is {metadata.get('format')!r}, expected {FORMAT!r}: adafocus quantize makes it."
        )
    refuse_unusable(path, tensors)
    try:
        config = networks.NetworkConfig.from_dict(json.loads(metadata["config"]))
        preset, labels = metadata["preset"], tuple(json.loads(metadata["labels"]))
        history: dict[str, Any] = json.loads(metadata["history"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AdafocusError(
            f"{path} does not say which network it is of ({error}). It is damaged: make it again with adafocus "
            "quantize."
        ) from error
    stages = lower(networks.from_config(config).eval(), metadata.get(LOGITS) == FLOAT32)
    grids = SYMMETRIC if metadata.get(GRIDS) == SYMMETRIC else ASYMMETRIC
    parts = {stage: _of_stage(tensors, stage) for stage in stages.modules()}
    try:
        prepared = {}
        for stage, module in stages.modules().items():
            if only not in (None, stage):
                continue
            if any(value.dtype == torch.int8 for value in parts[stage].values()):
                prepared[stage] = _rebuild(stages, stage, parts[stage], grids)
            else:
                module.load_state_dict(parts[stage])
    except (KeyError, RuntimeError, AttributeError) as error:
        raise AdafocusError(f"{path} does not fit the network {preset} that it names: {error}") from error
    return StoredModel(config, preset, labels, prepared, stages, history)


def _stage_tensors(graph: GraphModule) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for layer in quantized_layers(graph):
        scale = per_channel(layer.weight_quant.scale, layer.weight)
        tensors[layer.name] = (layer.weight.detach() / scale).round().to(torch.int8)
        tensors[f"{layer.name}.scale"] = layer.weight_quant.scale.clone()
        if layer.bias is not None and layer.bias_name is not None:
            tensors[layer.bias_name] = layer.bias.detach().clone()
    for name, value in graph.named_parameters():
        tensors.setdefault(name, value.detach().clone())
    for name, fake in activation_quantizers(graph).items():
        observer = fake.activation_post_process
        tensors[f"{name}.range"] = torch.tensor([float(observer.exponent), float(observer.lowest)])
    return tensors


def _of_stage(tensors: dict[str, Tensor], stage: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{stage}."): value for name, value in tensors.items() if name.startswith(f"{stage}.")}


@torch.no_grad()
def _rebuild(stages: LoweredStages, stage: str, tensors: dict[str, Tensor], grids: Grids) -> GraphModule:
    module = stages.modules()[stage]
    for name, parameter in module.named_parameters():
        value = tensors[name]
        if value.dtype == torch.int8:
            value = value.float() * per_channel(tensors[f"{name}.scale"], value)
        parameter.copy_(value)
    graph = prepare(module, stages.examples(stage), kept_float(module, tensors), grids)
    for name, fake in activation_quantizers(graph).items():
        exponent, lowest = tensors[f"{name}.range"].tolist()
        fake.activation_post_process.lowest.fill_(lowest)
        set_exponent(fake, int(exponent))
    snap(graph)
    refuse_inexact_sums(stage, graph)
    return graph


def kept_float(module: nn.Module, tensors: dict[str, Tensor]) -> set[str]:
    """Return the names of a quantized stage's weights that are stored in float."""
    matrices = {name for name, parameter in module.named_parameters() if parameter.dim() > 1}
    return {name for name in matrices if tensors[name].dtype != torch.int8}
