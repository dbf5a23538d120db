"""Checkpoints in: read safely, recognize, translate, load, and say what does not fit."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from adafocus.errors import CheckpointError
from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints.formats import Source, recognize

StateDict = Mapping[str, Tensor]
PARALLEL_PREFIX = "module."
NAMED = 5
MOBILENET_BLOCKS = 17
FOLDED_MOBILENET = re.compile(r"features\.(?P<block>\d+)\.(?:conv\.(?P<layer>\d)(?:\.0)?|0)\.(?P<leaf>weight|bias)")


@dataclass(frozen=True)
class Loaded:
    """What became of a checkpoint.

    Attributes:
        source: what it was recognized as.
        unused: its keys that this network has no use for.
    """

    source: str
    unused: tuple[str, ...]


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
        raise CheckpointError(f"there is no checkpoint at {path}; give the path of a .safetensors or .pth file.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is not read: it is damaged, or holds objects that would run code. Expected tensors only; save the "
            "state dict again, or convert it to .safetensors."
        ) from error
    state = (
        next((content[key] for key in ("state_dict", "model_state") if key in content), content)
        if isinstance(content, dict)
        else None
    )
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state dict of tensors; expected one, or a dict with a 'state_dict'.")
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}); save or download it again.") from error


def recognized(state: StateDict) -> tuple[Source, dict[str, Tensor]]:
    """The kind of a checkpoint, and its tensors without the prefix of parallel training.

    Raises:
        CheckpointError: its keys are those of no known kind.
    """
    plain = {key.removeprefix(PARALLEL_PREFIX): value for key, value in state.items()}
    source = recognize(plain)
    if source is None:
        raise CheckpointError(
            f"the checkpoint is of no known kind; its first keys are {_some(list(plain))}. Expected Uni-AdaFocus "
            "(long, TSM, X3D), temporal-shift-module, PyTorchVideo X3D, or one of adafocus-edge."
        )
    return source, plain


def translated(source: Source, state: StateDict) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors by the names of this project, and the keys that are known to be of no use."""
    named, unused = {}, []
    for key, value in state.items():
        name = source.translate(key)
        if name is None:
            unused.append(key)
        else:
            named[name] = value
    return named, unused


def misfits(module: nn.Module, state: StateDict) -> list[str]:
    """What keeps a state dict from fitting a module exactly; axes of size one at the end may be missing."""
    expected = module.state_dict()
    missing = sorted(set(expected) - set(state))
    unused = sorted(set(state) - set(expected))
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and _core(state[key]) != _core(value)
    ]
    problems = [f"missing {_some(missing)} and {len(missing)} in all"] if missing else []
    problems += [f"unused {_some(unused)} and {len(unused)} in all"] if unused else []
    return problems + misshapen[:NAMED]


def load_exact(module: nn.Module, state: StateDict, what: str) -> None:
    """Load a state dict that must fit a module exactly.

    Raises:
        CheckpointError: names the missing and the unused keys, and shapes that differ.
    """
    problems = misfits(module, state)
    if problems:
        raise CheckpointError(f"the checkpoint does not fit {what}: {'; '.join(problems)}.")
    expected = module.state_dict()
    module.load_state_dict(
        {key: value.reshape(expected[key].shape).to(expected[key].dtype) for key, value in state.items()}
    )


def _core(value: Tensor) -> tuple[int, ...]:
    """Shape without the ones at its end."""
    shape = list(value.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:NAMED]) + (", ..." if len(keys) > NAMED else "")


def load_state(net: nn.Module, source: str | Path | StateDict) -> Loaded:
    """Load a checkpoint of any known kind into a network or a classifier of the same shape.

    Args:
        net: from :func:`networks.build` or :func:`networks.build_classifier`.
        source: a file or a state dict; its kind is recognized from its keys.

    Raises:
        CheckpointError: the sentence names keys and shapes.
    """
    kind, state = recognized(read_state(source))
    named, unused = translated(kind, state)
    complete(named, net, kind)
    load_exact(net, named, f"this network, read as {kind.name}")
    return Loaded(kind.name, tuple(unused))


