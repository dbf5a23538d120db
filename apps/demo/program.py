"""The program as a user types it, so that what the demo shows is what the commands do."""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

from adafocus.apps.demo.videos import ROOT

console = Console(highlight=False)


def adafocus(*arguments: str) -> None:
    """Run one verb and show how it was called; its failure ends this program with the same exit code."""
    console.print(f"\n[bold]$ adafocus {' '.join(arguments)}[/bold]")
    done = subprocess.run([sys.executable, "-m", "adafocus", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
