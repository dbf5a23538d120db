"""Compare our files with those of stock converters and of others, in one run and one table.

    python -m benchmarks.peers --peers PEERS --clips CLIPS.csv --label-map MAP --weights FILE --out results/peers.yaml

Each file is made in a process of its own and kept, with what it predicts for the validation clips; a second run takes
them from there. A converter that fails is a row that says so. Then everything that runs takes turns in one process, so
the ratios hold although the machine is shared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adafocus.calibration.predictions.ground_truth import ground_truth, read_label_map
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.commands import options
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, clips_option, console, machine, option, out_option, show, write
from benchmarks.peers.conversion import Outcome, Task, convert, known, versions
from benchmarks.peers.makers import MAKERS
from benchmarks.peers.opened import open_file
from benchmarks.peers.published import FILES
from benchmarks.peers.row import CLIP, Row, figures
from benchmarks.peers.shipped import shipped_rows
from benchmarks.peers.subjects import SUBJECTS, Views, kept_views, listed_clips

BUNDLE = Path("bundles/x3d-xs-frame-k400-litert.zip")
KEPT = Path(".cache/peers")
NOT_TRIED = "not tried: the time of this run was over"


def outcomes(tasks: Sequence[Task], limit_s: float, minutes: float) -> list[Outcome]:
    """Make what is not made yet; begin no further file after so many minutes.

    Args:
        tasks: files to make; one that takes the file of another stands behind it.
        limit_s: that one of them may take.
        minutes: after which the others are left for another run.
    """
    began = time.perf_counter()
    found: dict[Task | None, Outcome] = {}
    for task in tasks:
        outcome, before = known(task, limit_s), found.get(task.before)
        if before is not None and before.error:
            outcome = before if before.error == NOT_TRIED else Outcome(f"{task.by.after} made no file to start from")
        if outcome is None and time.perf_counter() - began > 60 * minutes:
            outcome = Outcome(NOT_TRIED)
        if outcome is None:
            console.print(f"making {task.title}")
            outcome = convert(task, limit_s)
        found[task] = outcome
    return [found[task] for task in tasks]


def converted_row(task: Task, outcome: Outcome, threads: int) -> Row:
    """Open what a maker made; what cannot be made has the reason in its row."""
    kind = (task.by.kind, task.of.name, task.by.name, task.by.precision, task.by.runtime, CLIP)
    if outcome.error:
        return Row(*kind, said=outcome.error)
    clip = task.of.inputs(Views.read(task.views), "val")[0].numpy()
    call = open_file(task.by.runtime, task.file, threads)(clip)
    return Row(*kind, task.file.stat().st_size, call, outcome.logits if task.of.labeled else None)


def published_rows(folder: Path, threads: int) -> list[Row]:
    """Open the published models in a folder.

    Raises:
        AdafocusError: one is missing.
    """
    rows = []
    for name, row, opener in FILES:
        path = folder / name
        if not path.is_file():
            raise AdafocusError(f"There is no {name} in {folder}. Give --peers the folder of the published models.")
        rows.append(Row(**{**vars(row), "bytes": path.stat().st_size, "call": opener(path, threads)}))
    return rows


@click.command(cls=Benchmark)
@option("--peers", required=True, type=PATH, help="Time the published int8 models of others in this folder.")
@clips_option
@click.option("--label-map", type=PATH, help="Map labels of the clips to those of the bundle by this YAML file.")
@option("--weights", required=True, type=PATH, help="Give the converters these published weights of X3D-XS.")
@option("--bundle", default=BUNDLE, type=PATH, help="Measure this bundle of ours.")
@option("--kept", default=KEPT, type=PATH, help="Keep converted files and predictions in this folder.")
@option("--limit", default=20.0, help="Stop a conversion after so many minutes.")
@option("--minutes", default=600.0, help="Begin no further conversion after so many; another run goes on there.")
@options.threads
@out_option
def main(
    peers: Path,
    clip_list: Path,
    label_map: Path | None,
    weights: Path,
    bundle: Path,
    kept: Path,
    limit: float,
    minutes: float,
    threads: int,
    out: Path | None,
) -> None:
    """Compare with stock converters and published models. The first run converts everything; others take minutes."""
    if not weights.is_file():
        raise AdafocusError(f"There are no weights at {weights}. Give --weights a published X3D-XS.")
    with Bundle.open(bundle) as opened:
        labels = opened.manifest.labels
    train, val = listed_clips(clip_list)
    truth = ground_truth(val, labels, read_label_map(label_map))
    others = published_rows(peers, threads)
    views = kept_views(train, val, kept)
    tasks = [Task(s, m, weights, views, kept) for s in range(len(SUBJECTS)) for m in range(len(MAKERS))]
    made = outcomes(tasks, 60 * limit, minutes)
    rows = [
        *shipped_rows(bundle, threads, val, kept),
        *(converted_row(task, outcome, threads) for task, outcome in zip(tasks, made, strict=True)),
        *others,
    ]
    before = os.getloadavg()[0]
    found = figures(rows, truth)
    content: dict[str, Any] = {
        "command": f"python -m benchmarks.peers --threads {threads} --peers PEERS --clips {clip_list.name} --label-map "
        f"{label_map.name if label_map else 'MAP'} --weights {weights.name} --out results/peers.yaml",
        "clips": len(val),
        "calibration_clips": len(train),
        "clip_list": clip_list.name,
        "threads": threads,
        "load": {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)},
        "machine": machine(),
        "versions": versions(),
        "rows": found,
    }
    keys = ("network", "by", "precision", "ms", "mb", "top1_percent", "said")
    shown = [["-" if one[key] is None else one[key] for key in keys] for one in found]
    show(f"{threads} threads", keys, shown, {})
    write(out, content)


if __name__ == "__main__":
    main()