def load_encoder(encoder: nn.Module, source: str | Path | StateDict) -> Loaded:
    """Load the encoder of a classifier's checkpoint; its head is left out.

    Raises:
        CheckpointError: the checkpoint is not of one encoder, or does not fit; the sentence names keys and shapes.
    """
    kind, state = recognized(read_state(source))
    if kind.variant is not None:
        raise CheckpointError(f"the checkpoint is {kind.name} with two encoders; load it with networks.load_state.")
    named, unused = translated(kind, state)
    inside = {key.removeprefix("encoder."): value for key, value in named.items() if key.startswith("encoder.")}
    complete(inside, encoder, kind, "encoder.")
    load_exact(encoder, inside, f"this encoder, read as {kind.name}")
    return Loaded(kind.name, (*unused, *(key for key in named if not key.startswith("encoder."))))


def complete(named: dict[str, Tensor], module: nn.Module, kind: Source, prefix: str = "") -> None:
    """Add the batch norms that a kind of checkpoint leaves out because they change nothing."""
    for key, value in module.state_dict().items():
        if key not in named and any(re.fullmatch(pattern, prefix + key) for pattern in kind.identity):
            named[key] = _identity(key, value)


def _identity(key: str, like: Tensor, eps: float = 1e-5) -> Tensor:
    """The tensor of a batch norm that changes nothing."""
    values = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - eps, "num_batches_tracked": 0.0}
    return torch.full_like(like, values[key.rpartition(".")[2]])


def load_x3d_trunk(trunk: X3D, source: str | Path | StateDict) -> dict[str, Tensor]:
    """Load an X3D whose batch norms are folded into its convolutions; the norms become exact identities plus bias.

    Returns:
        the tensors of the classifier (``head_lin``, ``fc``), which are not part of the trunk.

    Raises:
        CheckpointError: the sentence names keys and shapes.
    """
    given = read_state(source)
    classifier = {key: given.pop(key).float() for key in list(given) if key.startswith(("head_lin.", "fc."))}
    state = {}
    for name, module in trunk.named_modules():
        if isinstance(module, nn.BatchNorm3d):
            for leaf, value in module.state_dict().items():
                state[f"{name}.{leaf}"] = _identity(leaf, value, module.eps)
    stem_bias = given.pop("stem_xy.bias", None)
    if stem_bias is not None and stem_bias.count_nonzero() > 0:
        raise CheckpointError("stem_xy.bias is not zero; expected a stem whose only bias stands after stem_t.")
    for key, value in given.items():
        state[_norm_bias(key)] = value.float()
    load_exact(trunk, state, "an X3D trunk")
    return classifier


def load_folded_mobilenet(encoder: InvertedResidualNet, source: str | Path | StateDict) -> None:
    """Load a MobileNetV2 of torchvision's layout whose batch norms are folded; the norms become identities plus bias.

    Its classifier is left out.

    Raises:
        CheckpointError: the sentence names keys and shapes.
    """
    state = {
        f"{name}.{leaf}": _identity(leaf, value, module.eps)
        for name, module in encoder.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for leaf, value in module.state_dict().items()
    }
    for key, value in read_state(source).items():
        found = FOLDED_MOBILENET.fullmatch(key)
        if found:
            layer = _mobilenet_layer(int(found["block"]), found["layer"])
            state[f"{layer}.{'conv.weight' if found['leaf'] == 'weight' else 'bn.bias'}"] = value.float()
        elif not key.startswith("classifier."):
            raise CheckpointError(f"the checkpoint has a tensor {key}, expected those of a folded MobileNetV2.")
    state |= {key: value for key, value in encoder.state_dict().items() if key.endswith("shift.moves")}
    load_exact(encoder, state, "a MobileNetV2")


def _mobilenet_layer(block: int, layer: str) -> str:
    if block in (0, MOBILENET_BLOCKS + 1):
        return "stem" if block == 0 else "head"
    layers = ("depthwise", "project") if block == 1 else ("expand", "depthwise", "project")
    return f"blocks.{block - 1}.{layers[int(layer)]}"


def _norm_bias(key: str) -> str:
    """The batch norm that takes up a folded convolution's bias."""
    if not key.endswith(".bias") or ".se." in key:
        return key
    norm = {"conv_a": "bn_a", "conv_b": "bn_b", "conv_c": "bn_c", "branch1": "bn_1"}
    prefix, _, layer = key.removesuffix(".bias").rpartition(".")
    if prefix:
        return f"{prefix}.{norm[layer]}.bias"
    return {"stem_t": "stem_bn.bias", "head_conv": "head_bn.bias"}[layer]
