"""Set the policy of a bundle beside an oracle that knows where and when to look, on a planted set.

    python -m benchmarks.planted BUNDLE OUT/planted.csv --label-map calibration/labels/ucf6_to_kinetics400.yaml \
        --out results/planted.yaml

All rows run the same weights, without exits: the glance alone, and the focus where the policy looks, where pixels
change most, in the middle of evenly spread frames, at random, on whole frames as a plain network does, and where and
when the list says that the planted clip is shown. Differences are paired, with intervals over groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from adafocus.calibration.commands import options
from adafocus.calibration.datasets import LabeledClip, read_clips
from adafocus.calibration.datasets.labeled_clip import spread_evenly
from adafocus.calibration.evaluation.metrics import (
    GroupBootstrap,
    difference,
    in_gmac,
    percent,
    percents,
    top_k_correct,
)
from adafocus.calibration.predictions.ablations import (
    ABLATIONS,
    MOTION,
    OWN,
    PLAIN,
    WITHOUT_POLICY,
    Ablation,
    policy_name,
    runs_of,
)
from adafocus.calibration.predictions.collect import collect
from adafocus.calibration.predictions.ground_truth import ground_truth, read_label_map
from adafocus.calibration.predictions.store import graphs_sha256
from adafocus.calibration.report_file import put_result
from adafocus.edge.commands import options as edge_options
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import read_clip, read_frames
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, option, show, split_option, write
from benchmarks.planted.oracle import looks
from benchmarks.planted.places import Place, read_places

GLANCE, BY_MOTION, RANDOM = "glance alone", "motion boxes and frames", "random boxes and frames"
ORACLE, ORACLE_BOXES = "oracle", "oracle boxes"
# what of a bundle's geometry decides where it looks
LOOKS = ("candidate_frames", "focus_frames", "boxes_in", "policy", "focus_span", "change_from", "box_min")
# a bundle with a policy of motion may spread its frames evenly
COMPARED = {BY_MOTION: ABLATIONS[MOTION], PLAIN: ABLATIONS[PLAIN], WITHOUT_POLICY: ABLATIONS[WITHOUT_POLICY]}
Hits = Mapping[str, NDArray[np.float64]]


def oracle_logits(
    recognizer: Recognizer, clips: Sequence[LabeledClip], places: Mapping[Path, Place]
) -> tuple[dict[str, NDArray[np.float32]], int]:
    """Run the oracle on every clip, without exits.

    Returns:
        ``(n, K)`` last logits by row, and how many clips are planted where no box of this bundle can lie.
    """
    geometry, thresholds = recognizer.bundle.manifest.geometry, recognizer.thresholds
    rows: dict[str, list[NDArray[np.float32]]] = {}
    outside, recognizer.thresholds = 0, None
    try:
        for clip in track(clips, "oracle", transient=True):
            decoded = read_clip(clip.path, geometry)
            height, width = read_frames(clip.path, [0])[0].shape[:2]
            wishes = looks(places[clip.path], (height, width), decoded, geometry)
            outside += isinstance(wishes[ORACLE]["boxes"], str)
            for name, wish in wishes.items():
                rows.setdefault(name, []).append(recognizer.recognize_clip(decoded, **wish).logits)
    finally:
        recognizer.thresholds = thresholds
    return {name: np.stack(some) for name, some in rows.items()}, outside


def compare(hits: Hits, policy: str, groups: Sequence[str], gmac: Mapping[str, float]) -> dict[str, Any]:
    """Return a row of figures for each way to look, and which part of the gain of an oracle the policy reaches.

    One oracle knows where and when to look, the other one where, on frames that are spread evenly.

    Args:
        hits: ``(n,)`` shares of right predictions by row.
        policy: row of the bundle's own policy.
        groups: ``(n,)``.
        gmac: of a clip, by row.
    """
    bootstrap, base = GroupBootstrap(groups), hits[WITHOUT_POLICY]
    rows = [
        {
            "row": name,
            "gmac": gmac[name],
            "top1_percent": percent(float(found.mean())),
            "top1_interval": percents(bootstrap.interval(found)),
            "against_centred": difference(found, base, bootstrap)["points"],
            "against_centred_interval": difference(found, base, bootstrap)["interval"],
        }
        for name, found in hits.items()
    ]

    shares: dict[str, Any] = {}
    for key, oracle in (("oracle", ORACLE), ("oracle_boxes", ORACLE_BOXES)):
        share, interval = _share(hits[policy] - base, hits[oracle] - base, bootstrap)
        shares |= {f"share_of_{key}_percent": share, f"share_of_{key}_interval": interval}
    return {
        "rows": rows,
        "policy": policy,
        "policy_against_motion": difference(hits[policy], hits[BY_MOTION], bootstrap),
        **shares,
    }


def _share(
    won: NDArray[np.float64], possible: NDArray[np.float64], bootstrap: GroupBootstrap
) -> tuple[float | None, list[float] | None]:
    """Return the share of a possible gain that was won, in percent with its interval; None where nothing can be."""

    def reached(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share for each of ``(r, n)`` weightings; NaN where nothing can be won."""
        gained, most = weights @ won, weights @ possible
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(most > 0, gained / most, np.nan)

    share = float(reached(np.ones((1, len(won))))[0])
    if not np.isfinite(share):
        return None, None
    return percent(share), percents(bootstrap.interval_of(reached))


