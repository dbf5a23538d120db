"""Recipes: everything that defines a training run, in one small file."""

from __future__ import annotations

import math
import re
import reprlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from adafocus import networks
from adafocus.calibration.datasets.augmentation import SCALES
from adafocus.calibration.datasets.text_file import read_yaml
from adafocus.errors import AdafocusError, NetworkError

PARTS = ("temporal_policy", "spatial_policy", "glance", "focus", "classifier")
PUBLISHED_RATES = {"temporal_policy": 0.2, "spatial_policy": 0.2, "glance": 0.5, "focus": 1.0, "classifier": 1.0}

# key -> its lowest value, and what it must be less than
RANGES = {
    "warmup_steps": (0, math.inf),
    "seed": (0, 1 << 32),
    **dict.fromkeys(
        ("learning_rate", "encoder_rate", "weight_decay", "gradient_norm", "size_weight", "hard_weight", "soft_weight"),
        (0.0, math.inf),
    ),
    "box_jitter": (0.0, 0.5),
    **dict.fromkeys(("glance_share", "start_share"), (0.0, 1.0)),
    **dict.fromkeys(("temperature", "teacher_temperature"), (0.0, math.inf)),
    "label_smoothing": (0.0, 1.0),
    "ema_decay": (0.0, 1.0),
}


# characters of a wrong value in a sentence
MAX_SHOWN = 200
# what a classifier can see of a clip: those that a glance sees, and those that a focus does
GLANCE_VIEWS, FOCUS_VIEWS = ("square", "whole", "padded"), ("motion", "random")


@dataclass(frozen=True)
class Classifier:
    """One encoder on whole frames, the baseline of a network and the teacher of another.

    With ``views`` it learns what a glance and a focus see, and can be put into both without further training.

    Attributes:
        backbone: its name.
        frames: how many it sees of a clip.
        size: side of its input in pixels.
        short_side_px: short side that its crop is cut from.
        views: of these one is drawn for each clip and step: the centre ``square``, the ``whole`` frame squeezed into a
            square or ``padded`` to one, the square where pixels change (``motion``), or one anywhere (``random``), both
            cut at the frames' own pixels. One that stands there twice is drawn twice as often.
        box_side: side of those squares as a fraction of the frame's short side.
        candidate_frames: frames among which changes are looked for; 0 for twice as many as the classifier sees.
        focus_span: which of them it sees: evenly ``spread``, or the ``densest`` run, in which most changes.
        shift: what a backbone with temporal shifts sees of other frames: those on ``both`` sides, or the ``past``
            alone, as the glance of a network with that ``shift`` does.
        feature_scale: where the last layer is fitted to features: ``each`` is divided by its own deviation, or ``all``
            by one number, so that those that hardly vary hardly count.
    """

    backbone: str
    frames: int = 16
    size: int = 160
    short_side_px: int = 182
    views: tuple[Literal["square", "whole", "padded", "motion", "random"], ...] = ()
    box_side: float = 0.5
    candidate_frames: int = 0
    focus_span: Literal["spread", "densest"] = "spread"
    shift: Literal["both", "past"] = "both"
    feature_scale: Literal["each", "all"] = "each"

    def __post_init__(self) -> None:
        """Refuse views that cannot be cut, and an encoder that needs others.

        Raises:
            AdafocusError: a backbone that is a teacher only, a square larger than the frame, or fewer candidates than
                frames.
        """
        if self.backbone == "i3d":
            raise AdafocusError(
                "The recipe's backbone is i3d, which sees dense clips and can only teach. Store its answers: adafocus "
                "predict CHECKPOINT --clips CLIPS --out answers.npz, and learn from them: --teacher answers.npz"
            )
        if self.shift == "past" and self.backbone.startswith("x3d"):
            raise AdafocusError(
                f"The recipe's shift is past with backbone {self.backbone}, which has no temporal shift, expected "
                "mobilenet_v2, efficientnet_lite0 or resnet50, or shift both."
            )
        if not 0.0 < self.box_side <= 1.0:
            raise AdafocusError(f"The recipe's box_side is {self.box_side}, expected above 0 and at most 1.")
        if self.candidate_frames and self.candidate_frames < self.frames:
            raise AdafocusError(
                f"The recipe's candidate_frames is {self.candidate_frames}, expected at least the {self.frames} frames "
                "that are chosen of them, or 0 for twice as many."
            )


