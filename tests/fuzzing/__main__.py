"""The whole campaign of malformed inputs, as a command; the test suite runs a small share of it (test_fuzz.py).

    python -m tests.fuzzing --kind manifest --count 500 --seed 1 --out fuzz.yaml

Every input is made from the seed and its number alone and used as a user would use it. It must end in an answer or a
sentence within 10 s; the summary names the number of each that does not, and ``--number`` makes it again.
"""

from __future__ import annotations

import json
import platform
import subprocess
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import psutil
import yaml
from rich.progress import Progress

from adafocus.apps.demo.videos import ROOT, TEST
from tests.fuzzing import campaign
from tests.fuzzing.kinds.media import SUFFIXES
from tests.fuzzing.worker import KINDS, Outcome

SHOWN_CHARACTERS = 300
READY_BUNDLE = ROOT / "bundles" / "x3d-xs-xs-k400-litert.zip"
# each is tried in a process of its own, which takes seconds, so there are fewer
SLOW_KINDS = {"graph": 10}
PACKAGES = ("numpy", "opencv-python", "av", "torch", "safetensors", "pyyaml")


@click.command()
@click.option(
    "--bundle",
    default=READY_BUNDLE,
    type=click.Path(exists=True, path_type=Path),
    help="Bundle with graphs for LiteRT, which is damaged.  [default: that of this repository]",
)
@click.option(
    "--clips",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Videos, or folders of them, that are damaged for the kind media. Repeatable.  [default: those of the tests]",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS)),
    help="Kind of input to make. Repeatable; all kinds where it is left out.",
)
@click.option(
    "--count",
    default=500,
    show_default=True,
    type=click.IntRange(1),
    help="How many inputs of each kind to make; of graphs a tenth, as each is tried in a process of its own.",
)
@click.option("--number", "numbers", multiple=True, type=int, help="Make only the input of this number. Repeatable.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed from which all inputs are made."
)
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="Use so many kinds at once.")
@click.option(
    "--limit-s", default=campaign.LIMIT_S, show_default=True, help="Seconds after which an input counts as a hang."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File of the summary, ending in .yaml or .json."
)
def fuzz(
    bundle: Path,
    clips: tuple[Path, ...],
    kinds: tuple[str, ...],
    count: int,
    numbers: tuple[int, ...],
    seed: int,
    processes: int,
    limit_s: float,
    out: Path | None,
) -> None:
    """Use malformed inputs and count how they end."""
    videos = [path for clip in clips for path in (sorted(clip.rglob("*")) if clip.is_dir() else [clip])]
    videos = [path.resolve() for path in videos or TEST.fetch() if path.suffix in SUFFIXES]
    if not videos and "media" in (kinds or KINDS):
        raise click.UsageError("media needs videos to damage. Name some: --clips FOLDER")
    summaries: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="adafocus-") as folder, Progress() as progress:
        whole = bundle.resolve()
        if bundle.is_file():
            whole = Path(folder)
            zipfile.ZipFile(bundle).extractall(whole)

        def use(kind: str) -> list[Outcome]:
            wanted = numbers or range(-(-count // SLOW_KINDS.get(kind, 1)))
            bar, outcomes = progress.add_task(kind, total=len(wanted)), []
            for outcome in campaign.run(kind, wanted, seed, whole, videos, limit_s):
                outcomes.append(outcome)
                progress.advance(bar)
                if outcome.result in campaign.BAD or numbers:
                    line = f"{kind} {outcome.number}: {outcome.done[:SHOWN_CHARACTERS]}: {outcome.result}"
                    line += f" {outcome.text}"
                    progress.console.print(line, markup=False)
            return outcomes

        with ThreadPoolExecutor(processes) as threads:
            for kind, outcomes in zip(kinds or KINDS, threads.map(use, kinds or KINDS), strict=True):
                summaries[kind] = campaign.summary(kind, seed, outcomes)
    if out is not None:
        found = {**_circumstances(count, seed), "kinds": summaries}
        write = json.dumps if out.suffix == ".json" else yaml.safe_dump
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(write(found, sort_keys=False), encoding="utf-8")
    click.echo(yaml.safe_dump(summaries, sort_keys=False, width=120))
    if any(found["bad"] for found in summaries.values()):
        raise SystemExit(1)


def _circumstances(count: int, seed: int) -> dict[str, Any]:
    """Return the command and the machine that figures were measured with and on."""
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return {
        "command": f"python -m tests.fuzzing --count {count} --seed {seed}",
        "commit": revision.strip(),
        "machine": {
            "processor": platform.machine(),
            "processors": psutil.cpu_count(),
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            "load": [round(load, 1) for load in psutil.getloadavg()],
        },
    }


if __name__ == "__main__":
    fuzz()
