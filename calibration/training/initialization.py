"""What a network starts from: whole checkpoints, or published encoders, one table of what is recognized."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from adafocus import networks
from adafocus.errors import AdafocusError
from adafocus.networks import AdaFocus, NetworkError, VideoClassifier
from adafocus.networks.backbones.inverted_residual import InvertedResidualNet
from adafocus.networks.backbones.x3d import X3D
from adafocus.networks.checkpoints.loading import read_state, recognized, translated
from adafocus.networks.heads import LinearHead, X3DHead

WHOLE = "all"
ENCODERS = {"glance": "global_encoder", "focus": "local_encoder"}
HEADS = {"glance": ("global_head", "global_aux_head"), "focus": ("local_head", "training_heads.local_aux")}
# final heads are summed, so where both start from one classifier each has half of its weight
FINAL_HEADS = ("global_head", "local_head")
Classifier = dict[str, Tensor]


def parse_starts(given: tuple[str, ...]) -> dict[str, Path]:
    """Read ``PATH`` (everything) or ``glance=PATH`` and ``focus=PATH``.

    Raises:
        AdafocusError: another part, one part twice, or no such file.
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


def initialize(net: nn.Module, starts: Mapping[str, Path]) -> list[str]:
    """Load starting weights in place.

    A checkpoint of the whole network is taken as it is, without its heads where it knows other classes. An encoder's,
    or that of a classifier trained on whole frames, goes into both encoders, or into the one that is named, and its
    classifier into their heads as far as it fits.

    Returns:
        what was loaded, a line each.

    Raises:
        AdafocusError: a checkpoint fits nowhere; the sentence says why.
    """
    done = []
    for part, path in starts.items():
        try:
            done.append(f"{part}: {path.name}, {_load(net, part, path)}")
        except NetworkError as error:
            raise AdafocusError(f"{path} cannot be started from: {error}") from error
    return done


def _load(net: nn.Module, part: str, path: Path) -> str:
    state = read_state(path)
    kind = next((name for name, (marks, _) in ENCODER_FILES.items() if all(mark in state for mark in marks)), None)
    if part == WHOLE and (kind is None or (kind == OWN_CLASSIFIER and isinstance(net, VideoClassifier))):
        return _load_whole(net, state)
    if isinstance(net, VideoClassifier):
        classifier = _load_encoder(net.encoder, kind, path)
        _fill_head(net.head, classifier, 1.0)
        return kind or "one encoder"
    if not isinstance(net, AdaFocus):
        raise TypeError(f"nothing starts a {type(net).__name__}")
    for name in ENCODERS if part == WHOLE else (part,):
        encoder = net.get_submodule(ENCODERS[name])
        classifier = _load_encoder(encoder, kind, path)
        if kind is not None:
            _renormalize(encoder, net.config)
        for head in HEADS[name]:
            if classifier and net.config.variant != "long":
                _fill_head(net.get_submodule(head), classifier, 0.5 if head in FINAL_HEADS else 1.0)
    return kind or "one encoder"


def _load_encoder(encoder: nn.Module, kind: str | None, path: Path) -> Classifier:
    if kind is None:
        networks.load_encoder(encoder, path)
        return {}
    return ENCODER_FILES[kind][1](encoder, path)


def _load_whole(net: nn.Module, state: Mapping[str, Tensor]) -> str:
    """Take every tensor that fits; only those whose shape depends on the number of classes may differ."""
    source, plain = recognized(state)
    named, _ = translated(source, plain)
    own = net.state_dict()
    misfits = [key for key in own if key not in named or named[key].numel() != own[key].numel()]
    classes = [key for key in misfits if key in named and named[key].shape[1:] == own[key].shape[1:]]
    if set(misfits) - set(classes):
        first = sorted(set(misfits) - set(classes))[:3]
        raise NetworkError(f"it is {source.name} of another shape; {', '.join(first)} do not fit this network.")
    fitting = {key: named[key].reshape(own[key].shape) for key in own if key not in misfits}
    net.load_state_dict(fitting, strict=False)
    return source.name + (f"; {len(classes)} tensors of other classes left out" if classes else "")


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


def _fill_head(head: nn.Module, classifier: Classifier, share: float) -> None:
    """The hidden layer always, the last one where the classes are as many."""
    if not isinstance(head, X3DHead | LinearHead) or not classifier:
        return
    with torch.no_grad():
        if isinstance(head, X3DHead):
            bias = classifier.get("head_lin.bias", torch.zeros(1))
            if head.lin.bias is None and bias.count_nonzero() > 0:
                raise NetworkError("its hidden layer has a bias, and this network's head has none: set head_bias.")
            head.lin.weight.copy_(classifier["head_lin.weight"])
            if head.lin.bias is not None:
                head.lin.bias.copy_(bias)
        if head.fc.weight.shape == classifier["fc.weight"].shape:
            head.fc.weight.copy_(share * classifier["fc.weight"])
            head.fc.bias.copy_(share * classifier["fc.bias"])


def _x3d(encoder: nn.Module, path: Path) -> Classifier:
    if not isinstance(encoder, X3D):
        raise NetworkError("it is an X3D, and this encoder is none.")
    return networks.load_x3d_trunk(encoder, path)


def _mobilenet(encoder: nn.Module, path: Path) -> Classifier:
    if not isinstance(encoder, InvertedResidualNet):
        raise NetworkError("it is a MobileNetV2, and this encoder is none.")
    networks.load_folded_mobilenet(encoder, path)
    return {}


def _own_classifier(encoder: nn.Module, path: Path) -> Classifier:
    state = read_state(path)
    networks.load_encoder(encoder, state)
    head = {key.removeprefix("head."): value for key, value in state.items() if key.startswith("head.")}
    return {key.replace("lin.", "head_lin."): value for key, value in head.items()}


OWN_CLASSIFIER = "a classifier of adafocus train"
# what it is -> keys that tell, and how to load it; the published ones have their batch norms folded
ENCODER_FILES: dict[str, tuple[tuple[str, ...], Callable[[nn.Module, Path], Classifier]]] = {
    "X3D with folded batch norms": (("stem_xy.weight", "fc.weight"), _x3d),
    "MobileNetV2 with folded batch norms": (("features.0.0.bias", "features.1.conv.0.0.weight"), _mobilenet),
    OWN_CLASSIFIER: (("head.fc.weight", "head.fc.bias"), _own_classifier),
}
