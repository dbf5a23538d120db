"""Which files of a bundle are proved, by what, and how far they are from the programs they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from adafocus.converters.verification.parity import Parity, Programs, StageParity, compare, compare_tensor
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import PARTS, Precision, Runtime, Stage
from adafocus.edge.bundle.tolerances import MAX_RELATIVE, MAX_STEPS, MAX_STEPS_OF_PARTS
from adafocus.edge.bundle.validation import part_contradiction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import Opener, open_graph, unavailable
from adafocus.edge.runtimes.tensors import dequantize
from adafocus.edge.video.clip import Clip
from adafocus.errors import AdafocusError

State = Literal["verified", "converted, not verified here", "failed"]
# runtimes whose files can be evaluated where the runtime itself does not exist
EVALUATED: tuple[Runtime, ...] = ("coreml",)


@dataclass
class Verdict:
    """What is known of the files for one runtime.

    Attributes:
        state: verified by the runtime itself, converted but not verified here, or failed.
        why: the reason, where the state is not ``verified``.
        parity: how far they are from the programs; None where nothing could be run.
        proved_by: what answered like the programs; None where nothing did.
    """

    state: State
    why: str = ""
    parity: Parity | None = None
    proved_by: Literal["runtime", "evaluator"] | None = None


def verify_runtime(
    bundle: Bundle,
    runtime: Runtime,
    programs: Programs,
    clips: Iterable[Clip],
    precision: Precision,
    threads: int = 2,
) -> Verdict:
    """Run one runtime's files beside the programs on real clips."""
    reason = unavailable(runtime)
    opener = opener_of(runtime)
    if opener is None:
        return Verdict("converted, not verified here", reason or "")
    try:
        parity = compare(Recognizer(bundle, runtime, threads, None, opener), programs, clips, precision)
    except AdafocusError as error:
        return Verdict("failed", str(error))
    problems = parity.broken()
    return Verdict("failed", "; ".join(problems), parity) if problems else _agreed(reason, parity)


def _agreed(reason: str | None, parity: Parity | None) -> Verdict:
    """What is known of files that answer like the programs; ``reason``: why the runtime itself could not say so."""
    if reason is None:
        return Verdict("verified", "", parity, "runtime")
    return Verdict("converted, not verified here", f"{reason} An evaluator of its program agrees.", parity, "evaluator")


def verify_parts(
    bundle: Bundle,
    runtime: Runtime,
    programs: Programs,
    clips: Iterable[Clip],
    precision: Precision,
    threads: int = 2,
) -> Verdict:
    """Take the glance of real clips frame by frame, beside one runtime's own glance graph and the program of it."""
    reason, opener = unavailable(runtime), opener_of(runtime)
    if opener is None:
        return Verdict("converted, not verified here", reason or "")
    for part in PARTS:
        unlike = part_contradiction(bundle.manifest, part, runtime)
        if unlike is not None:
            return Verdict("failed", unlike)
    to_whole, to_program = StageParity(), StageParity()
    specs = bundle.graph("glance", runtime)[1]
    try:
        whole = Recognizer(bundle, runtime, threads, None, opener)
        parts = Recognizer(bundle, runtime, threads, None, opener, incremental=True)
        for clip in clips:
            wanted = whole.recognize_clip(clip, stop_after="glance").calls[0]
            given = parts.recognize_clip(clip, stop_after="glance").calls[0]
            frames = dequantize(wanted.inputs["frames"], specs.inputs[0])
            for spec, answer in zip(specs.outputs, programs["glance"]([frames]), strict=True):
                compare_tensor(to_program, given.outputs[spec.name], answer.numpy(), spec)
                compare_tensor(to_whole, given.outputs[spec.name], dequantize(wanted.outputs[spec.name], spec), spec)
    except AdafocusError as error:
        return Verdict("failed", str(error))
    problems = [
        f"the glance frame by frame is {found.steps} output steps and {found.relative:.1e} away from {name}, at most "
        f"{most} and {MAX_RELATIVE[precision]:.0e} are allowed"
        for name, found, most in (
            ("the glance graph", to_whole, MAX_STEPS_OF_PARTS),
            ("the trained program", to_program, MAX_STEPS),
        )
        if found.steps > most or not found.relative <= MAX_RELATIVE[precision]
    ]
    return Verdict("failed", "; ".join(problems)) if problems else _agreed(reason, None)


def opener_of(runtime: Runtime) -> Opener | None:
    """What opens a runtime's files here: the runtime, an evaluator in its place, or nothing."""
    if unavailable(runtime) is None:
        return open_graph
    if runtime not in EVALUATED:
        return None
    from adafocus.converters.verification.coreml_evaluator import open_evaluated

    return open_evaluated


def whole_enough(reports: Sequence[tuple[Stage, bool]]) -> str | None:
    """A sentence on the stages that are not taken whole, or None."""
    split = [stage for stage, whole in reports if not whole]
    return f"{', '.join(split)} is not taken whole by one delegate" if split else None
