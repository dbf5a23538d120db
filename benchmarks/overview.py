"""Several evaluations in one picture: accuracy against what a clip costs, in GMAC and in milliseconds.

``python -m benchmarks.overview OUT.png EVALUATION.yaml ...``
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from adafocus.calibration.evaluation.figures import BASELINE, GLANCE
from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.calibration.report_file import read_evaluation
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError

UNITS = {"gmac": "GMAC a clip", "ms": "ms a clip, without decoding"}
MARKS = {GLANCE: "o", LEARNED: "s", BASELINE: "*"}


def draw_overview(path: Path, evaluations: Sequence[dict[str, Any]]) -> None:
    """Draw the ways and the exits of every evaluation; a classifier on whole frames has the time of float PyTorch.

    Raises:
        AdafocusError: the evaluations are of different clips.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sets = {(one["measured_on"]["clip_list"], one["measured_on"]["split"]) for one in evaluations}
    if len(sets) != 1:
        raise AdafocusError(f"The evaluations are of {len(sets)} sets of clips, expected one. Give those of one set.")
    figure, axes = pyplot.subplots(1, len(UNITS), figsize=(12, 5.5), sharey=True, layout="constrained")
    colours = pyplot.rcParams["axes.prop_cycle"].by_key()["color"]
    for place, found in enumerate(evaluations):
        colour, name = colours[place % len(colours)], _name(found)
        for axis, unit in zip(axes, UNITS, strict=True):
            points = sorted((point[unit], point["top1_percent"]) for point in found["curve"]["sweep"])
            if points:
                axis.plot(*zip(*points, strict=True), color=colour, linewidth=1.2)
            for way, mark in MARKS.items():
                row = found["ways"].get(way)
                if row is None:
                    continue
                low, high = row["top1_interval"] or (row["top1_percent"],) * 2
                reach = [[row["top1_percent"] - low], [high - row["top1_percent"]]]
                axis.errorbar(
                    row[unit], row["top1_percent"], reach, fmt=mark, color=colour, capsize=3, label=f"{name}: {way}"
                )
    (clip_list, split), clips = sets.pop(), {one["clips"] for one in evaluations}
    figure.suptitle(f"{clip_list}, {split}: {', '.join(map(str, sorted(clips)))} clips; 95 % intervals over groups")
    for axis, title in zip(axes, UNITS.values(), strict=True):
        axis.set_xlabel(title)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("top-1, %")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize="x-small", loc="outside lower center", ncols=3)
    with replacing_file(path) as beside:
        figure.savefig(beside, format="png", dpi=120)
    pyplot.close(figure)


def _name(found: dict[str, Any]) -> str:
    on = found["measured_on"]
    return f"{on['model']}, {on['precision']}"


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("evaluations", type=click.Path(path_type=Path), nargs=-1, required=True)
def main(out: Path, evaluations: tuple[Path, ...]) -> None:
    """Draw EVALUATIONS, files of adafocus evaluate --out, into the picture OUT."""
    draw_overview(out, [read_evaluation(path) for path in evaluations])
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
