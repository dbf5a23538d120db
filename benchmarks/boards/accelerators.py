"""A bundle on an accelerator beside the same files on the CPU, on real clips: each stage, and the labels.

    python -m benchmarks.boards.accelerators BUNDLE [BUNDLE ...] --clips ucf6.csv --max-clips 24

with ``VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json`` in the environment, where there is no other device.

Without a graphics processor, SwiftShader (it comes with Chromium) is one in software: what it computes is what WebGPU
asks for, how long it takes says nothing. Each stage is compared on equal inputs. The policy, which stays on the CPU in
use, is also opened on the accelerator. Labels and frames are those of both chains, each on its own.

The report goes into ``results/boards.yaml``.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import runtime_spec
from adafocus.edge.runtimes import open_graph
from adafocus.edge.runtimes.accelerators import Accelerator, choose, is_policy
from adafocus.edge.runtimes.graph import Graph
from adafocus.edge.video.clip import read_clip
from adafocus.errors import AdafocusError
from benchmarks.harness import (
    PATH,
    Benchmark,
    clips_of,
    clips_option,
    console,
    machine,
    option,
    out_option,
    split_option,
    write,
)


class Differences:
    """Largest differences of one stage, and how many integers differ at all."""

    def __init__(self) -> None:
        self.steps = self.values = self.others = 0
        self.relative = 0.0

    def add(self, given: NDArray[np.generic], wanted: NDArray[np.generic], spec: TensorSpec) -> None:
        """Widen them by one tensor."""
        away = np.abs(given.astype(np.float64) - wanted.astype(np.float64))
        if spec.scale is None:
            largest = max(float(np.abs(wanted.astype(np.float64)).max()), 1e-12)
            self.relative = max(self.relative, float(away.max()) / largest)
        else:
            self.steps = max(self.steps, int(away.max()))
            self.others += int(np.count_nonzero(away))
            self.values += away.size

    def as_dict(self) -> dict[str, Any]:
        """Return them for a report."""
        share = {"other_integers_percent": round(100 * self.others / self.values, 2)} if self.values else {}
        return {"steps": self.steps, "relative": float(f"{self.relative:.2g}"), **share}


def compare(bundle: Bundle, row: Accelerator, videos: list[Path]) -> dict[str, Any]:
    """Run clips on both."""
    usual = Recognizer.open(bundle, row.runtime, 1)
    other = Recognizer(bundle, row.runtime, 1, None, partial(_elsewhere, row))
    stages = {stage: Differences() for stage in bundle.manifest.geometry.stage_names}
    policy = _policy(bundle, row)
    of_policy = Differences()
    labels = frames = 0
    for video in track(videos, bundle.manifest.name, console=console, transient=True):
        clip = read_clip(video, bundle.manifest.geometry)
        given, wanted = other.recognize_clip(clip), usual.recognize_clip(clip)
        labels += given.label == wanted.label
        frames += given.candidate_indices == wanted.candidate_indices
        for call in given.calls:
            answers = usual.graphs[call.stage].run(call.inputs)
            for spec in usual.graphs[call.stage].outputs:
                stages[call.stage].add(call.outputs[spec.name], answers[spec.name], spec)
        for call in wanted.calls if policy is not None else ():
            if policy is not None and call.stage == "policy":
                answers = policy.run(call.inputs)
                for spec in policy.outputs:
                    of_policy.add(answers[spec.name], call.outputs[spec.name], spec)
    record = bundle.graph("focus", row.runtime)[1]
    return {
        "precision": record.precision,
        "ran_on": other.ran_on,
        "clips": len(videos),
        "same_label": labels,
        "same_frames": frames,
        "stages": {stage: found.as_dict() for stage, found in stages.items()},
        "policy_on_the_accelerator": None if policy is None else of_policy.as_dict(),
    }


def _elsewhere(row: Accelerator, runtime: str, path: Path, description: GraphFile, threads: int) -> Graph:
    """Open a graph on an accelerator, also in a precision that its row does not offer; the policy on the CPU."""
    if is_policy(description):
        return open_graph(runtime, path, description, threads)
    found: Graph = resolve_name(row.opener)(path, description, threads, row.option)
    return found


def _policy(bundle: Bundle, row: Accelerator) -> Graph | None:
    """Open the policy on the accelerator; None where the policy is no network."""
    if "policy" not in bundle.manifest.geometry.stage_names:
        return None
    path, record = bundle.graph("policy", row.runtime)
    found: Graph = resolve_name(row.opener)(path, record, 1, row.option)
    return found


@click.command(cls=Benchmark)
@click.argument("bundles", nargs=-1, required=True, type=PATH)
@option("--runtime", default="litert", help="Run the graphs with this runtime.")
@option("--accelerator", default="gpu", help="On this accelerator of it.")
@clips_option
@split_option
@option("--max-clips", default=24, type=click.IntRange(1), help="Take so many clips, spread over the list.")
@out_option
def main(
    bundles: tuple[Path, ...],
    runtime: str,
    accelerator: str,
    clip_list: Path,
    split: str,
    max_clips: int,
    out: Path | None,
) -> None:
    """Compare BUNDLES on an accelerator with themselves on the CPU."""
    row = choose(runtime, accelerator)
    if row is None:
        raise AdafocusError(
            f"{accelerator} is the usual processor of {runtime}, expected another one: --accelerator gpu"
        )
    videos = clips_of(clip_list, split, max_clips)
    content = {
        "command": f"python -m benchmarks.boards.accelerators BUNDLE ... --accelerator {accelerator} --runtime "
        f"{runtime} --clips {clip_list.name} --max-clips {max_clips}",
        "machine": machine(),
        "runtime": f"{runtime} {version(runtime_spec(runtime).distribution)}",
        "accelerator": row.name,
        "clip_list": clip_list.name,
        "split": split,
        "bundles": {
            path.name: {"sha256": sha256_of(path), **compare(Bundle.open(path), row, videos)} for path in bundles
        },
    }
    write(out, {"accelerators": content})


if __name__ == "__main__":
    main()
