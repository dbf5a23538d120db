"""Draw several evaluations in one picture: accuracy against what a clip costs, in GMAC and in milliseconds.

python -m benchmarks.overview OUT.png EVALUATION.yaml ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adafocus.calibration.evaluation.evaluation_input import BASELINE, GLANCE
from adafocus.calibration.evaluation.plain import frontier
from adafocus.calibration.predictions.ablations import LEARNED, MOTION
from adafocus.calibration.report_file import read_evaluation
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, canvas

UNITS = {"gmac": "GMAC a clip", "ms": "ms a clip, without decoding"}
MARKS = {GLANCE: "o", LEARNED: "s", MOTION: "v", BASELINE: "*"}


def draw_overview(path: Path, evaluations: Sequence[dict[str, Any]]) -> None:
    """Draw the ablations and the exits of every evaluation; a classifier on whole frames has the time of float PyTorch.

    Raises:
        AdafocusError: the evaluations are of different clips.
    """
    sets = {(one["measured_on"]["clip_list"], one["measured_on"]["split"]) for one in evaluations}
    if len(sets) != 1:
        raise AdafocusError(f"The evaluations are of {len(sets)} sets of clips, expected one. Give those of one set.")
    (clip_list, split), clips = sets.pop(), {one["clips"] for one in evaluations}
    with canvas(path, figsize=(12, 5.5)) as figure:
        axes = figure.subplots(1, len(UNITS), sharey=True)
        for place, found in enumerate(evaluations):
            for axis, unit in zip(axes, UNITS, strict=True):
                _draw_one(axis, found, unit, f"C{place}")
        figure.suptitle(f"{clip_list}, {split}: {', '.join(map(str, sorted(clips)))} clips; 95 % intervals over groups")
        for axis, title in zip(axes, UNITS.values(), strict=True):
            axis.set_xlabel(title)
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("top-1, %")
        figure.legend(*axes[0].get_legend_handles_labels(), fontsize="x-small", loc="outside lower center", ncols=3)


def _draw_one(axis: Any, found: dict[str, Any], unit: str, color: str) -> None:
    """Draw one evaluation: the sweep over exits as a line, its ablations as marks, the plain networks' own line."""
    points = sorted((point[unit], point["top1_percent"]) for point in found["curve"]["sweep"])
    if points:
        axis.plot(*zip(*points, strict=True), color=color, linewidth=1.2)
    # files of earlier versions have no plain networks
    plain = [row for row in found.get("plain", {}).get("points", ()) if unit == "gmac" or row["on_device"]]
    if plain:
        best = [plain[place] for place in frontier(plain, unit)]
        line = [row[unit] for row in best], [row["top1_percent"] for row in best]
        axis.plot(*line, "x--", color="0.3", linewidth=1, label=f"{_name(found)}: plain network")
    for name, mark in MARKS.items():
        row = found["ways"].get(name)
        if row is None:
            continue
        x, y = row[unit], row["top1_percent"]
        low, high = row["top1_interval"] or (y, y)
        label = f"{_name(found)}: {name}"
        axis.errorbar(x, y, [[y - low], [high - y]], fmt=mark, color=color, capsize=3, label=label)


def _name(found: dict[str, Any]) -> str:
    """Return the name of an evaluation in the legend."""
    on = found["measured_on"]
    return f"{on['model']}, {on['precision']}"


@click.command(cls=Benchmark)
@click.argument("out", type=PATH)
@click.argument("evaluations", type=PATH, nargs=-1, required=True)
def main(out: Path, evaluations: tuple[Path, ...]) -> None:
    """Draw EVALUATIONS, files of adafocus evaluate --out, into the picture OUT."""
    draw_overview(out, [read_evaluation(path) for path in evaluations])
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
