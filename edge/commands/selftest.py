"""``adafocus selftest``: the golden clip through every stage, compared number by number."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from edge.bundle import Bundle
from edge.commands import options
from edge.errors import BundleError
from edge.golden import check_golden
from edge.recognizer import Recognizer


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@options.runtime
@options.threads
@options.as_json
def selftest(bundle: Path, runtime: str, threads: int, as_json: bool) -> None:
    """Run BUNDLE's golden clip and compare every stage's answer with what the bundle says."""
    opened = Bundle.open(bundle)
    check = check_golden(opened, Recognizer.open(opened, runtime, threads))
    if as_json:
        options.print_json({"bundle": str(bundle), "runtime": runtime, **asdict(check), "passed": not check.broken})
    if check.broken:
        raise BundleError(
            f"{bundle} answers its golden clip differently with {runtime}: {'; '.join(check.broken)}. Expected the "
            "numbers in golden/. Copy the bundle again, or install the runtime version it was made with (adafocus "
            "inspect)."
        )
    if not as_json:
        console = Console(highlight=False)
        away = f"integers at most {max(check.steps.values(), default=0)} steps apart"
        console.print(
            f"{check.tensors} tensors of the golden clip agree ({opened.manifest.golden.source}, {runtime}): {away}, "
            f"floats {max(check.relative.values(), default=0.0):.0e}."
        )
        console.print(f"\nnext: adafocus run {bundle} VIDEO", style="dim")
