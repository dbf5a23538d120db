"""Verification: a converted file computes what the program computes that it was converted from, on real clips."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adafocus.calibration.quantization.model_file import StoredModel
from adafocus.calibration.quantization.tie_free_scales import reference_program
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import GraphFile, Precision, Stage, TensorSpec
from adafocus.edge.bundle.tolerances import MAX_RELATIVE, MAX_STEPS, SAME_CHOICES
from adafocus.edge.recognizer import Prediction, Recognizer
from adafocus.edge.runtimes.accelerators import EXACT, Proof
from adafocus.edge.runtimes.graph import Arrays, Graph
from adafocus.edge.runtimes.tensors import dequantize, quantize
from adafocus.edge.video.clip import Clip

BEST = 5


@dataclass
class StageParity:
    """Largest difference of one stage: in output steps for integers, relative to the largest value for floats."""

    steps: int = 0
    relative: float = 0.0

    def within(self, most_steps: int, most_relative: float) -> bool:
        """Say whether both bounds hold; a number that is none does not."""
        return self.steps <= most_steps and self.relative <= most_relative


@dataclass
class Parity:
    """How far a bundle's files are from the programs they were converted from.

    Attributes:
        precision: of the glance and the focus.
        clips: how many clips were compared.
        stages: by stage, each given the very inputs that the runtime gave it.
        same_label: clips on which both chains, each on its own, end with the same best label.
        same_best: the same for the five best labels, in the same order up to equal scores.
        same_frames: clips on which both chose the same frames.
        largest_box: largest difference of a box side or position, in fractions of the frame.
    """

    precision: Precision
    clips: int = 0
    stages: dict[str, StageParity] = field(default_factory=dict)
    same_label: int = 0
    same_best: int = 0
    same_frames: int = 0
    largest_box: float = 0.0

    def broken(self, proof: Proof = EXACT) -> list[str]:
        """Return sentences on every bound that does not hold.

        Args:
            proof: what is asked of an accelerator. Where labels are counted, the differences of the glance and the
                focus are told and not judged; the policy is held to its bound all the same.
        """
        most = MAX_RELATIVE[self.precision]
        if proof.kind == "bounded" and proof.relative is not None:
            most = proof.relative
        judged = {"policy"} if proof.kind == "labels" else set(self.stages)
        problems = [
            f"{name} is {parity.steps} output steps and {parity.relative:.1e} away, at most {MAX_STEPS} and "
            f"{most:.0e} are allowed"
            for name, parity in self.stages.items()
            if name in judged and not parity.within(MAX_STEPS if proof.steps is None else proof.steps, most)
        ]
        if self.precision not in SAME_CHOICES or proof.kind == "labels":
            return problems
        if self.same_label < self.clips:
            problems.append(f"the best label differs on {self.clips - self.same_label} of {self.clips} clips")
        if self.same_frames < self.clips:
            problems.append(f"other frames are chosen on {self.clips - self.same_frames} of {self.clips} clips")
        return problems


class Program:
    """A stage that remembers its outputs: runtimes that are exact ask for the same ones again and again."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._outputs: dict[bytes, tuple[Tensor, ...]] = {}

    @torch.no_grad()
    def __call__(self, arrays: Sequence[NDArray[np.float32]]) -> tuple[Tensor, ...]:
        """Compute the outputs of real-valued inputs."""
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        key = digest.digest()
        if key not in self._outputs:
            self._outputs[key] = tuple(self._module(*map(torch.from_numpy, arrays)))
        return self._outputs[key]


Programs = dict[Stage, Program]