def measure(
    recognizer: Recognizer,
    clips: Sequence[LabeledClip],
    places: Mapping[Path, Place],
    label_map: Path | None,
    seeds: int,
) -> dict[str, Any]:
    """Run all rows on a planted set.

    Raises:
        AdafocusError: a clip cannot be read, has no place in the list, or a label that the bundle does not know.
    """
    manifest = recognizer.bundle.manifest
    truth = ground_truth(clips, manifest.labels, read_label_map(label_map))
    missing = [clip.path for clip in clips if clip.path not in places]
    if missing:
        raise AdafocusError(f"{missing[0]} has no place in the list. Make it with python -m benchmarks.planted.clips.")
    policy = policy_name(manifest.geometry)
    ways = {policy: OWN, **COMPARED}
    randoms = runs_of(RANDOM, Ablation(boxes="random", frames="random"), seeds)
    found = collect(recognizer, clips, ways | randoms)
    broken = found[policy].broken
    if broken:
        raise AdafocusError(f"A clip of the set cannot be read: {next(iter(broken.values()))} Make the set again.")
    oracle, outside = oracle_logits(recognizer, clips, places)
    hits = {GLANCE: top_k_correct(found[policy].logits[:, 0], truth, 1)}
    hits |= {name: top_k_correct(found[name].logits[:, -1], truth, 1) for name in ways}
    hits[RANDOM] = np.mean([top_k_correct(found[run].logits[:, -1], truth, 1) for run in randoms], axis=0)
    hits |= {name: top_k_correct(logits, truth, 1) for name, logits in oracle.items()}
    macs = found[policy].exit_macs
    # without a policy network nobody pays for one
    own = in_gmac(float(macs[-1]))
    spared = in_gmac(float(macs[-1] - recognizer.bundle.manifest.macs("policy")))
    gmac = {name: own if name == policy else spared for name in hits} | {GLANCE: in_gmac(float(macs[0]))}
    return {
        "model": manifest.name,
        "graphs_sha256": graphs_sha256(recognizer),
        "looks": {name: value for name, value in manifest.geometry.model_dump().items() if name in LOOKS},
        "clips": len(clips),
        "groups": len({clip.group for clip in clips}),
        "planted_outside_of_boxes": outside,
        "seeds": seeds,
        **compare(hits, policy, [clip.group for clip in clips], gmac),
    }


def _short(value: Any) -> str:
    """Write a cell of the table in few letters."""
    return f"{value[0]:.1f} to {value[1]:.1f}" if isinstance(value, list) else str(value)


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@click.argument("clip_list", metavar="CLIPS", type=PATH)
@split_option
@options.label_map
@option("--seeds", default=3, type=click.IntRange(1, 100), help="Draw random boxes and frames so many times.")
@click.option("--limit", type=click.IntRange(1), help="Run at most so many clips, spread over the list.")
@edge_options.runtime
@edge_options.threads
@click.option("--key", help="Name of the measurement in the file; the bundle's name without it.")
@click.option("--out", type=PATH, help="Put the figures into this .yaml file, instead of printing them.")
def main(
    bundle: Path,
    clip_list: Path,
    split: str,
    label_map: Path | None,
    seeds: int,
    limit: int | None,
    runtime: str,
    threads: int,
    key: str | None,
    out: Path | None,
) -> None:
    """Compare where BUNDLE looks on a planted set with where and when its list CLIPS says that the clips are."""
    clips = read_clips(clip_list, split)
    places = read_places(clip_list)
    recognizer = Recognizer.open(bundle, runtime, threads)
    some = clips if limit is None else spread_evenly(clips, limit)
    found = measure(recognizer, some, places, label_map, seeds)
    name = key or recognizer.bundle.manifest.name
    words = [
        "python -m benchmarks.planted BUNDLE CLIPS",
        f"--split {split}",
        f"--runtime {runtime}",
        f"--seeds {seeds}",
    ]
    content = {"command": " ".join(words), **found}
    columns = ("row", "GMAC", "top-1 %", "interval", "against centred", "interval")
    keys = ("row", "gmac", "top1_percent", "top1_interval", "against_centred", "against_centred_interval")
    table = [[_short(row[column]) for column in keys] for row in found["rows"]]
    show(f"{name}, {found['clips']} planted clips, {found['groups']} groups", columns, table, {})
    if out is None:
        write(None, content)
        return
    put_result(out, name, content)
    click.echo(f"wrote {out}")


if __name__ == "__main__":
    main()
