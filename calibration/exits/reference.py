"""The official routine here against the numbers of the official code, for results/accuracy.yaml.

python -m adafocus.calibration.exits.reference ../shared/reference --out results/accuracy.yaml
"""

from __future__ import annotations

import importlib.util
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from adafocus.calibration.exits.official import (
    LONG_SWEEP,
    SHORT_SWEEP,
    confidences32,
    official_thresholds,
    play,
    target_shares,
)
from adafocus.calibration.results import put_result
from adafocus.edge.exits import NEVER
from adafocus.errors import AdafocusError

KEY = "official_exit_routine"
COMMAND = "python -m adafocus.calibration.exits.reference ../shared/reference --out results/accuracy.yaml"
CONFIGURATIONS = ("long", "tsm", "x3d")
# our names of the criteria -> those of the arrays
CRITERIA = {"logit": "confidence", "entropy": "entropy"}
SEED, CLASSES = 1, 20
CALIBRATION, EVALUATION = (10 * SEED + 1, 500), (10 * SEED + 2, 400)
DIGITS = 6

Arrays = dict[str, NDArray[Any]]


def reproduce(reference: Path, configuration: str) -> dict[str, Any]:
    """Thresholds, exits, accuracy and cost of one configuration, and their largest differences from the reference.

    Args:
        reference: folder of the reference numbers.
        configuration: ``long``, ``tsm`` or ``x3d``.

    Raises:
        AdafocusError: there are no such numbers, or the logits that they were made of cannot be made again.
    """
    path = reference / f"seed{SEED}" / f"exit_{configuration}.npz"
    if not path.is_file():
        raise AdafocusError(f"There is no {path}. Name the folder of the reference numbers.")
    with np.load(path) as content:
        wanted: Arrays = {name: content[name] for name in content.files}
    rules = _rules(reference)
    exits = len(wanted["stage_gflops"])
    known, _ = _logits(rules, "calib", CALIBRATION, exits, wanted)
    unseen, targets = _logits(rules, "eval", EVALUATION, exits, wanted)
    right = unseen.argmax(-1) == targets[:, None]
    found: dict[str, Any] = {"calibration_clips": len(known), "evaluation_clips": len(unseen), "exits": exits}
    for ours, theirs in CRITERIA.items():
        mine = {name[len(theirs) + 1 :]: values for name, values in wanted.items() if name.startswith(f"{theirs}_")}
        found[ours] = _criterion(ours, known, unseen, right, wanted, mine)
    return found


def _criterion(
    criterion: str, known: NDArray[np.float32], unseen: NDArray[np.float32], right: NDArray[np.bool_],
    wanted: Arrays, mine: Arrays,
) -> dict[str, Any]:  # fmt: skip
    exit_gmac = wanted["stage_gflops"].tolist()
    sure, sure_unseen = (confidences32(logits, criterion) for logits in (known, unseen))
    sweep = LONG_SWEEP if len(exit_gmac) > 2 else SHORT_SWEEP
    rows, left = [], []
    for q in wanted["q"].tolist():
        thresholds = official_thresholds(sure, target_shares(q, len(exit_gmac)))
        rows.append((thresholds, play(sure_unseen, right, thresholds, exit_gmac)))
        left.append(play(sure, np.zeros_like(sure, bool), thresholds, exit_gmac).counts)
    swept = [
        play(sure_unseen, right, official_thresholds(sure, target_shares(q, len(exit_gmac))), exit_gmac) for q in sweep
    ]
    outcomes = [outcome for _, outcome in rows]
    differences = {
        "thresholds": ([thresholds for thresholds, _ in rows], mine["thresholds"]),
        "exit_counts": ([outcome.counts for outcome in outcomes], mine["exit_counts"]),
        "exit_counts_on_calibration": (left, mine["exit_counts_on_calibration"]),
        "top1_percent": ([outcome.top1_percent for outcome in outcomes], mine["top1"]),
        "mean_gmac": ([outcome.mean_gmac for outcome in outcomes], mine["mean_gflops"]),
        "sweep_top1_percent": ([outcome.top1_percent for outcome in swept], mine["sweep_top1"]),
        "sweep_mean_gmac": ([outcome.mean_gmac for outcome in swept], mine["sweep_gflops"]),
    }
    return {
        "rows": [
            {
                "q": q,
                "thresholds": ["never" if value == NEVER else round(float(value), DIGITS) for value in thresholds[:-1]],
                "exit_counts": list(outcome.counts),
                "top1_percent": round(outcome.top1_percent, 2),
                "mean_gmac": round(outcome.mean_gmac, DIGITS),
            }
            for q, (thresholds, outcome) in zip(wanted["q"].tolist(), rows, strict=True)
        ],
        "sweep_points": len(sweep),
        "largest_difference": {name: _largest(*pair) for name, pair in differences.items()},
    }


def _largest(found: Any, wanted: NDArray[Any]) -> float:
    return float(np.abs(np.asarray(found, np.float64) - wanted).max())


def _rules(reference: Path) -> ModuleType:
    """The executable form of the reference's rules."""
    spec = importlib.util.spec_from_file_location("reference_rules", reference / "make_weights.py")
    if spec is None or spec.loader is None:
        raise AdafocusError(f"{reference / 'make_weights.py'} cannot be loaded. Name the folder of the reference.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _logits(
    rules: ModuleType, name: str, how: tuple[int, int], exits: int, wanted: Arrays
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Made-up logits ``(n, exits, K)`` and targets ``(n,)``, checked against the checksums of the reference."""
    seed, clips = how
    made = rules.make_exit_logits(seed, clips, exits, CLASSES)
    for values, kind in zip(made, ("logits", "targets"), strict=True):
        if zlib.crc32(values.tobytes()) != wanted[f"{name}_{kind}_crc32"]:
            raise AdafocusError(f"The {name} {kind} made here are not those of the reference. Check numpy's version.")
    return made


@click.command()
@click.argument("reference", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/accuracy.yaml"), show_default=True)
def main(reference: Path, out: Path) -> None:
    """Compare with the numbers in REFERENCE and put what was found into a file of results."""
    found = {name: reproduce(reference, name) for name in CONFIGURATIONS}
    about = {
        "command": COMMAND,
        "note": "made-up logits of the reference; differences from the official code's own numbers",
    }
    put_result(out, KEY, {**about, **found})
    for name, figures in found.items():
        for criterion in CRITERIA:
            largest = figures[criterion]["largest_difference"]
            click.echo(f"{name} {criterion}: " + ", ".join(f"{key} {value:.2g}" for key, value in largest.items()))
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
