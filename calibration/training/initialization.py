"""Initialize a network from a whole checkpoint or from published encoders; one table says what is recognized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from adafocus import networks
from adafocus.errors import AdafocusError
from adafocus.networks import AdaFocus, NetworkError, VideoClassifier
from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints import (
    OWN_CLASSIFIER,
    CheckpointFormat,
    load_encoder,
    read_state,
    recognize_state,
    translate_state,
)
from adafocus.networks.heads import LinearHead, X3DHead

WHOLE = "all"
ENCODERS = {"glance": "global_encoder", "focus": "local_encoder"}
# final heads are summed, so where both start from one classifier each has a share of its weight
GLANCE_HEAD, FOCUS_HEAD = "global_head", "local_head"
EQUAL_SHARE = 0.5
HEADS = {"glance": (GLANCE_HEAD, "global_aux_head"), "focus": (FOCUS_HEAD, "training_heads.local_aux")}


def parse_starts(given: tuple[str, ...]) -> dict[str, Path]:
    """Read ``PATH`` (everything) or ``glance=PATH`` and ``focus=PATH``.

    Raises:
        AdafocusError: a part is named twice, or there is no such file.
    """
    starts: dict[str, Path] = {}
    for text in given:
        part, found, place = text.partition("=")
        part, place = (part, place) if found and part in (WHOLE, *ENCODERS) else (WHOLE, text)
        if part in starts:
            raise AdafocusError(f"--start names {part} twice; give each part one checkpoint.")
        if not Path(place).is_file():
            raise AdafocusError(f"There is no checkpoint at {place}. Give --start PATH, glance=PATH or focus=PATH.")
        starts[part] = Path(place)
    return starts


def initialize(net: nn.Module, starts: Mapping[str, Path], glance_share: float = EQUAL_SHARE) -> list[str]:
    """Load initial weights in place.

    A checkpoint of the whole network is taken as it is, without its heads where it knows other classes. An encoder's,
    or that of a classifier trained on whole frames, goes into both encoders, or into the one that is named, and its
    classifier into their heads as far as it fits.

    Args:
        net: a network with fresh weights.
        starts: of :func:`parse_starts`.
        glance_share: weight of the glance in the sum of both parts that is the last prediction, where their heads come
            from classifiers; the focus has the rest of 1.

    Returns:
        a line for each checkpoint that says what was loaded.

    Raises:
        AdafocusError: a checkpoint fits nowhere; the message says why.
    """
    loaded = []
    for part, path in starts.items():
        try:
            loaded.append(f"{part}: {path.name}, {_load(net, part, path, glance_share)}")
        except NetworkError as error:
            raise AdafocusError(f"{path} cannot be started from: {error}") from error
    return loaded


def _load(net: nn.Module, part: str, path: Path, glance_share: float) -> str:
    """Load one checkpoint into a part of the network and return what it was recognized as."""
    found, state = recognize_state(read_state(path))
    own = found.name == OWN_CLASSIFIER and isinstance(net, VideoClassifier)
    if part == WHOLE and (own or not found.adapts):
        return _load_whole(net, found, state)
    if isinstance(net, VideoClassifier):
        _fill_head(net.head, _load_encoder(net.encoder, found, state), 1.0)
        return found.name
    if not isinstance(net, AdaFocus):
        raise TypeError(f"no checkpoint initializes a {type(net).__name__}")
    shares = {GLANCE_HEAD: glance_share, FOCUS_HEAD: 1.0 - glance_share}
    for name in ENCODERS if part == WHOLE else (part,):
        encoder = net.get_submodule(ENCODERS[name])
        head = _load_encoder(encoder, found, state)
        if found.adapts:
            _renormalize(encoder, net.config)
        for place in HEADS[name]:
            if net.config.variant != "long":
                _fill_head(net.get_submodule(place), head, shares.get(place, 1.0))
    return found.name


def _load_encoder(encoder: nn.Module, found: CheckpointFormat, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Load an encoder; return its classifier's head where the format's heads are taken over."""
    head = load_encoder(encoder, state).head
    return head if found.adapts else {}


