"""Which files of a bundle are proved, by what, and how far they are from the programs they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from converters.parity import Parity, Programs, compare
from edge.bundle import Bundle
from edge.clip import Clip
from edge.errors import AdafocusError
from edge.manifest import Precision, Runtime, Stage
from edge.recognizer import Recognizer
from edge.runtimes import Opener, open_graph, unavailable

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
    if problems:
        return Verdict("failed", "; ".join(problems), parity)
    if reason is not None:
        return Verdict(
            "converted, not verified here", f"{reason} An evaluator of its program agrees.", parity, "evaluator"
        )
    return Verdict("verified", "", parity, "runtime")


def opener_of(runtime: Runtime) -> Opener | None:
    """What opens a runtime's files here: the runtime, an evaluator in its place, or nothing."""
    if unavailable(runtime) is None:
        return open_graph
    if runtime not in EVALUATED:
        return None
    from converters.mil_evaluator import open_evaluated

    return open_evaluated


def whole_enough(reports: Sequence[tuple[Stage, bool]]) -> str | None:
    """A sentence on the stages that are not taken whole, or None."""
    split = [stage for stage, whole in reports if not whole]
    return f"{', '.join(split)} is not taken whole by one delegate" if split else None
