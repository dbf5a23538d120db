"""``adafocus selftest``: run the golden clip through every stage, and compare number by number."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import STAGES
from adafocus.edge.commands import options
from adafocus.edge.runtimes import unavailable
from adafocus.edge.runtimes.graph import places_in_words
from adafocus.edge.selftest import GoldenCheck, check_runtime, runtimes_for, runtimes_on
from adafocus.errors import AdafocusError, BundleError


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--runtime", "runtimes", multiple=True, help="Check this runtime; repeatable.  [default: all]")
@options.accelerator
@options.threads
@options.as_json
def selftest(bundle: Path, runtimes: tuple[str, ...], accelerator: str | None, threads: int, as_json: bool) -> None:
    """Run the golden clip of BUNDLE and compare every number.

    The outputs of every stage are compared with those that the bundle holds, in every runtime that the bundle has
    graphs for and that can run here.
    """
    opened = Bundle.open(bundle)
    checks, left_out = check_runtimes(opened, runtimes, threads, accelerator)
    broken = {name: check.broken for name, check in checks.items() if check.broken}
    if as_json:
        options.print_json(_as_dict(bundle, checks, left_out))
    elif len(broken) < len(checks):
        good = {name: check for name, check in checks.items() if name not in broken}
        _show(opened, good, left_out, Console(highlight=False))
    if broken:
        found = "; ".join(f"{name}: {'; '.join(sentences)}" for name, sentences in broken.items())
        raise BundleError(
            f"{bundle} does not give the outputs of its golden clip with {found.rstrip('.')}. Expected the numbers and "
            "labels in golden/. Copy the bundle again, or install the runtime version it was made with (adafocus "
            "inspect)."
        )
    if not as_json:
        options.print_next("run", bundle, "VIDEO")


def check_runtimes(
    bundle: Bundle, runtimes: tuple[str, ...], threads: int, accelerator: str | None = None
) -> tuple[dict[str, GoldenCheck], dict[str, str]]:
    """Run the golden clip in each runtime, and say why others of the bundle were left out.

    Where there are several, one that cannot open or run a graph leaves the others as they are: its check says why.

    Args:
        bundle: an opened bundle.
        runtimes: which; empty: all of the bundle that can run here.
        threads: CPU threads of each.
        accelerator: of each; those that have none of this name are left out where none is asked for.

    Raises:
        AdafocusError: the only runtime cannot run, one that was asked for is not installed, or none can run here.
    """
    asked = tuple(dict.fromkeys(runtimes))
    left_out: dict[str, str] = {}
    able = runtimes_for(bundle) if asked else runtimes_on(bundle, accelerator)
    for name in () if asked else able:
        reason = unavailable(name)
        if reason is not None:
            left_out[name] = reason
    names = asked or tuple(name for name in able if name not in left_out)
    if not names:
        raise AdafocusError(f"No runtime of {bundle.shown} can run here. {' '.join(left_out.values())}")
    checks: dict[str, GoldenCheck] = {}
    for name in names:
        try:
            checks[name] = check_runtime(bundle, name, threads, accelerator)
        except BundleError as error:
            if len(names) == 1:
                raise
            checks[name] = GoldenCheck(broken=[str(error)])
    return checks, left_out


def _as_dict(bundle: Path, checks: dict[str, GoldenCheck], left_out: dict[str, str]) -> dict[str, Any]:
    return {
        "bundle": str(bundle),
        "runtimes": {name: {**asdict(check), "passed": not check.broken} for name, check in checks.items()},
        "left_out": left_out,
        "passed": not any(check.broken for check in checks.values()),
    }


def _show(bundle: Bundle, checks: dict[str, GoldenCheck], left_out: dict[str, str], console: Console) -> None:
    table = Table("runtime", "tensors", "steps", "relative", "frames", "label", *(f"{stage} ms" for stage in STAGES))
    for column in table.columns[6:]:
        column.justify = "right"
    for name, check in checks.items():
        table.add_row(
            name,
            f"[green]{check.tensors} agree[/]",
            str(max(check.steps.values(), default=0)),
            f"{max(check.relative.values(), default=0.0):.0e}",
            "same" if check.same_frames else "other",
            escape(check.label),
            *(f"{check.spent_ms[stage]:.1f}" if stage in check.spent_ms else "-" for stage in STAGES),
        )
    console.print(table)
    golden = bundle.manifest.golden
    console.print(
        f"golden clip: {escape(golden.source)}, outputs of {golden.runtime}. steps: largest difference of integers; "
        "relative: of floats; ms: the first run, without warm-up",
        style="dim",
        soft_wrap=True,
    )
    if not all(check.labels_checked for check in checks.values()):
        console.print(
            "The labels were not checked: the bundle was made before it named the label of its golden clip. Convert "
            "the model again (adafocus export) to have them checked.",
            style="yellow",
            soft_wrap=True,
        )
    for name, check in checks.items():
        if check.proof != "exact" or set(check.ran_on.values()) - {"CPU"}:
            places = places_in_words(check.ran_on)
            console.print(f"{name} ran on: {escape(places)}. Its proof: {check.proof}.", soft_wrap=True)
    for name, reason in left_out.items():
        console.print(f"{name} was left out: {escape(reason)}", style="yellow", soft_wrap=True)