def _load_whole(net: nn.Module, found: CheckpointFormat, state: Mapping[str, Tensor]) -> str:
    """Load every tensor that fits; only those whose shape depends on the number of classes may differ."""
    named, _ = translate_state(found, state)
    own = net.state_dict()
    misfits = [key for key in own if key not in named or named[key].numel() != own[key].numel()]
    classes = [key for key in misfits if key in named and named[key].shape[1:] == own[key].shape[1:]]
    if set(misfits) - set(classes):
        first = sorted(set(misfits) - set(classes))[:3]
        raise NetworkError(f"it is {found.name} of another shape; {', '.join(first)} do not fit this network.")
    fitting = {key: named[key].reshape(own[key].shape) for key in own if key not in misfits}
    net.load_state_dict(fitting, strict=False)
    return found.name + (f"; {len(classes)} tensors of other classes left out" if classes else "")


@torch.no_grad()
def measure_folded_norms(net: nn.Module, run: Callable[[], None]) -> int:
    """Give the batch norms that a folded checkpoint left without statistics those of real inputs, in place.

    The network computes what it did before, up to rounding. But only so can these norms be trained: with the statistics
    of a batch in place of none, every layer would be scaled anew.

    Args:
        net: after :func:`initialize`.
        run: runs the network on some clips, in inference mode.

    Returns:
        how many it measured; where none is folded, nothing is run.
    """
    folded = [part for part in net.modules() if isinstance(part, _BatchNorm) and _is_folded(part)]
    if not folded:
        return 0
    # of those that the clips reach
    sums: dict[_BatchNorm, Tensor] = {}

    def count(norm: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        found = torch.stack((torch.full_like(values[:, 0], values.shape[1]), values.sum(1), values.square().sum(1)))
        sums[norm] = sums[norm] + found if norm in sums else found

    hooks = [norm.register_forward_pre_hook(count) for norm in folded]
    run()
    for hook in hooks:
        hook.remove()
    for norm, (number, total, squares) in sums.items():
        mean = total / number
        variance = (squares / number - mean.square()).clamp_min(0.0)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias += mean.float()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
    return len(sums)


def _is_folded(norm: _BatchNorm) -> bool:
    """Return whether a norm has the statistics of none, as :func:`~adafocus.networks.load_encoder` writes them."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return False
    unscaled = variance.eq(torch.full_like(variance, 1.0 - norm.eps)) & norm.weight.eq(1.0)
    return bool((mean.eq(0.0) & unscaled).all())


@torch.no_grad()
def _renormalize(encoder: nn.Module, config: networks.NetworkConfig) -> None:
    """Let a published encoder's first layer take pixels that are normalized by this network's mean and deviation.

    The part of the mean goes into the bias after the layer, which is exact but at the borders of the frame; an X3D's
    stem has none, so there a mean that is not the published one shifts its input.
    """
    published = networks.PRESETS["x3d-xs-xs" if isinstance(encoder, X3D) else "tsm-mbv2-mbv2"]
    ratio = torch.tensor(config.std) / torch.tensor(published.std)
    offset = (torch.tensor(config.mean) - torch.tensor(published.mean)) / torch.tensor(published.std)
    if isinstance(encoder, X3D):
        encoder.stem_xy.weight *= ratio[None, :, None, None, None]
    elif isinstance(encoder, InvertedResidualNet):
        stem = encoder.stem
        scale = stem.bn.weight / (stem.bn.running_var + stem.bn.eps).sqrt()
        stem.bn.bias += scale * (stem.conv.weight * offset[None, :, None, None]).sum((1, 2, 3))
        stem.conv.weight *= ratio[None, :, None, None]


def _fill_head(head: nn.Module, classifier: Mapping[str, Tensor], share: float) -> None:
    """Copy the hidden layer of a classifier, and its last layer where the number of classes is the same."""
    if not isinstance(head, X3DHead | LinearHead) or not classifier:
        return
    with torch.no_grad():
        if isinstance(head, X3DHead):
            bias = classifier.get("lin.bias", torch.zeros(1))
            if head.lin.bias is None and bias.count_nonzero() > 0:
                raise NetworkError("its hidden layer has a bias, and this network's head has none: set head_bias.")
            head.lin.weight.copy_(classifier["lin.weight"])
            if head.lin.bias is not None:
                head.lin.bias.copy_(bias)
        if head.fc.weight.shape == classifier["fc.weight"].shape:
            head.fc.weight.copy_(share * classifier["fc.weight"])
            head.fc.bias.copy_(share * classifier["fc.bias"])
