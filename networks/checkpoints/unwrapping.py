"""Find the network's tensors inside what training programs save around them: dicts, prefixes, counters."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from adafocus.errors import CheckpointError

logger = logging.getLogger(__name__)

Found = TypeVar("Found")
MAX_LISTED = 5
MAX_DEPTH = 3
# keys that a state dict is saved under; where there are several, the first counts
CONTAINERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params",
    "ema", "ema_state_dict", "model_ema", "state_dict_ema", "state",
)  # fmt: skip
# what parallel training, compiling and sharding put into names, at the start or before the name of a part
WRAPPERS = re.compile(r"(?:(?<=\.)|^)(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# tensors that wrappers add: how many steps an average was taken over
COUNTERS = ("n_averaged",)
# attributes that hold the network in a larger module, such as Lightning's; where there are several, the first counts
ATTRIBUTES = ("model", "net", "network")


def listed(keys: Iterable[object]) -> str:
    """Name the first keys."""
    names = [str(key) for key in keys]
    return ", ".join(names[:MAX_LISTED]) + (", ..." if len(names) > MAX_LISTED else "")


def find_state(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the state dict that a file's content is or holds.

    Raises:
        CheckpointError: it holds none, or several that have no usual name; what was found is listed.
    """
    expected = (
        f"Expected a state dict of tensors, or a dict with one under a key such as {listed(CONTAINERS)}: "
        "torch.save(model.state_dict(), 'weights.pth')"
    )
    if not isinstance(content, Mapping):
        what = "one tensor" if isinstance(content, Tensor) else f"an object of type {type(content).__name__}"
        raise CheckpointError(f"{path} holds no state dict of tensors but {what}. {expected}")
    if not content:
        raise CheckpointError(f"{path} holds an empty dict and no tensor. {expected}")
    state = _inner_state(content, MAX_DEPTH, path)
    if state is None:
        raise CheckpointError(f"{path} holds no state dict of tensors; its keys are {listed(content)}. {expected}")
    numbers = [key for key in state if not isinstance(key, str)]
    if numbers:
        raise CheckpointError(
            f"{path} names its tensors {listed(map(repr, numbers))}, expected names of parameters. {expected}"
        )
    return state


def _inner_state(content: Mapping[Any, Any], depth: int, path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a dict, or of the dict in it that is a state dict; None where there is none, or several."""
    inside = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    usual = {key: _inner_state(inside[key], depth - 1, path) for key in CONTAINERS if depth and key in inside}
    found = {key: state for key, state in usual.items() if state is not None}
    if found:
        key, state = next(iter(found.items()))
        again = [other for other in found if other != key and _plain_names(found[other]) == _plain_names(state)]
        if again:
            _tell_choice(path, key, " and ".join(again))
        return state
    others = [dict(value) for value in inside.values() if _is_state(value)]
    if others:
        return others[0] if len(others) == 1 else None
    return {key: value for key, value in content.items() if isinstance(value, Tensor)} or None


def _plain_names(state: Mapping[Any, Tensor]) -> set[str]:
    """Return names without what wrappers put into them."""
    return {WRAPPERS.sub("", str(key)) for key in state if key not in COUNTERS}


@lru_cache
def _tell_choice(path: Path, key: str, again: str) -> None:
    """Say once which of several networks in a file is used, such as the weights of its last step and their average."""
    logger.warning(
        "%s holds the weights of one network under %s and again under %s; those under %s are used. For the others save "
        "them alone: torch.save(torch.load('%s')['%s'], 'weights.pth')",
        *(path, key, again, key, path.name, again.partition(" ")[0]),
    )


def _is_state(value: Mapping[Any, Any]) -> bool:
    """Return whether a dict is nothing but named tensors."""
    return bool(value) and all(isinstance(key, str) and isinstance(entry, Tensor) for key, entry in value.items())


def strip_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors by the names that they had before parallel training, compiling, sharding and averaging."""
    plain = {WRAPPERS.sub("", key): value for key, value in state.items() if key not in COUNTERS}
    # two tensors of one name: what looks like a wrapper is a part of the network
    return plain if len(plain) == len([key for key in state if key not in COUNTERS]) else dict(state)


def find_attribute(
    state: Mapping[str, Tensor], recognize: Callable[[Iterable[str]], Found | None]
) -> tuple[Found, dict[str, Tensor]] | None:
    """Return what a part of a larger module is recognized as, with its tensors by their names in that part.

    Args:
        state: of the larger module.
        recognize: names -> format, or None.

    Raises:
        CheckpointError: several parts are networks, and none has a usual name.
    """
    for depth in range(1, MAX_DEPTH + 1):
        prefixes = dict.fromkeys(".".join(key.split(".")[:depth]) + "." for key in state if key.count(".") >= depth)
        found: dict[str, tuple[Found, dict[str, Tensor]]] = {}
        for prefix in prefixes:
            part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            row = recognize(part)
            if row is not None:
                found[prefix] = row, part
        usual = [prefix for name in ATTRIBUTES for prefix in found if prefix.split(".")[-2] == name]
        if len(found) == 1 or usual:
            return found[usual[0] if usual else next(iter(found))]
        if found:
            raise CheckpointError(
                f"The checkpoint holds several networks, under {listed(found)}. Save the state dict of one of them."
            )
    return None
