"""Load checkpoints: read safely, recognize, translate, load, and say what does not fit."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from adafocus.errors import CheckpointError
from adafocus.networks.checkpoints.formats import CheckpointFormat, recognize

StateDict = Mapping[str, Tensor]
PARALLEL_PREFIX, ENCODER, HEAD = "module.", "encoder.", "head."
MAX_LISTED = 5
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


def read_state(source: str | Path | StateDict) -> dict[str, Tensor]:
    """Read a state dict without executing anything that the file contains.

    Args:
        source: a ``.safetensors`` file, a PyTorch file (read with ``weights_only=True``), or a state dict.

    Raises:
        CheckpointError: no such file, or not a checkpoint of tensors.
    """
    if isinstance(source, Mapping):
        return dict(source)
    path = Path(source)
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}. Give the path of a .safetensors or .pth file.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is not read: it is damaged, or holds objects that would run code. Expected tensors only: save the "
            "state dict again, or convert it to .safetensors."
        ) from error
    state = (
        next((content[key] for key in ("state_dict", "model_state") if key in content), content)
        if isinstance(content, dict)
        else None
    )
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state dict of tensors. Expected one, or a dict with a 'state_dict'.")
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a file that can hold nothing but tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}). Save or download it again.") from error


def recognize_state(state: StateDict) -> tuple[CheckpointFormat, dict[str, Tensor]]:
    """Return the format of a checkpoint, and its tensors without the prefix of parallel training.

    Raises:
        CheckpointError: its keys are those of no known format.
    """
    plain = {key.removeprefix(PARALLEL_PREFIX): value for key, value in state.items()}
    found = recognize(plain)
    if found is None:
        raise CheckpointError(
            f"The checkpoint is of no known kind; its first keys are {_listed(list(plain))}. Expected Uni-AdaFocus "
            "(long, TSM, X3D), temporal-shift-module, PyTorchVideo X3D, X3D or MobileNetV2 with folded batch norms, or "
            "one of adafocus-edge."
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
    problems = [f"missing {_listed(missing)} and {len(missing)} in all"] if missing else []
    problems += [f"unused {_listed(unused)} and {len(unused)} in all"] if unused else []
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


def _listed(keys: list[str]) -> str:
    """Name the first keys."""
    return ", ".join(keys[:MAX_LISTED]) + (", ..." if len(keys) > MAX_LISTED else "")


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
