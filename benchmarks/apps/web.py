"""Compare the page of ``apps/web`` with Python, on real video files and in time.

    python -m benchmarks.apps.web BUNDLE VIDEO ... --out results/web.yaml

The videos go through the page's own file input in a headless Chromium. What the page answers must be what Python
answers: label, frames, boxes, SHA-256 of the patches, and every logit. Then the networks of one clip are timed: LiteRT
on this machine with one thread, before and after the page with one and with two threads, so that a busy moment is seen.
It needs Node, ``make web`` and Chromium.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from adafocus.calibration.report_file import put_result
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.selftest import golden_clip
from adafocus.errors import AdafocusError
from benchmarks.apps.patches import in_python
from benchmarks.harness import PATH, Benchmark, console, median, option, rounded, take_turns

WEB = Path(__file__).parents[2] / "apps/web"
SCRIPT = WEB / "build/scripts/measure.js"
COMPARED = ("label", "frames", "boxes", "patches", "logits")


def differences(prediction: Any, told: Mapping[str, Any]) -> list[str]:
    """Return what the page answered otherwise than Python, of :data:`COMPARED`."""
    if "error" in told:
        return list(COMPARED)
    same = {
        "label": prediction.label == told["label"],
        "frames": list(prediction.frame_indices) == told["frameIndices"],
        "boxes": np.array_equal(prediction.boxes, np.array(told["boxes"], np.float32).reshape(-1, 4)),
        "patches": hashlib.sha256(prediction.patches.tobytes()).hexdigest() == told["patchesSha256"],
        "logits": np.array_equal(prediction.exit_logits[-1], np.array(told["logits"], np.float32)),
    }
    return [name for name in COMPARED if not same[name]]


def compared(recognizer: Recognizer, videos: Sequence[Path], clips: Mapping[str, Any]) -> dict[str, Any]:
    """Count the videos of which the page answers what Python answers, and name the others with what differs."""
    equal, others = 0, {}
    for video in videos:
        told = clips[video.name]
        wrong = differences(recognizer.recognize(video), told)
        equal += not wrong
        if wrong:
            others[video.name] = told.get("error") or {"differs": wrong, "warnings": told["warnings"]}
    return {"videos": len(videos), "equal": equal, "others": others}


def native_ms(recognizer: Recognizer, turns: int) -> list[list[float]]:
    """Return the milliseconds that each network takes for one clip, once for each turn."""
    clip = golden_clip(recognizer.bundle)
    found = take_turns({"native": recognizer.recognize_clip}, (clip,), 3, turns)["native"]
    # motion counts as policy, but is no network
    return [[prediction.timing_ms[stage] for stage in recognizer.graphs] for prediction in found]


def in_page(bundle: Path, videos: Sequence[Path], turns: int) -> dict[str, Any]:
    """Run the page.

    Raises:
        AdafocusError: Node, the page's programs or the browser are missing.
    """
    node = shutil.which("node")
    if node is None or not SCRIPT.is_file():
        raise AdafocusError("The page is not built, or Node is missing. Install Node 22 and run: make web")
    command = [node, str(SCRIPT), "--bundle", str(bundle.resolve()), "--turns", str(turns)]
    command += [str(video.resolve()) for video in videos]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AdafocusError(f"The page did not run: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _spent(values: Sequence[float]) -> dict[str, float]:
    return {"min_ms": min(values), "median_ms": median(values)}


@click.command(cls=Benchmark)
@click.argument("bundle", type=PATH)
@click.argument("videos", nargs=-1, required=True, type=PATH)
@option("--turns", default=30, type=click.IntRange(3), help="Time so many turns.")
@click.option("--out", type=PATH, help="Put the figures into this YAML file, under the name of the bundle.")
def main(bundle: Path, videos: tuple[Path, ...], turns: int, out: Path | None) -> None:
    """Compare the page with Python."""
    with Bundle.open(bundle) as opened:
        recognizer = Recognizer.open(opened, threads=1)
        before = native_ms(recognizer, turns)
        page = in_page(bundle, videos, turns)
        native = [*before, *native_ms(recognizer, turns)]
        one, two = (page["times"][threads] for threads in ("1", "2"))
        # the smallest of each network: a busy moment seldom spares them all
        smallest = float(np.min(native, axis=0).sum())
        result = rounded(
            {
                "command": f"python -m benchmarks.apps.web {bundle} VIDEO ... --turns {turns}",
                "browser": page["browser"],
                "answers": compared(recognizer, videos, page["clips"]),
                "networks_of_a_clip": {
                    "native_1_thread": {"min_ms": smallest, "median_ms": float(np.median(np.sum(native, axis=1)))},
                    "page_1_thread": {"min_ms": one["minMs"], "median_ms": one["medianMs"]},
                    "page_2_threads": {"min_ms": two["minMs"], "median_ms": two["medianMs"]},
                    "page_over_native": one["minMs"] / smallest,
                    "two_threads_over_one": two["minMs"] / one["minMs"],
                },
                "eight_patches": {
                    "typescript": {"min_ms": page["crop"]["minMs"], "median_ms": page["crop"]["medianMs"]},
                    "python": _spent(in_python(10 * turns)[0]),
                },
            }
        )
        if out is None:
            click.echo(json.dumps(result, indent=1))
        else:
            put_result(out, opened.manifest.name, result)
            console.print(f"wrote {out}")


if __name__ == "__main__":
    main()
