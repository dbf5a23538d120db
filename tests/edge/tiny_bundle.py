"""A real bundle of a tiny random network: converted by the real converter, int8 glance and focus, float policy."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
from torch import Tensor, nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from converters.litert import convert_fp32, convert_int8, tensor_specs
from edge.bundle import Bundle, file_record, write_bundle
from edge.clip import Clip
from edge.manifest import STAGES, Geometry, Golden, GraphFile, Manifest, Precision, Provenance
from edge.recognizer import Recognizer
from edge.sampling import uniform_indices

LABELS = ("archery", "bowling", "chess", "diving", "eating", "fencing")
GEOMETRY = Geometry(
    variant="x3d",
    glance_frames=3,
    candidate_frames=12,
    focus_frames=4,
    frame_size=64,
    short_side=72,
    glance_size=48,
    patch_size=32,
    mean=(0.45, 0.40, 0.35),
    std=(0.225, 0.25, 0.2),
)
CHANNELS = 8
STRIDE = 8
BOX_MIN = 0.4


def _encoder() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, 2, 1), nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, STRIDE // 2, STRIDE // 2), nn.ReLU()
    )


class Glance(nn.Module):
    """``frames`` -> ``features``, ``glance_logits``, ``context``."""

    inputs = ("frames",)
    outputs = ("features", "glance_logits", "context")

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _encoder()
        self.aux, self.head = nn.Linear(CHANNELS, len(LABELS)), nn.Linear(CHANNELS, len(LABELS))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.encoder(frames)
        pooled = features.mean((2, 3))[:1]
        return features, self.aux(pooled), self.head(pooled)


class Policy(nn.Module):
    """``features`` -> ``boxes``, ``frame_weights``."""

    inputs = ("features",)
    outputs = ("boxes", "frame_weights")

    def __init__(self) -> None:
        super().__init__()
        self.boxes, self.frames = nn.Linear(CHANNELS, 4), nn.Linear(CHANNELS, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        pooled = features.mean((2, 3))
        raw = self.boxes(pooled)[:1].sigmoid()
        sides = BOX_MIN + (1.0 - BOX_MIN) * raw[:, 2:]
        return torch.cat((raw[:, :2] * (1.0 - sides), sides), 1), self.frames(pooled).reshape(1, -1).softmax(1)[0]


class Focus(nn.Module):
    """``patches``, ``context`` -> ``logits``."""

    inputs = ("patches", "context")
    outputs = ("logits",)

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = _encoder(), nn.Linear(CHANNELS, len(LABELS))

    def forward(self, patches: Tensor, context: Tensor) -> tuple[Tensor]:
        return (self.head(self.encoder(patches).mean((2, 3))[:1]) + context,)


def make_bundle(destination: Path, precision: Precision) -> Bundle:
    """Convert the same random network, int8 or float, and pack it with a golden clip of random frames."""
    torch.manual_seed(3)
    stages: dict[str, nn.Module] = {"glance": Glance().eval(), "policy": Policy().eval(), "focus": Focus().eval()}
    clip = golden_clip()

    def fill(folder: Path) -> Manifest:
        (folder / "graphs").mkdir()
        graphs = {stage: {"litert": _convert(module, folder, stage, precision)} for stage, module in stages.items()}
        (folder / "golden").mkdir()
        blank = {"file": "golden/clip.npz", "sha256": "0" * 64, "bytes": 1}
        manifest = Manifest(
            schema_version=1,
            name=f"tiny-{precision}",
            preset="tiny",
            geometry=GEOMETRY,
            labels=LABELS,
            stages=graphs,
            golden=Golden(source="random frames", frames=blank, answers=blank),
            provenance=Provenance(
                model="random",
                model_sha256="0" * 64,
                packages={"torch": version("torch")},
                created="2026-01-01T00:00:00Z",
            ),
        )
        answer = Recognizer(Bundle(folder, manifest), "litert", 1, None).recognize_clip(clip)
        np.savez(folder / "golden/clip.npz", glance=clip.glance, candidates=clip.candidates)
        np.savez(folder / "golden/answers.npz", **answer.outputs, frame_indices=np.array(answer.candidate_indices))
        golden = Golden(
            source="random frames",
            frames=file_record(folder, "golden/clip.npz"),
            answers=file_record(folder, "golden/answers.npz"),
        )
        return manifest.model_copy(update={"golden": golden})

    return write_bundle(destination, fill)


def golden_clip() -> Clip:
    """Smooth random frames in the tiny network's geometry."""
    rng = np.random.default_rng(5)
    size, glance, count = GEOMETRY.frame_size, GEOMETRY.glance_size, GEOMETRY.candidate_frames
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    candidates = coarse.repeat(size // 4, 1).repeat(size // 4, 2)
    chosen = uniform_indices(count, GEOMETRY.glance_frames)
    return Clip(
        np.ascontiguousarray(candidates[chosen, :glance, :glance]), candidates, chosen, np.arange(count), count, 10.0
    )


def _examples(stage: str) -> tuple[Tensor, ...]:
    geometry = GEOMETRY
    if stage == "glance":
        return (torch.randn(geometry.glance_frames, 3, geometry.glance_size, geometry.glance_size),)
    if stage == "policy":
        side = geometry.glance_size // STRIDE
        return (torch.rand(geometry.glance_frames, CHANNELS, side, side),)
    return (
        torch.randn(geometry.focus_frames, 3, geometry.patch_size, geometry.patch_size),
        torch.randn(1, len(LABELS)),
    )


def _convert(module: nn.Module, folder: Path, stage: str, precision: Precision) -> GraphFile:
    name = f"graphs/{stage}.tflite"
    kept: Precision = precision if stage != "policy" else "fp32"
    if kept == "int8":
        quantizer = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(torch.export.export(module, _examples(stage)).module(), quantizer)
        for _ in range(4):
            prepared(*_examples(stage))
        convert_int8(convert_pt2e(prepared, fold_quantize=False), _examples(stage), folder / name)
    else:
        convert_fp32(module, _examples(stage), folder / name)
    inputs, outputs = tensor_specs(folder / name, module.inputs, module.outputs)
    record = file_record(folder, name)
    return GraphFile(
        **record.model_dump(),
        precision=kept,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        macs=1 + STAGES.index(stage),
    )
