"""Describe a preset or a checkpoint as plain data, for ``adafocus inspect``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adafocus.networks.backbones import BACKBONES
from adafocus.networks.checkpoints.formats import CheckpointFormat
from adafocus.networks.checkpoints.loading import (
    add_identity_norms,
    misfits,
    recognize_state,
    translate_state,
)
from adafocus.networks.checkpoints.reading import read_state
from adafocus.networks.cost import cost_of
from adafocus.networks.presets import PRESETS
from adafocus.networks.variants import build_classifier, from_config

SUFFIXES = (".pth", ".pt", ".pyth", ".tar", ".ckpt", ".bin", ".safetensors")
# tensors whose first axis is the class count, by the names of this project; the first that occurs decides
CLASS_KEYS = ("global_head.fc.weight", "classifier.global_heads.0.fc.weight", "head.fc.weight")


def describe(target: str) -> dict[str, Any] | None:
    """Describe a preset by name or a checkpoint by path; None where ``target`` is neither.

    Raises:
        NetworkError: the file is no checkpoint of a known kind; the sentence names what was found.
    """
    if target in PRESETS:
        return describe_preset(target)
    path = Path(target)
    return describe_checkpoint(path) if path.suffix in SUFFIXES and path.is_file() else None


def describe_preset(name: str) -> dict[str, Any]:
    """Describe the geometry and the cost of a preset."""
    config = PRESETS[name]
    shape = ("global_backbone", "glance_frames", "glance_size", "local_backbone", "focus_frames", "candidate_frames")
    return {
        "preset": name,
        "variant": config.variant,
        "classes": config.num_classes,
        **{key: getattr(config, key) for key in shape},
        "patch_size": config.patch_size,
        **cost_of(config).as_dict(),
    }


def describe_checkpoint(path: Path) -> dict[str, Any]:
    """Describe a checkpoint: kind, class count, parameters, and the presets or backbones that it fits."""
    found, state = recognize_state(read_state(path))
    named, unused = translate_state(found, state)
    classes = next((named[key].shape[0] for key in CLASS_KEYS if key in named and named[key].numel()), None)
    weights = [value for key, value in named.items() if not key.endswith(("running_mean", "running_var", "_tracked"))]
    return {
        "checkpoint": str(path),
        "kind": found.name,
        "classes": classes,
        "parameters": sum(value.numel() for value in weights),
        "fits": list(_fitting(found, named, classes or 1)),
        "unused_keys": unused,
    }


def _fitting(found: CheckpointFormat, named: dict[str, Tensor], classes: int) -> Iterator[str]:
    """Name the presets or backbones that the tensors fit."""
    for name, module in _candidates(found, classes):
        state = dict(named)
        add_identity_norms(state, module, found)
        if not misfits(module, state):
            yield name


def _candidates(found: CheckpointFormat, classes: int) -> Iterator[tuple[str, nn.Module]]:
    """Build everything that a format may belong to, without memory for weights."""
    with torch.device("meta"):
        if found.variant is None:
            yield from ((name, build_classifier(name, classes)) for name in BACKBONES)
            return
        for name, config in PRESETS.items():
            if config.variant == found.variant:
                yield name, from_config(config.override(num_classes=classes))
