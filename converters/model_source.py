"""What a bundle is converted from: a model file, or a checkpoint that becomes one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from adafocus import networks
from adafocus.calibration.inspection import describe as describe_model
from adafocus.calibration.quantization.model_file import save_model
from adafocus.calibration.quantization.ptq import calibration_views, quantize_stages
from adafocus.calibration.training.checkpoint import load_checkpoint
from adafocus.calibration.training.class_names import read_class_names
from adafocus.calibration.training.initialization import WHOLE, initialize
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.bundle.manifest import Precision
from adafocus.errors import AdafocusError, shell_word
from adafocus.networks.checkpoints import read_state, recognize_state
from adafocus.networks.checkpoints.inspection import describe_checkpoint
from adafocus.networks.lowering import lower


@dataclass(frozen=True)
class Source:
    """A model file and where it comes from.

    Attributes:
        path: of the model file.
        name: what the bundle is called.
        origin: file that the user named.
        sha256: of that file.
    """

    path: Path
    name: str
    origin: str
    sha256: str


def as_model_file(
    origin: Path,
    folder: Path,
    precision: Precision,
    calibration: Sequence[Path],
    max_clips: int,
    preset: str | None = None,
    labels: Path | None = None,
) -> Source:
    """Return the model file itself, or a checkpoint quantized after training.

    Args:
        origin: a model file of ``adafocus quantize``, a checkpoint of ``adafocus train``, or one that ``adafocus
            inspect`` recognizes.
        folder: where a model file may be made.
        precision: ``int8`` needs calibration clips unless ``origin`` is a quantized model file.
        calibration: clip lists and videos.
        max_clips: how many of them to use at most.
        preset: the checkpoint's configuration, where several fit. A classifier of one encoder becomes glance and focus
            of one whose policy is no network.
        labels: a text file with a class name on each line, for a checkpoint that has none.

    Raises:
        AdafocusError: it is neither, it fits no preset or several, there is nothing to calibrate on, or it has other
            class names or another configuration of its own than those that are asked for.
    """
    if not origin.is_file():
        raise AdafocusError(f"There is no model or checkpoint at {origin}. Give the path of one.")
    digest = sha256_of(origin)
    told = describe_model(str(origin))
    if told is not None and "model" in told:
        _refuse_other_labels(origin, _labels_of(origin), labels)
        _refuse_other_preset(origin, told["preset"], preset)
        return Source(origin, origin.stem, origin.name, digest)
    if told is not None:
        trained = load_checkpoint(origin)
        net, chosen = trained.net, trained.recipe.preset
        _refuse_other_labels(origin, trained.labels, labels)
        if isinstance(net, networks.AdaFocus):
            _refuse_other_preset(origin, chosen, preset)
        else:
            chosen = _preset_of_classifier(origin, preset)
            net = assemble(origin, chosen, len(trained.labels))
        names, history = trained.labels, {"checkpoint": origin.name, "training": trained.history}
    else:
        found = describe_checkpoint(origin)
        if found["classes"] is None:
            raise AdafocusError(
                f"{origin} has no last layer that says how many classes there are. Save the whole network."
            )
        if preset is not None and recognize_state(read_state(origin))[0].variant is None:
            chosen = _preset_of_classifier(origin, preset)
            net = assemble(origin, chosen, found["classes"])
        else:
            chosen = _preset(origin, found, preset)
            net = networks.build(chosen, found["classes"])
            networks.load_state(net, origin)
        names, history = _labels(labels, net.config.num_classes), {"checkpoint": origin.name}
    made = folder / f"{origin.stem}.safetensors"
    write_model(made, net, chosen, names, precision, calibration, max_clips, history)
    return Source(made, origin.stem, origin.name, digest)


def _labels_of(model: Path) -> tuple[str, ...]:
    """Return the class names that a model file holds."""
    with safe_open(model, "pt") as file:
        return tuple(json.loads(file.metadata()["labels"]))


def _refuse_other_labels(origin: Path, own: tuple[str, ...], labels: Path | None) -> None:
    """Refuse a file of class names that are not those that a network was trained with.

    Raises:
        AdafocusError: the sentence names the first that differs.
    """
    asked = own if labels is None else read_class_names(labels, len(own))
    place = next((place for place, names in enumerate(zip(own, asked, strict=True)) if names[0] != names[1]), None)
    if place is not None:
        raise AdafocusError(
            f"{labels} calls class {place + 1} {asked[place]!r}, but {origin} was trained with class names of its own "
            f"and calls it {own[place]!r}. Leave --labels out."
        )


def _refuse_other_preset(origin: Path, own: str, wanted: str | None) -> None:
    """Refuse another configuration than that of a trained network.

    Raises:
        AdafocusError: it is another one.
    """
    if wanted not in (None, own):
        raise AdafocusError(f"{origin} is a network of the preset {own!r}, not of {wanted!r}. Leave --preset out.")


def assemble(classifier: Path, preset: str, classes: int) -> networks.AdaFocus:
    """Build a network whose glance and focus are one classifier; the prediction is the mean of both logits.

    Raises:
        AdafocusError: the classifier fits none of its encoders.
    """
    net = networks.build(preset, classes)
    initialize(net, {WHOLE: classifier})
    return net


def _preset_of_classifier(origin: Path, wanted: str | None) -> str:
    """Return the preset that a classifier of one encoder is put into.

    Raises:
        AdafocusError: none is asked for, or one whose policy would have to be trained.
    """
    usable = [name for name, config in networks.PRESETS.items() if not config.has_policy_network]
    if wanted in usable:
        return str(wanted)
    asked = "no preset is asked for" if wanted is None else f"the policy of {wanted} would have to be trained"
    raise AdafocusError(
        f"{origin} is a classifier of one encoder, and {asked}. Say in which network it is glance and focus: --preset "
        f"{' or --preset '.join(usable)}"
    )


def write_model(
    path: Path,
    net: networks.AdaFocus,
    preset: str,
    labels: tuple[str, ...],
    precision: Precision,
    calibration: Sequence[Path],
    max_clips: int,
    history: dict[str, Any],
) -> None:
    """Lower a network and store it: quantized after training for int8, else as it is."""
    stages = lower(net.eval())
    prepared = {}
    if precision == "int8":
        views = calibration_views(calibration, net.config, max_clips)
        prepared = quantize_stages(stages, views)
        history = {**history, "calibration_clips": len(views)}
    floats = {stage: module for stage, module in stages.modules().items() if stage not in prepared}
    save_model(path, prepared, floats, net.config, preset, labels, history)


def _preset(origin: Path, found: dict[str, Any], wanted: str | None) -> str:
    """Return the preset that is asked for, or the only one that fits.

    Raises:
        AdafocusError: there is no such preset, or not exactly one fits.
    """
    if wanted is not None:
        if wanted not in networks.PRESETS:
            raise AdafocusError(f"There is no preset {wanted!r}, expected one of {', '.join(networks.PRESETS)}.")
        return wanted
    usable = [name for name in found["fits"] if name in networks.PRESETS]
    if not usable:
        raise AdafocusError(
            f"{origin} is {found['kind']} and fits no preset ({', '.join(networks.PRESETS)}). Start a training of a "
            f"preset from it: adafocus train RECIPE --start {shell_word(origin)}"
        )
    if len(usable) > 1:
        raise AdafocusError(f"{origin} fits {', '.join(usable)}, expected exactly one. Say which: --preset NAME")
    return usable[0]


def _labels(path: Path | None, classes: int) -> tuple[str, ...]:
    """Read class names from a file; without one number them.

    Raises:
        AdafocusError: there is no such file, it is no list of names, or it names another number of classes.
    """
    if path is None:
        return tuple(f"class {index}" for index in range(classes))
    return read_class_names(path, classes)
