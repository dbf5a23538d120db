"""What a file of results keeps of evaluations: everything but the single clips; and the mean of several seeds.

``python -m calibration.evaluation.summary results/accuracy.yaml KEY EVALUATION.yaml ... --note TEXT``
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy import stats

from calibration.evaluation.files import read_evaluation
from calibration.results import put_result

LEFT_OUT = ("kind", "format", "each_clip", "confusion", "by_class", "resamples")
SURE = 0.95


def summary(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures without single clips; of several evaluations also the mean of every way, with Student's interval."""
    short = [{key: value for key, value in one.items() if key not in LEFT_OUT} for one in evaluations]
    for one in short:
        one["curve"] = {key: value for key, value in one["curve"].items() if key != "sweep"}
    if len(short) == 1:
        return short[0]
    ways = [way for way in short[0]["ways"] if all(way in one["ways"] for one in short)]
    return {
        "runs": short,
        "top1_percent_over_runs": {way: mean_of([one["ways"][way]["top1_percent"] for one in short]) for way in ways},
    }


def mean_of(values: Sequence[float]) -> dict[str, Any]:
    """Mean of some runs and its 95 % interval, from their own spread."""
    mean, reach = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf((1 + SURE) / 2, len(values) - 1))
    return {"mean": round(mean, 2), "interval": [round(mean - reach, 2), round(mean + reach, 2)], "each": list(values)}


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("key")
@click.argument("evaluations", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--note", help="How it was made: the commands, the seeds.")
def main(out: Path, key: str, evaluations: tuple[Path, ...], note: str | None) -> None:
    """Put EVALUATIONS, files of adafocus evaluate --out, under KEY into the results OUT."""
    content = summary([read_evaluation(path) for path in evaluations])
    put_result(out, key, ({"note": note} if note else {}) | content)
    click.echo(f"wrote {key} into {out}")


if __name__ == "__main__":
    main()
