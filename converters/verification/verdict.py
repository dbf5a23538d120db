"""Which files of a bundle are verified, by what, and how far they are from the programs they were made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import Literal

from adafocus.converters.backends.registry import BACK_ENDS
from adafocus.converters.verification.parity import Parity, Programs, StageParity, compare, compare_tensor
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import PARTS, Precision, Runtime
from adafocus.edge.bundle.tolerances import MAX_RELATIVE, MAX_STEPS, MAX_STEPS_OF_PARTS
from adafocus.edge.bundle.validation import part_contradiction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import Opener, open_graph, unavailable
from adafocus.edge.runtimes.accelerators import proof_of
from adafocus.edge.runtimes.tensors import dequantize
from adafocus.edge.video.clip import Clip
from adafocus.errors import AdafocusError

State = Literal["verified", "converted, not verified here", "failed"]
NOT_HERE: State = "converted, not verified here"


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
    accelerator: str | None = None,
) -> Verdict:
    """Run one runtime's files beside the programs on real clips, on its usual processor or an accelerator."""
    proof = proof_of(runtime, accelerator, precision)

    def check(opener: Opener) -> tuple[list[str], Parity]:
        recognizer = Recognizer(bundle, runtime, threads, None, opener, accelerator=accelerator)
        parity = compare(recognizer, programs, clips, precision)
        return parity.broken(proof), parity

    return _verdict(runtime, check, accelerator)


def verify_parts(
    bundle: Bundle,
    runtime: Runtime,
    programs: Programs,
    clips: Iterable[Clip],
    precision: Precision,
    threads: int = 2,
) -> Verdict:
    """Take the glance of real clips frame by frame, beside one runtime's own glance graph and the program of it."""

    def check(opener: Opener) -> tuple[list[str], None]:
        for part in PARTS:
            unlike = part_contradiction(bundle.manifest, part, runtime)
            if unlike is not None:
                return [unlike], None
        to_whole, to_program = StageParity(), StageParity()
        specs = bundle.graph("glance", runtime)[1]
        whole = Recognizer(bundle, runtime, threads, None, opener)
        parts = Recognizer(bundle, runtime, threads, None, opener, incremental=True)
        for clip in clips:
            wanted = whole.recognize_clip(clip, stop_after="glance").calls[0]
            given = parts.recognize_clip(clip, stop_after="glance").calls[0]
            frames = dequantize(wanted.inputs["frames"], specs.inputs[0])
            for spec, answer in zip(specs.outputs, programs["glance"]([frames]), strict=True):
                compare_tensor(to_program, given.outputs[spec.name], answer.numpy(), spec)
                compare_tensor(to_whole, given.outputs[spec.name], dequantize(wanted.outputs[spec.name], spec), spec)
        most_relative = MAX_RELATIVE[precision]
        compared = (
            ("the glance graph", to_whole, MAX_STEPS_OF_PARTS),
            ("the trained program", to_program, MAX_STEPS),
        )
        return [
            f"the glance frame by frame is {found.steps} output steps and {found.relative:.1e} away from {name}, at "
            f"most {most_steps} and {most_relative:.0e} are allowed"
            for name, found, most_steps in compared
            if not found.within(most_steps, most_relative)
        ], None

    return _verdict(runtime, check)


def _verdict(
    runtime: Runtime,
    check: Callable[[Opener], tuple[list[str], Parity | None]],
    accelerator: str | None = None,
) -> Verdict:
    """Check a runtime's files by what opens them here: the runtime itself, or an evaluator in its place.

    Args:
        runtime: whose files.
        check: returns sentences on every bound that does not hold, and the parity where there is one.
        accelerator: of the runtime; no evaluator takes its place.
    """
    reason, opener = unavailable(runtime), opener_of(runtime, accelerator)
    if opener is None:
        return Verdict(NOT_HERE, reason or "")
    try:
        problems, parity = check(opener)
    except AdafocusError as error:
        return Verdict("failed", str(error))
    if problems:
        return Verdict("failed", "; ".join(problems), parity)
    if reason is None:
        return Verdict("verified", "", parity, "runtime")
    return Verdict(NOT_HERE, f"{reason} An evaluator of its program agrees.", parity, "evaluator")


def opener_of(runtime: Runtime, accelerator: str | None = None) -> Opener | None:
    """Return what opens a runtime's files here: the runtime, an evaluator in its place, or nothing."""
    if unavailable(runtime) is None:
        return open_graph if accelerator is None else partial(open_graph, accelerator=accelerator)
    if accelerator is not None:
        return None
    row = BACK_ENDS.get(runtime)
    return None if row is None or row.evaluator is None else resolve_name(row.evaluator)
