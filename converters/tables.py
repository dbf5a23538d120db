"""What a conversion or a verification found, as tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.converters.export import Exported
from adafocus.converters.verification.parity import Parity
from adafocus.converters.verification.verdict import NOT_HERE, Verdict
from adafocus.edge.bundle.manifest import PARTS, STAGES, Runtime
from adafocus.edge.selftest import GoldenCheck

STYLES = {"verified": "green", NOT_HERE: "yellow", "failed": "red"}


def show_export(exported: Exported, console: Console) -> None:
    """Print what was made, how much of it is delegated, and how exact it is."""
    notes = []
    table = Table("runtime", "stage", "MB", "GMAC", "delegates", "accelerated", "difference")
    for (runtime, stage), report in sorted(
        exported.reports.items(), key=lambda item: (item[0][0], (*STAGES, *PARTS).index(item[0][1]))
    ):
        verdict = exported.verdicts[runtime]
        outside = ", ".join(f"{count} {name}" for name, count in report.left_out.items())
        table.add_row(
            runtime,
            stage,
            f"{report.weight_bytes / 1e6:.2f}",
            f"{report.macs / 1e9:.3f}",
            "-" if report.delegates is None else str(report.delegates),
            f"{100 * report.delegated_share:.1f} %",
            _of_part(exported.parts.get(runtime)) if stage in PARTS else difference(verdict.parity, stage),
        )
        if outside:
            notes.append(f"{runtime} {stage}, not accelerated: {outside}")
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)
    show_verdicts(exported.verdicts, console)
    for runtime, verdict in exported.parts.items():
        if verdict.why:
            console.print(f"{runtime}, glance frame by frame: {escape(verdict.why)}", highlight=False)
    console.print(
        "accelerated: share of the GMAC in delegates, or in integer kernels of an int8 graph; difference to the "
        "trained program on real clips: output steps of integers, relative for floats; "
        f"{exported.seconds:.0f} s in all",
        highlight=False,
    )


def difference(parity: Parity | None, stage: str) -> str:
    """Return the largest difference of a stage: in steps for integer outputs, relative for float outputs."""
    if parity is None or stage not in parity.stages:
        return "-"
    found = parity.stages[stage]
    parts = [f"{found.steps} steps"] if parity.precision == "int8" and stage != "policy" and not found.relative else []
    return " ".join(parts) or f"{found.relative:.0e}"


def _of_part(verdict: Verdict | None) -> str:
    """Say whether a part of the glance may go into the bundle."""
    return "as glance" if verdict is not None and verdict.proved_by is not None else "-"


def show_verdicts(verdicts: dict[Runtime, Verdict], console: Console) -> None:
    """Print a line for each runtime: its state, agreement of both chains, and why where it is not verified."""
    table = Table("runtime", "state", "clips", "best label", "five best", "frames", "boxes")
    for runtime, verdict in verdicts.items():
        parity = verdict.parity
        agreed = (
            [f"{same} of {parity.clips}" for same in (parity.same_label, parity.same_best, parity.same_frames)]
            if parity
            else ["-"] * 3
        )
        table.add_row(
            runtime,
            f"[{STYLES[verdict.state]}]{verdict.state}[/]",
            str(parity.clips) if parity else "-",
            *agreed,
            f"{parity.largest_box:.0e}" if parity else "-",
        )
    console.print(table)
    for runtime, verdict in verdicts.items():
        if verdict.why:
            console.print(f"{runtime}: {escape(verdict.why)}", highlight=False)


def show_golden(golden: dict[Runtime, GoldenCheck | str], console: Console) -> None:
    """Print how every runtime answers the golden clip."""
    table = Table("runtime", "tensors", "steps", "relative", "frames", "found", title="golden clip")
    for runtime, check in golden.items():
        if isinstance(check, str):
            table.add_row(runtime, "-", "-", "-", "-", f"not verified here: {escape(check)}")
            continue
        table.add_row(
            runtime,
            str(check.tensors),
            str(max(check.steps.values(), default=0)),
            f"{max(check.relative.values(), default=0.0):.0e}",
            "same" if check.same_frames else "other",
            f"[red]{escape('; '.join(check.broken))}[/]" if check.broken else "[green]agrees[/]",
        )
    console.print(table)


def show_verification(verdicts: dict[Runtime, Verdict], console: Console) -> None:
    """Print how far every stage is from the trained program on real clips."""
    table = Table("runtime", *STAGES, title="difference to the trained program")
    for runtime, verdict in verdicts.items():
        table.add_row(runtime, *(difference(verdict.parity, stage) for stage in STAGES))
    console.print(table)
    show_verdicts(verdicts, console)
