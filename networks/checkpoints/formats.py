"""Formats of checkpoints, one table: how to recognize each, and what its tensors are called here.

A new format is one row of :data:`FORMATS`. Rules are tried in order on every key without its wrappers; the
first whose pattern matches the whole key gives the key in this project's names. Layouts: official Uni-AdaFocus code
(commit 8846488), MIT temporal-shift-module, PyTorchVideo 0.1.5, torchvision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Rule = tuple[str, "str | Callable[[re.Match[str]], str]"]


@dataclass(frozen=True)
class CheckpointFormat:
    """One kind of checkpoint.

    Attributes:
        name: what to call it in sentences.
        variant: of Uni-AdaFocus, or None for a classifier of one encoder.
        marks: patterns that all occur among its keys and together among no other's.
        rules: pattern of a key -> the key here; a classifier's keys begin with ``encoder.`` or ``head.``.
        unused: patterns of keys that inference and training of this project do not need.
        zeros: patterns of keys that have no place here, so that their tensors must be zero.
        identity: patterns of keys here that the checkpoint lacks because the layer does nothing in it: batch norms that
            are not there, or that are folded into the convolutions before them.
        adapts: whether training that starts from it takes its classifier as well, and adapts the first layer to the
            normalization of the network's own pixels.
    """

    name: str
    variant: str | None
    marks: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    unused: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    adapts: bool = False

    def matches(self, keys: Iterable[str]) -> bool:
        """Return whether keys are those of this format."""
        return all(any(re.match(mark, key) for key in keys) for mark in self.marks)

    def translate(self, key: str) -> str | None:
        """Return the key here, None where it is known and not used; a key that no rule knows keeps its name."""
        if any(re.fullmatch(pattern, key) for pattern in (*self.unused, *self.zeros)):
            return None
        for pattern, replacement in self.rules:
            match = re.fullmatch(pattern, key)
            if match:
                return replacement(match) if callable(replacement) else match.expand(replacement)
        return key


def _under(prefix: str, target: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Place the rules of an encoder where it stands in a larger checkpoint."""

    def placed(replacement: str | Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        """Put the target before what the rule gives."""
        return lambda match: target + (replacement(match) if callable(replacement) else match.expand(replacement))

    return tuple((prefix + pattern, placed(replacement)) for pattern, replacement in rules)


MOBILENET_LAYERS = {
    # blocks without expansion
    False: {0: "depthwise.conv", 1: "depthwise.bn", 3: "project.conv", 4: "project.bn"},
    True: {
        0: "expand.conv",
        1: "expand.bn",
        3: "depthwise.conv",
        4: "depthwise.bn",
        6: "project.conv",
        7: "project.bn",
    },
}


def _mobilenet_block(match: re.Match[str]) -> str:
    """Name a layer of an inverted residual."""
    block, layer = int(match["block"]), int(match["layer"])
    return f"blocks.{block - 1}.{MOBILENET_LAYERS[block > 1][layer]}.{match['leaf']}"


def _mobilenet_end(match: re.Match[str]) -> str:
    """Name a layer of the stem or of the last convolution."""
    place = "stem" if match["place"] == "0" else "head"
    return f"{place}.{('conv', 'bn')[int(match['layer'])]}.{match['leaf']}"


# tonylins' layout, with ".net" where a shift was wrapped around a convolution
MOBILENET_V2: tuple[Rule, ...] = (
    (r"features\.(?P<place>0|18)\.(?P<layer>[01])\.(?P<leaf>\w+)", _mobilenet_end),
    (r"features\.(?P<block>\d+)\.conv\.(?P<layer>\d)\.(?:net\.)?(?P<leaf>\w+)", _mobilenet_block),
)
MOBILENET_BLOCKS = 17


def _folded_mobilenet(match: re.Match[str]) -> str:
    """Name a tensor of torchvision's layout whose biases are those of folded batch norms."""
    block = int(match["block"])
    leaf = "conv.weight" if match["leaf"] == "weight" else "bn.bias"
    if block in (0, MOBILENET_BLOCKS + 1):
        return f"encoder.{'stem' if block == 0 else 'head'}.{leaf}"
    layers = ("depthwise", "project") if block == 1 else ("expand", "depthwise", "project")
    return f"encoder.blocks.{block - 1}.{layers[int(match['layer'])]}.{leaf}"


RESNET: tuple[Rule, ...] = ((r"(?P<start>conv1|bn1|layer\d\..+?)(?:\.net)?\.(?P<leaf>\w+)", r"\g<start>.\g<leaf>"),)

X3D_LAYERS = {
    "branch1": "branch1",
    "branch1_bn": "bn_1",
    "branch2.a": "conv_a",
    "branch2.a_bn": "bn_a",
    "branch2.b": "conv_b",
    "branch2.b_bn": "bn_b",
    "branch2.c": "conv_c",
    "branch2.c_bn": "bn_c",
    "branch2.se.fc1": "se.fc1",
    "branch2.se.fc2": "se.fc2",
    # PyTorchVideo
    "branch1_conv": "branch1",
    "branch1_norm": "bn_1",
    "branch2.conv_a": "conv_a",
    "branch2.norm_a": "bn_a",
    "branch2.conv_b": "conv_b",
    "branch2.norm_b.0": "bn_b",
    "branch2.norm_b.1.block.0": "se.fc1",
    "branch2.norm_b.1.block.2": "se.fc2",
    "branch2.conv_c": "conv_c",
    "branch2.norm_c": "bn_c",
}


def _x3d_block(first_stage: int) -> Callable[[re.Match[str]], str]:
    """Make the rule of a residual block in a layout whose stages are counted from ``first_stage``."""

    def name(match: re.Match[str]) -> str:
        """Name a layer of the block."""
        stage, layer = int(match["stage"]) - first_stage, X3D_LAYERS.get(match["layer"], match["layer"])
        return f"stages.{stage}.{match['block']}.{layer}.{match['leaf']}"

    return name


OFFICIAL_X3D: tuple[Rule, ...] = (
    (r"s1\.pathway0_stem\.conv_xy\.(\w+)", r"stem_xy.\1"),
    (r"s1\.pathway0_stem\.conv\.(\w+)", r"stem_t.\1"),
    (r"s1\.pathway0_stem\.bn\.(\w+)", r"stem_bn.\1"),
    (r"s(?P<stage>\d)\.pathway0_res(?P<block>\d+)\.(?P<layer>.+)\.(?P<leaf>\w+)", _x3d_block(2)),
    (r"head\.conv_5\.(\w+)", r"head_conv.\1"),
    (r"head\.conv_5_bn\.(\w+)", r"head_bn.\1"),
)
# PyTorchVideo calls the spatial convolution of the stem conv_t and the temporal one conv_xy
PYTORCHVIDEO_X3D: tuple[Rule, ...] = (
    (r"blocks\.0\.conv\.conv_t\.(\w+)", r"encoder.stem_xy.\1"),
    (r"blocks\.0\.conv\.conv_xy\.(\w+)", r"encoder.stem_t.\1"),
    (r"blocks\.0\.norm\.(\w+)", r"encoder.stem_bn.\1"),
    *_under(
        "",
        "encoder.",
        [(r"blocks\.(?P<stage>\d)\.res_blocks\.(?P<block>\d+)\.(?P<layer>.+)\.(?P<leaf>\w+)", _x3d_block(1))],
    ),
    (r"blocks\.5\.pool\.pre_conv\.(\w+)", r"encoder.head_conv.\1"),
    (r"blocks\.5\.pool\.pre_norm\.(\w+)", r"encoder.head_bn.\1"),
    (r"blocks\.5\.pool\.post_conv\.(\w+)", r"head.lin.\1"),
    (r"blocks\.5\.proj\.(\w+)", r"head.fc.\1"),
)

FOLDED_X3D: tuple[Rule, ...] = (
    (r"head_lin\.(\w+)", r"head.lin.\1"),
    (r"fc\.(\w+)", r"head.fc.\1"),
    (r"stem_t\.bias", "encoder.stem_bn.bias"),
    (r"head_conv\.bias", "encoder.head_bn.bias"),
    (r"(.+)\.conv_([abc])\.bias", r"encoder.\1.bn_\2.bias"),
    (r"(.+)\.branch1\.bias", r"encoder.\1.bn_1.bias"),
    (r"(.+)", r"encoder.\1"),
)

POLICIES: tuple[Rule, ...] = (
    (r"spatial_policy\.(.+)", r"spatial_policy.\1"),
    (r"temporal_policy\.Tconv\.(.+)", r"temporal_policy.encoder.\1"),
)

OWN_CLASSIFIER = "adafocus-edge, classifier of adafocus train"

FORMATS: tuple[CheckpointFormat, ...] = (
    CheckpointFormat(
        "official Uni-AdaFocus, long",
        "long",
        (r"classifier\.global_mlp\.layers\.", r"spatial_policy\."),
        (
            *_under(r"global_CNN\.", "global_encoder.", MOBILENET_V2),
            *_under(r"local_CNN\.", "local_encoder.", RESNET),
            *POLICIES,
            (r"classifier\.(global|local)_mlp\.layers\.0\.(\w+)", r"classifier.\1_mlp.lin.\2"),
            (r"classifier\.(global|local)_mlp\.layers\.1\.(\w+)", r"classifier.\1_mlp.bn.\2"),
            (r"classifier\.(global|local)_classifiers\.(\d+)\.1\.(\w+)", r"classifier.\1_heads.\2.fc.\3"),
            (r"(global|local)_CNN_fc\.1\.(\w+)", r"training_heads.\1_frame.fc.\2"),
            (r"aux_fc\.(\w+)", r"training_heads.feature_crop.\1"),
        ),
        (r"global_CNN\.classifier\..+", r"local_CNN\.fc\..+"),
    ),
    CheckpointFormat(
        "official Uni-AdaFocus, TSM",
        "tsm",
        (r"global_CNN\.base_model\.", r"spatial_policy\."),
        (
            *_under(r"global_CNN\.base_model\.", "global_encoder.", MOBILENET_V2),
            *_under(r"local_CNN\.base_model\.", "local_encoder.", RESNET),
            *POLICIES,
            (r"global_CNN\.new_fc\.(\w+)", r"global_head.fc.\1"),
            (r"global_CNN\.new_new_fc\.(\w+)", r"global_aux_head.fc.\1"),
            (r"local_CNN\.new_fc\.(\w+)", r"local_head.fc.\1"),
            (r"local_CNN\.new_new_fc\.(\w+)", r"training_heads.local_aux.fc.\1"),
            (r"aux_fc\.(\w+)", r"training_heads.feature_crop.\1"),
        ),
    ),
    CheckpointFormat(
        "official Uni-AdaFocus, X3D",
        "x3d",
        (r"global_CNN\.s1\.pathway0_stem", r"spatial_policy\."),
        (
            (r"(global|local)_CNN\.head\.lin_5\.(\w+)", r"\1_head.lin.\2"),
            (r"(global|local)_CNN\.head\.projection\.(\w+)", r"\1_head.fc.\2"),
            *_under(r"global_CNN\.", "global_encoder.", OFFICIAL_X3D),
            *_under(r"local_CNN\.", "local_encoder.", OFFICIAL_X3D),
            *POLICIES,
            (r"global_CNN_head\.0\.(\w+)", r"global_aux_head.lin.\1"),
            (r"global_CNN_head\.3\.(\w+)", r"global_aux_head.fc.\1"),
            (r"local_CNN_head\.0\.(\w+)", r"training_heads.local_aux.lin.\1"),
            (r"local_CNN_head\.3\.(\w+)", r"training_heads.local_aux.fc.\1"),
            (r"aux_head\.0\.(\w+)", r"training_heads.feature_crop.\1"),
        ),
    ),
    CheckpointFormat(
        "PyTorchVideo X3D",
        None,
        (r"blocks\.0\.conv\.conv_xy", r"blocks\.5\.proj"),
        PYTORCHVIDEO_X3D,
        identity=(r"encoder\.stages\.0\.0\.bn_1\..+",),
    ),
    CheckpointFormat(
        "temporal-shift-module (TSN, MobileNetV2)",
        None,
        (r"base_model\.features\.", r"new_fc\."),
        (
            *_under(r"base_model\.", "encoder.", MOBILENET_V2),
            (r"new_fc\.(\w+)", r"head.fc.\1"),
        ),
        (r"new_new_fc\..+",),
    ),
    CheckpointFormat(
        "temporal-shift-module (TSN, ResNet-50)",
        None,
        (r"base_model\.layer1\.", r"new_fc\."),
        (
            *_under(r"base_model\.", "encoder.", RESNET),
            (r"new_fc\.(\w+)", r"head.fc.\1"),
        ),
        (r"new_new_fc\..+",),
    ),
    CheckpointFormat(
        "X3D with folded batch norms",
        None,
        (r"stem_xy\.weight", r"fc\.weight"),
        FOLDED_X3D,
        # the only bias of a folded stem stands after its temporal convolution
        zeros=(r"stem_xy\.bias",),
        identity=(r"encoder\.(?:.+\.)?(?:stem_bn|head_bn|bn_[abc1])\.\w+",),
        adapts=True,
    ),
    CheckpointFormat(
        "MobileNetV2 with folded batch norms",
        None,
        (r"features\.0\.0\.bias", r"features\.1\.conv\.0\.0\.weight"),
        (
            (
                r"features\.(?P<block>\d+)\.(?:conv\.(?P<layer>\d)(?:\.0)?|0)\.(?P<leaf>weight|bias)",
                _folded_mobilenet,
            ),
            (r"(.+)", r"encoder.\1"),
        ),
        (r"classifier\..+",),
        identity=(r"encoder\.(?:.+\.)?bn\.\w+",),
        adapts=True,
    ),
    CheckpointFormat(
        "I3D with folded batch norms",
        None,
        (r"conv_1a\.weight", r"mixed_3b\.b0\.weight"),
        (
            (r"logits\.(\w+)", r"head.fc.\1"),
            (r"mixed_(\w+)\.(.+)", r"encoder.mixed.\1.\2"),
            (r"(.+)", r"encoder.\1"),
        ),
    ),
    CheckpointFormat("adafocus-edge, long", "long", (r"global_encoder\.", r"classifier\.global_mlp\.")),
    CheckpointFormat("adafocus-edge, x3d", "x3d", (r"global_encoder\.", r"global_head\.lin\.")),
    CheckpointFormat("adafocus-edge, tsm", "tsm", (r"global_encoder\.", r"global_head\.fc\.")),
    CheckpointFormat(OWN_CLASSIFIER, None, (r"encoder\.", r"head\.fc\."), adapts=True),
)


def recognize(keys: Iterable[str]) -> CheckpointFormat | None:
    """Return the format that keys, without ``module.``, belong to, or None."""
    listed = list(keys)
    return next((row for row in FORMATS if row.matches(listed)), None)