class ProgramGraph:
    """A stage of the reference as a runtime: it takes and gives what the converted file takes and gives."""

    def __init__(self, program: Program, description: GraphFile) -> None:
        self._program = program
        self.inputs, self.outputs = description.inputs, description.outputs

    def real(self, arrays: Arrays) -> tuple[Tensor, ...]:
        """Compute the outputs in real numbers."""
        return self._program([dequantize(arrays[spec.name], spec) for spec in self.inputs])

    def run(self, arrays: Arrays) -> Arrays:
        """Compute the outputs with the scales and zero points of the converted file."""
        pairs = zip(self.outputs, self.real(arrays), strict=True)
        return {spec.name: quantize(tensor.numpy(), spec) for spec, tensor in pairs}


def reference_stages(model: StoredModel, precision: Precision) -> Programs:
    """Return what the converted stages must equal: quantized programs, or the float graphs of the same weights."""
    modules: dict[str, nn.Module] = model.stages.modules()
    if precision == "int8":
        modules |= {stage: reference_program(graph) for stage, graph in model.prepared.items()}  # type: ignore[misc]
    return {stage: Program(module) for stage, module in modules.items()}


def _reference(bundle: Bundle, runtime: str, programs: Programs) -> tuple[Recognizer, dict[Stage, ProgramGraph]]:
    """Open the programs of a model as a runtime that does what a bundle's files do, and give its graphs too."""
    graphs: dict[Stage, ProgramGraph] = {}

    def opened(name: str, path: Path, description: GraphFile, threads: int) -> Graph:
        stage = next(stage for stage in programs if bundle.graph(stage, runtime)[1] is description)
        graphs[stage] = ProgramGraph(programs[stage], description)
        return graphs[stage]

    return Recognizer(bundle, runtime, 1, None, opened), graphs


def compare(recognizer: Recognizer, programs: Programs, clips: Iterable[Clip], precision: Precision) -> Parity:
    """Run clips through the device code and through the programs: each stage on equal inputs, then both chains."""
    result = Parity(precision, stages={stage: StageParity() for stage in programs})
    reference, graphs = _reference(recognizer.bundle, recognizer.runtime, programs)
    for clip in clips:
        given = recognizer.recognize_clip(clip)
        for call in given.calls:
            graph = graphs[call.stage]
            for spec, tensor in zip(graph.outputs, graph.real(call.inputs), strict=True):
                compare_tensor(result.stages[call.stage], call.outputs[spec.name], tensor.numpy(), spec)
        wanted = reference.recognize_clip(clip)
        result.clips += 1
        result.same_label += _equal_at(given.logits, wanted.logits, 1)
        result.same_best += _equal_at(given.logits, wanted.logits, BEST)
        result.same_frames += given.candidate_indices == wanted.candidate_indices
        result.largest_box = max(result.largest_box, _box_difference(given, wanted))
    return result


def compare_tensor(
    parity: StageParity, given: NDArray[np.generic], wanted: NDArray[np.generic], spec: TensorSpec
) -> None:
    """Widen a parity by the difference of one tensor, ``given`` as it is stored and ``wanted`` in real numbers."""
    expected, found = wanted.astype(np.float64), given.astype(np.float64)
    if spec.scale is None or spec.zero_point is None:
        difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
        # a comparison with a number that is none must not pass
        parity.relative = max(parity.relative, difference) if np.isfinite(difference) else float("inf")
        return
    codes = np.rint(expected / spec.scale) + spec.zero_point
    parity.steps = max(parity.steps, int(np.abs(found - codes).max()))


def _equal_at(given: NDArray[np.floating], wanted: NDArray[np.floating], count: int) -> bool:
    """Say whether the best labels agree; labels whose scores are equal may trade places."""
    ours, theirs = (np.argsort(-logits, kind="stable")[:count] for logits in (given, wanted))
    return bool(np.array_equal(ours, theirs) or np.array_equal(wanted[ours], wanted[theirs]))


def _box_difference(given: Prediction, wanted: Prediction) -> float:
    """Return the largest difference of a box side or position, in fractions of the frame."""
    if given.boxes.shape != wanted.boxes.shape or not given.boxes.size:
        return 0.0
    return float(np.abs(given.boxes - wanted.boxes).max())
