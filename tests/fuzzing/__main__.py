"""The whole campaign of malformed inputs, as a command; the test suite runs a small share of it (test_fuzz.py).

    python -m tests.fuzzing --bundle BUNDLE --clips CLIPS --kind manifest --count 500 --seed 1 --out fuzz.yaml

BUNDLE is a folder with graphs for LiteRT and ONNX Runtime; CLIPS are videos or folders of them, damaged for ``media``.
Every input is made from the seed and its number alone and used as a user would use it. It must end in an answer or a
sentence within 10 s; the summary names the number of each that does not, and ``--number`` makes it again.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml
from rich.progress import track

from tests.fuzzing import campaign
from tests.fuzzing.media import SUFFIXES
from tests.fuzzing.worker import KINDS

SHOWN_CHARACTERS = 300


@click.command()
@click.option(
    "--bundle",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a bundle with graphs for LiteRT and ONNX Runtime, which is damaged.",
)
@click.option(
    "--clips",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Videos, or folders of them, that are damaged for the kind media. Repeatable.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(KINDS)),
    help="Kind of input to make. Repeatable; all kinds where it is left out.",
)
@click.option(
    "--count", default=500, show_default=True, type=click.IntRange(1), help="How many inputs of each kind to make."
)
@click.option("--number", "numbers", multiple=True, type=int, help="Make only the input of this number. Repeatable.")
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed from which all inputs are made."
)
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
    limit_s: float,
    out: Path | None,
) -> None:
    """Use malformed inputs and count how they end."""
    videos = [path for clip in clips for path in (sorted(clip.rglob("*")) if clip.is_dir() else [clip])]
    videos = [path.resolve() for path in videos if path.suffix in SUFFIXES]
    summaries = {}
    for kind in kinds or KINDS:
        if kind == "media" and not videos:
            raise click.UsageError("media needs videos to damage. Name some: --clips FOLDER")
        wanted = numbers or range(count)
        outcomes = []
        for outcome in track(
            campaign.run(kind, wanted, seed, bundle.resolve(), videos, limit_s), kind, total=len(wanted)
        ):
            outcomes.append(outcome)
            if outcome.result in campaign.BAD or numbers:
                click.echo(
                    f"{kind} {outcome.number}: {outcome.done[:SHOWN_CHARACTERS]}: {outcome.result} {outcome.text}"
                )
        summaries[kind] = campaign.summary(kind, seed, outcomes)
        if out is not None:
            write = json.dumps if out.suffix == ".json" else yaml.safe_dump
            out.write_text(write(summaries, sort_keys=False), encoding="utf-8")
    click.echo(yaml.safe_dump(summaries, sort_keys=False, width=120))
    if any(found["bad"] for found in summaries.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    fuzz()