@dataclass(frozen=True)
class Recipe:
    """Training of an Uni-AdaFocus network, or of one encoder on whole frames (arXiv 2412.11228).

    Attributes:
        preset: network preset, or empty where ``classifier`` says what is trained.
        overrides: changes to the preset.
        classifier: one encoder on whole frames in place of a preset.
        cached_frames: frames kept of every clip.
        epochs: passes over the clips; 0 writes the start as it is.
        batch: clips per step, over all processes.
        optimizer: ``sgd`` with momentum 0.9 (as published) or ``adamw``.
        learning_rate: peak; cosine decay to zero.
        rates: part -> its share of the learning rate, see :data:`PARTS`.
        encoder_rate: a further share for the encoders inside these parts, which know more than fresh heads.
        warmup_steps: steps over which the rate rises to its peak.
        weight_decay: of every parameter.
        gradient_norm: what longer gradients are cut to; 0 for never.
        size_weight: pull towards boxes as large as the bound allows.
        hard_weight: weight of the cross-entropy with the label in every term.
        soft_weight: weight of the divergence from the teacher's logits in every term.
        temperature: of both softmaxes in that divergence.
        teacher_temperature: of the teacher's logits before that; below 1 it makes the teacher surer than it was, as
            the mean of many views is less sure than one view.
        label_smoothing: of the cross-entropy.
        teacher: backbone and input of a teacher that is a checkpoint; stored answers need none.
        teacher_sees: the whole ``clip``, of which it is asked once, or the very ``view`` of it that a classifier sees
            at a step; the latter takes longer, and teaches far more where clips are few.
        frozen: patterns (regular expressions) of parameters that stay as they are.
        frozen_norms: whether the encoders' batch norms keep their statistics; where they do not, those of a folded
            start are measured on some clips first.
        ema_decay: of the average of all weights that is kept, validated and written; 0 for none.
        start_share: of the start's weights in those that are written at the end. A network that learns from few classes
            forgets the others; a mean with what it was before keeps most of both (Wortsman et al. 2022, arXiv
            2109.01903).
        precision: of the arithmetic: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        flip: whether clips are mirrored at random.
        crop_scales: of the random crop's sides to the short side; none for the centre crop that inference takes.
        shortest_run: of a classifier's clip a step sees a run of frames that starts anywhere, of at least this share of
            them; 1 for the whole clip, as inference does.
        shared_views: whether glance and focus see one augmentation; the official code draws two.
        box_jitter: where boxes lie in whole frames and the policy is no network: by how much their side and place vary,
            as a share of their side.
        random_boxes: likewise the share of the clips whose box lies anywhere.
        glance_share: weight of the glance in the sum of glance and focus that is the last prediction, where heads start
            from classifiers; the focus has the rest of 1. `adafocus calibrate` says which weights would do best.
        validate_every: epochs between validations.
        seed: of every random draw.
    """

    preset: str = ""
    overrides: dict[str, Any] = field(default_factory=dict)
    classifier: Classifier | None = None
    cached_frames: int = 32
    epochs: int = 50
    batch: int = 16
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.02
    rates: dict[str, float] = field(default_factory=lambda: dict(PUBLISHED_RATES))
    encoder_rate: float = 1.0
    warmup_steps: int = 0
    weight_decay: float = 5e-4
    gradient_norm: float = 20.0
    size_weight: float = 0.5
    hard_weight: float = 1.0
    soft_weight: float = 0.0
    temperature: float = 1.0
    teacher_temperature: float = 1.0
    label_smoothing: float = 0.0
    teacher: Classifier | None = None
    teacher_sees: Literal["clip", "view"] = "clip"
    frozen: tuple[str, ...] = ()
    frozen_norms: bool = False
    ema_decay: float = 0.0
    start_share: float = 0.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    flip: bool = True
    crop_scales: tuple[float, ...] = SCALES
    shortest_run: float = 1.0
    shared_views: bool = True
    box_jitter: float = 0.15
    random_boxes: float = 0.25
    glance_share: float = 0.5
    validate_every: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            AdafocusError: a value is out of range or contradicts another; the message names the key.
        """
        if bool(self.preset) == (self.classifier is not None):
            raise AdafocusError("A recipe trains a preset or a classifier: give exactly one of the keys.")
        for name, least in {"epochs": 0, "batch": 1, "cached_frames": 1, "validate_every": 1}.items():
            if getattr(self, name) < least:
                raise AdafocusError(f"The recipe's {name} is {getattr(self, name)}, expected at least {least}.")
        unknown = sorted(set(self.rates) - set(PARTS))
        if unknown:
            raise AdafocusError(f"The recipe's rates name {', '.join(unknown)}, expected any of {', '.join(PARTS)}.")
        for name, (lowest, below) in RANGES.items():
            value = getattr(self, name)
            if not lowest <= value < below:
                raise AdafocusError(
                    f"The recipe's {name} is {value}, expected at least {lowest:g}"
                    + (f" and less than {below:g}." if math.isfinite(below) else " and a finite number.")
                )
        for key in ("temperature", "teacher_temperature"):
            if getattr(self, key) == 0.0:
                raise AdafocusError(f"The recipe's {key} is 0, expected more.")
        for pattern in self.frozen:
            try:
                re.compile(pattern)
            except re.error as error:
                raise AdafocusError(
                    f"The recipe's frozen has {pattern!r}, which is no regular expression: {error}. Correct it."
                ) from error
        if self.teacher_sees == "view" and (self.classifier is None or self.soft_weight <= 0.0):
            raise AdafocusError(
                "The recipe's teacher_sees is view, which needs the key classifier and a soft_weight above 0. Set "
                "both, or teacher_sees: clip."
            )
        if not 0.0 < self.shortest_run <= 1.0:
            raise AdafocusError(
                f"The recipe's shortest_run is {self.shortest_run}, expected a share above 0 and at most 1."
            )
        if self.classifier is None and self.shortest_run < 1.0:
            raise AdafocusError("The recipe's shortest_run is of a classifier's clips. Leave it out with a preset.")
        if not 0.0 <= self.random_boxes <= 1.0:
            raise AdafocusError(f"The recipe's random_boxes is {self.random_boxes}, expected a share from 0 to 1.")
        if not all(0.0 < scale <= 1.0 for scale in self.crop_scales):
            raise AdafocusError(f"The recipe's crop_scales are {list(self.crop_scales)}, expected above 0, at most 1.")
        if self.hard_weight <= 0.0 and self.soft_weight <= 0.0:
            raise AdafocusError(
                "The recipe's hard_weight and soft_weight are both 0, so nothing would train the network."
            )

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a YAML file of these fields.

        Raises:
            AdafocusError: no such file, or a key or value that is none of a recipe's.
        """
        if not path.is_file():
            raise AdafocusError(f"There is no recipe at {path}. Give the path of a YAML file.")
        try:
            content = read_yaml(path)
        except ValueError as error:
            raise AdafocusError(f"{path} is no YAML file ({error}). Write lines such as 'epochs: 20'.") from error
        known = {entry.name for entry in fields(cls)}
        if not isinstance(content, dict) or set(content) - known:
            found = sorted(set(map(str, content)) - known) if isinstance(content, dict) else [type(content).__name__]
            raise AdafocusError(
                f"{path} holds {', '.join(found)}, expected keys of a recipe: {', '.join(sorted(known))}."
            )
        try:
            return cls.from_dict(content)
        except (TypeError, ValueError) as error:
            raise AdafocusError(f"{path} is no recipe: {error}.") from error
        except AdafocusError as error:
            raise AdafocusError(f"{path}: {error}") from error

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Recipe:
        """Build a recipe from what :meth:`as_dict` returns, or from the content of a YAML file.

        Raises:
            AdafocusError: a value is of another type or out of range; the message names the key.
        """
        values = dict(content)
        if isinstance(values.get("rates"), dict):
            values["rates"] = {**PUBLISHED_RATES, **values["rates"]}
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise AdafocusError(
                f"The recipe's {place} is {reprlib.repr(first['input'])[:MAX_SHOWN]}: {first['msg']}. Correct it, or "
                "leave it out."
            ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for logs and checkpoints."""
        return {**asdict(self), "frozen": list(self.frozen), "crop_scales": list(self.crop_scales)}

    def config(self, num_classes: int) -> networks.NetworkConfig:
        """Return the shape of the Uni-AdaFocus network that is trained.

        Raises:
            AdafocusError: the preset does not exist, or its overrides cannot be built.
        """
        changes = {key: tuple(value) if isinstance(value, list) else value for key, value in self.overrides.items()}
        try:
            return networks.preset(self.preset, **{**changes, "num_classes": num_classes})
        except (NetworkError, TypeError, ValueError) as error:
            raise AdafocusError(f"The recipe's network cannot be built: {error}") from error
