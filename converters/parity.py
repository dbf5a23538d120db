"""Proof: a converted file answers like the quantised program on real clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibration.model_file import QuantisedModel
from calibration.quantization import quantised_program
from edge.clip import Clip
from edge.errors import AdafocusError
from edge.manifest import STAGES, Stage, TensorSpec
from edge.quantization import dequantise
from edge.recognizer import Prediction, Recognizer

MOST_STEPS = 1
MOST_RELATIVE = 1e-4
BEST = 5


@dataclass
class StageParity:
    """Largest difference of one stage: in output steps for integers, relative to the largest value for floats."""

    steps: int = 0
    relative: float = 0.0


@dataclass
class Parity:
    """How far a bundle is from the program it was converted from.

    Attributes:
        clips: how many clips were compared.
        stages: by stage.
        same_best: clips on which the five best labels are the same, in the same order up to equal scores.
    """

    clips: int = 0
    stages: dict[str, StageParity] = field(default_factory=lambda: {stage: StageParity() for stage in STAGES})
    same_best: int = 0

    def broken(self) -> list[str]:
        """Sentences on every bound that does not hold."""
        problems = [
            f"{name} is {parity.steps} output steps and {parity.relative:.1e} away"
            for name, parity in self.stages.items()
            if parity.steps > MOST_STEPS or parity.relative > MOST_RELATIVE
        ]
        if self.same_best < self.clips:
            problems.append(f"the {BEST} best labels differ on {self.clips - self.same_best} of {self.clips} clips")
        return problems


def reference_stages(model: QuantisedModel, precision: str) -> dict[Stage, nn.Module]:
    """What the converted stages must equal: quantised programs, or the float graphs of the same weights."""
    if precision == "fp32":
        return {stage: model.stages.modules()[stage] for stage in STAGES}
    programs = {stage: quantised_program(graph) for stage, graph in model.prepared.items()}
    return {"glance": programs["glance"], "policy": model.stages.policy, "focus": programs["focus"]}


def compare(recognizer: Recognizer, reference: dict[Stage, nn.Module], clips: Iterable[Clip]) -> Parity:
    """Run clips through the device code and give each stage's reference the very inputs that the stage got."""
    result = Parity()
    records = {stage: recognizer.bundle.graph(stage, recognizer.runtime)[1] for stage in STAGES}  # type: ignore[arg-type]
    for clip in clips:
        prediction = recognizer.recognize_clip(clip)
        given = recognizer.stage_inputs(clip, prediction)
        result.clips += 1
        for stage in STAGES:
            inputs = [
                torch.from_numpy(dequantise(given[f"{stage}.{spec.name}"], spec)) for spec in records[stage].inputs
            ]
            with torch.no_grad():
                wanted = reference[stage](*inputs)
            for spec, tensor in zip(records[stage].outputs, wanted, strict=True):
                _compare_tensor(result.stages[stage], prediction.outputs[f"{stage}.{spec.name}"], tensor, spec)
        result.same_best += _same_best(prediction, wanted[0])
    return result


def require(parity: Parity, runtime: str) -> None:
    """Refuse a conversion that is not proved.

    Raises:
        AdafocusError: names every bound that is broken.
    """
    problems = parity.broken()
    if problems:
        raise AdafocusError(
            f"The graphs converted for {runtime} are not the trained ones: {'; '.join(problems)}. Nothing is written."
        )


def _compare_tensor(parity: StageParity, given: NDArray[np.generic], wanted: Tensor, spec: TensorSpec) -> None:
    expected = wanted.numpy().astype(np.float64)
    if spec.scale is None or spec.zero_point is None:
        difference = np.abs(given.astype(np.float64) - expected).max() / max(np.abs(expected).max(), 1e-12)
        parity.relative = max(parity.relative, float(difference))
        return
    codes = np.rint(expected / spec.scale) + spec.zero_point
    parity.steps = max(parity.steps, int(np.abs(given.astype(np.int64) - codes).max()))


def _same_best(prediction: Prediction, wanted: Tensor) -> bool:
    """Whether both rankings agree; labels whose scores are equal may trade places."""
    reference = wanted.numpy().reshape(-1)
    ours = np.argsort(-prediction.logits, kind="stable")[:BEST]
    theirs = np.argsort(-reference, kind="stable")[:BEST]
    return bool(np.array_equal(ours, theirs) or np.array_equal(reference[ours], reference[theirs]))
