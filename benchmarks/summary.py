"""Keep of evaluations what a file of results needs: everything but the single clips, and the mean of several seeds.

python -m benchmarks.summary results/accuracy.yaml KEY EVALUATION.yaml ... --note TEXT

Evaluations of the same clips are seeds of one recipe. Evaluations that share no clip are folds of one recipe: all clips
count together, each as the fold says that was not trained on it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from adafocus.calibration.evaluation.metrics import GroupBootstrap, difference
from adafocus.calibration.evaluation.report.plots import cost_plot
from adafocus.calibration.predictions.ablations import LEARNED
from adafocus.calibration.report_file import put_result, read_evaluation
from adafocus.edge.bundle.files import replacing_file
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, plot_option

LEFT_OUT = ("kind", "format", "each_clip", "confusion", "by_class", "resamples")
CONFIDENCE_LEVEL = 0.95


def summary(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures without single clips; of several seeds also those of their mean, of folds only those of all.

    Raises:
        AdafocusError: several evaluations share some clips and not others.
    """
    if len(evaluations) > 1 and _are_folds(evaluations):
        return folds(evaluations)
    short = [{key: value for key, value in one.items() if key not in LEFT_OUT} for one in evaluations]
    for one in short:
        one["curve"] = {key: value for key, value in one["curve"].items() if key != "sweep"}
    if len(short) == 1:
        return short[0]
    hits, bootstrap = _mean_hits(evaluations)
    # files of earlier versions do not name the policy
    policy = evaluations[0].get("policy", LEARNED)
    return {
        "runs": short,
        "top1_percent_over_runs": {
            way: mean_of([one["ways"][way]["top1_percent"] for one in short])
            | {"interval_over_groups": _percents(bootstrap.interval(right))}
            for way, right in hits.items()
        },
        "differences_over_runs": [
            {"against": way, **difference(hits[policy], right, bootstrap)}
            for way, right in hits.items()
            if way != policy
        ],
    }


def _are_folds(evaluations: Sequence[dict[str, Any]]) -> bool:
    """Return whether no clip stands in two evaluations."""
    paths = [row["path"] for one in evaluations for row in one["each_clip"]]
    return len(paths) == len(set(paths))


def folds(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all clips of several folds together.

    Intervals are over groups. Balanced accuracy is the mean over labels of the share that is right; what the glance
    alone says of each clip is not kept, so it has the mean of the folds, by clips.
    """
    rows = [row for one in evaluations for row in one["each_clip"]]
    policy = evaluations[0]["policy"]
    counts = [one["clips"] for one in evaluations]
    names = [way for way in evaluations[0]["ways"] if all(way in one["ways"] for one in evaluations)]
    shown = {way for way in names if all(way in row["right_by_way"] for row in rows)}
    hits = {way: np.array([row["right_by_way"][way] for row in rows], np.float64) for way in names if way in shown}
    bootstrap = GroupBootstrap([row["group"] for row in rows])
    ways = {}
    for way in names:
        each = [one["ways"][way] for one in evaluations]
        ways[way] = {
            "top1_percent": round(float(np.average([figures["top1_percent"] for figures in each], weights=counts)), 2),
            "gmac": round(float(np.average([figures["gmac"] for figures in each], weights=counts)), 4),
            "each": [figures["top1_percent"] for figures in each],
        }
        if way in hits:
            labels = sorted({row["labels"][0] for row in rows})
            by_label = [hits[way][[row["labels"][0] == label for row in rows]].mean() for label in labels]
            ways[way] |= {
                "top1_interval": _percents(bootstrap.interval(hits[way])),
                "balanced_percent": round(100 * float(np.mean(by_label)), 2),
            }
    return {
        "folds": len(evaluations),
        "policy": policy,
        "clips": len(rows),
        "groups": len({row["group"] for row in rows}),
        "clips_of_folds": counts,
        "measured_on": {key: evaluations[0]["measured_on"][key] for key in ("preset", "precision", "runtime")},
        "ways": ways,
        "differences": [
            {"against": way, **difference(hits[policy], right, bootstrap)}
            for way, right in hits.items()
            if way != policy
        ],
    }


def _mean_hits(evaluations: Sequence[dict[str, Any]]) -> tuple[dict[str, NDArray[np.float64]], GroupBootstrap]:
    """Return, by ablation, the ``(n,)`` shares of runs that get each clip right; and draws of the clips' groups."""
    rows = [one["each_clip"] for one in evaluations]
    if len({tuple(row["path"] for row in run) for run in rows}) != 1:
        raise AdafocusError("The evaluations are of different clips, expected runs on the same. Give them one by one.")
    ways = [way for way in rows[0][0]["right_by_way"] if all(way in run[0]["right_by_way"] for run in rows)]
    hits = {way: np.mean([[row["right_by_way"][way] for row in run] for run in rows], axis=0) for way in ways}
    return hits, GroupBootstrap([row["group"] for row in rows[0]])


def mean_of(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean of some runs and its 95 % interval, from their own spread."""
    mean, reach = (
        float(np.mean(values)),
        float(stats.sem(values) * stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, len(values) - 1)),
    )
    return {"mean": round(mean, 2), "interval_over_runs": _percents((mean - reach, mean + reach), 1), "each": [*values]}


def _percents(interval: tuple[float, float] | None, whole: float = 100.0) -> list[float] | None:
    """Return an interval in percent."""
    return None if interval is None else [round(whole * value, 2) for value in interval]


@click.command(cls=Benchmark)
@click.argument("out", type=PATH)
@click.argument("key")
@click.argument("evaluations", type=PATH, nargs=-1, required=True)
@click.option("--note", help="Say how it was made: the commands, the seeds.")
@plot_option
def main(out: Path, key: str, evaluations: tuple[Path, ...], note: str | None, plot: Path | None) -> None:
    """Put EVALUATIONS, files of adafocus evaluate --out, under KEY into the results OUT.

    The plot shows the first one: accuracy against GMAC and against milliseconds, beside the plain network.
    """
    read = [read_evaluation(path) for path in evaluations]
    put_result(out, key, ({"note": note} if note else {}) | summary(read))
    click.echo(f"wrote {key} into {out}")
    if plot is not None:
        side_by_side([cost_plot(read[0], unit) for unit in ("gmac", "ms")], plot)
        click.echo(f"wrote {plot}")


def side_by_side(pictures: Sequence[bytes], path: Path) -> None:
    """Write PNG pictures of one height as one."""
    shown = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    page = Image.new("RGB", (sum(one.width for one in shown), max(one.height for one in shown)), "white")
    left = 0
    for one in shown:
        page.paste(one, (left, 0))
        left += one.width
    with replacing_file(path) as beside:
        page.save(beside, format="PNG")


if __name__ == "__main__":
    main()
