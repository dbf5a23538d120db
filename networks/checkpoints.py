"""Checkpoints in: read safely, recognise, map, load, and say what does not fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from networks.adafocus import AdaFocusX3D
from networks.backbones.x3d import X3D

StateDict = Mapping[str, Tensor]


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names what was found and what was expected."""


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
        from safetensors.torch import load_file

        return load_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path} is not read: it is damaged, or holds objects that would run code. Expected tensors only; save the "
            "state dict again, or convert it to .safetensors."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state dict of tensors; expected one, or a dict with a 'state_dict'.")
    return state


def load_exact(module: nn.Module, state: StateDict, what: str) -> None:
    """Load a state dict that must fit a module exactly.

    Raises:
        CheckpointError: names the missing and the unused keys, and shapes that differ.
    """
    expected = module.state_dict()
    missing = sorted(set(expected) - set(state))
    unused = sorted(set(state) - set(expected))
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    problems = [f"missing {', '.join(missing[:5])} and {len(missing)} in all"] if missing else []
    problems += [f"unused {', '.join(unused[:5])} and {len(unused)} in all"] if unused else []
    problems += misshapen[:5]
    if problems:
        raise CheckpointError(f"the checkpoint does not fit {what}: {'; '.join(problems)}.")
    module.load_state_dict({key: value.to(expected[key].dtype) for key, value in state.items()})


def load_state(net: AdaFocusX3D, source: str | Path | StateDict) -> None:
    """Load this project's own float checkpoint into a network.

    Raises:
        CheckpointError: the sentence names keys and shapes.
    """
    load_exact(net, read_state(source), f"the network {net.config.global_backbone} + {net.config.local_backbone}")


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
            state[f"{name}.weight"] = torch.ones(module.num_features)
            state[f"{name}.running_mean"] = torch.zeros(module.num_features)
            state[f"{name}.running_var"] = torch.full((module.num_features,), 1.0 - module.eps)
            state[f"{name}.num_batches_tracked"] = torch.tensor(0)
    stem_bias = given.pop("stem_xy.bias", None)
    if stem_bias is not None and stem_bias.count_nonzero() > 0:
        raise CheckpointError("stem_xy.bias is not zero; expected a stem whose only bias stands after stem_t.")
    for key, value in given.items():
        state[_norm_bias(key)] = value.float()
    load_exact(trunk, state, "an X3D trunk")
    return classifier


def _norm_bias(key: str) -> str:
    """The batch norm that takes up a folded convolution's bias."""
    if not key.endswith(".bias") or ".se." in key:
        return key
    norm = {"conv_a": "bn_a", "conv_b": "bn_b", "conv_c": "bn_c", "branch1": "bn_1"}
    prefix, _, layer = key.removesuffix(".bias").rpartition(".")
    if prefix:
        return f"{prefix}.{norm[layer]}.bias"
    return {"stem_t": "stem_bn.bias", "head_conv": "head_bn.bias"}[layer]
