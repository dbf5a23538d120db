"""Load checkpoints: recognize, translate, load, and say what does not fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from adafocus.errors import CheckpointError
from adafocus.networks.checkpoints.formats import CheckpointFormat, recognize
from adafocus.networks.checkpoints.reading import StateDict, read_state
from adafocus.networks.checkpoints.unwrapping import MAX_LISTED, find_attribute, listed, strip_wrappers

ENCODER, HEAD = "encoder.", "head."
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Loaded:
    """What became of a checkpoint.

    Attributes:
        source: the format that it was recognized as.
        unused: its keys that this network has no use for.
        head: tensors of a classifier's head, of which only the encoder was loaded.
    """

    source: str
    unused: tuple[str, ...]
    head: dict[str, Tensor] = field(default_factory=dict)


def recognize_state(state: StateDict) -> tuple[CheckpointFormat, dict[str, Tensor]]:
    """Return the format of a checkpoint, and its tensors without what was wrapped around them.

    Raises:
        CheckpointError: its keys are those of no known format.
    """
    plain = strip_wrappers(state)
    found = recognize(plain)
    if found is None:
        inside = find_attribute(plain, recognize)
        if inside is not None:
            return inside
        raise CheckpointError(
            f"The checkpoint is of no known kind; its first keys are {listed(plain)}. Expected Uni-AdaFocus "
            "(long, TSM, X3D), temporal-shift-module, PyTorchVideo X3D, X3D, I3D or MobileNetV2 with folded batch "
            "norms, or one of adafocus-edge."
        )
    return found, plain


def translate_state(found: CheckpointFormat, state: StateDict) -> tuple[dict[str, Tensor], list[str]]:
    """Return tensors by the names of this project, and the keys that are known to be of no use.

    Raises:
        CheckpointError: a tensor that has no place here is not zero.
    """
    named, unused = {}, []
    for key, value in state.items():
        if any(re.fullmatch(pattern, key) for pattern in found.zeros) and bool(value.count_nonzero() > 0):
            raise CheckpointError(f"{key} is not zero, expected zeros, as {found.name} has no use for it.")
        name = found.translate(key)
        if name is None:
            unused.append(key)
        else:
            named[name] = value
    return named, unused


def misfits(module: nn.Module, state: StateDict) -> list[str]:
    """List what keeps a state dict from fitting a module exactly; axes of size one at the end may be missing."""
    expected = module.state_dict()
    missing = sorted(set(expected) - set(state))
    unused = sorted(set(state) - set(expected))
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and _core(state[key]) != _core(value)
    ]
    problems = [f"missing {listed(missing)} and {len(missing)} in all"] if missing else []
    problems += [f"unused {listed(unused)} and {len(unused)} in all"] if unused else []
    return problems + misshapen[:MAX_LISTED]


def load_exact(module: nn.Module, state: StateDict, what: str) -> None:
    """Load a state dict that must fit a module exactly.

    Raises:
        CheckpointError: names the missing and the unused keys, and shapes that differ.
    """
    problems = misfits(module, state)
    if problems:
        raise CheckpointError(f"The checkpoint does not fit {what}: {'; '.join(problems)}.")
    expected = module.state_dict()
    module.load_state_dict(
        {key: value.reshape(expected[key].shape).to(expected[key].dtype) for key, value in state.items()}
    )


def _core(value: Tensor) -> tuple[int, ...]:
    """Return the shape without the ones at its end."""
    shape = list(value.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def load_state(net: nn.Module, source: str | Path | StateDict) -> Loaded:
    """Load a checkpoint of any known format into a network or a classifier of the same shape.

    Args:
        net: from :func:`adafocus.networks.build` or :func:`adafocus.networks.build_classifier`.
        source: a file or a state dict; its format is recognized from its keys.

    Raises:
        CheckpointError: the sentence names keys and shapes.
    """
    found, state = recognize_state(read_state(source))
    named, unused = translate_state(found, state)
    add_identity_norms(named, net, found)
    load_exact(net, named, f"this network, read as {found.name}")
    return Loaded(found.name, tuple(unused))


def load_encoder(encoder: nn.Module, source: str | Path | StateDict) -> Loaded:
    """Load the encoder of a classifier's checkpoint; its head is handed back.

    Raises:
        CheckpointError: the checkpoint is not of one encoder, or does not fit; the sentence names keys and shapes.
    """
    found, state = recognize_state(read_state(source))
    if found.variant is not None:
        raise CheckpointError(
            f"The checkpoint is {found.name} with two encoders. Load it with adafocus.networks.load_state."
        )
    named, unused = translate_state(found, state)
    inside = _below(ENCODER, named)
    if inside.keys().isdisjoint(encoder.state_dict()):
        raise CheckpointError(f"The checkpoint is {found.name}, and this encoder is none.")
    add_identity_norms(inside, encoder, found, ENCODER)
    load_exact(encoder, inside, f"this encoder, read as {found.name}")
    outside = [key for key in named if not key.startswith(ENCODER)]
    return Loaded(found.name, (*unused, *outside), _below(HEAD, named))


def _below(prefix: str, state: StateDict) -> dict[str, Tensor]:
    """Return the tensors of one part by their names inside it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def add_identity_norms(named: dict[str, Tensor], module: nn.Module, found: CheckpointFormat, prefix: str = "") -> None:
    """Add the batch norms that a format leaves out because they change nothing; a folded norm keeps its bias.

    Args:
        named: tensors by the names of ``module``; completed in place.
        module: what they are loaded into.
        found: the format.
        prefix: where the module stands in a classifier, for the format's patterns.
    """
    norms = ((name, part) for name, part in module.named_modules() if isinstance(part, NORMS))
    for name, norm in norms:
        for leaf, value in norm.state_dict().items():
            key = f"{name}.{leaf}"
            if key not in named and any(re.fullmatch(pattern, prefix + key) for pattern in found.identity):
                named[key] = _identity(leaf, value, norm.eps)


def _identity(leaf: str, like: Tensor, eps: float) -> Tensor:
    """Return the tensor ``leaf`` of a batch norm that changes nothing."""
    values = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - eps, "num_batches_tracked": 0.0}
    return torch.full_like(like, values[leaf])
