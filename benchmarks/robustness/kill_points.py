"""Kill verbs at random moments with SIGKILL, and look at what they leave.

    python -m benchmarks.robustness.kill_points --clips clips.csv --count 40 --out kills.json

``train``, ``quantize``, ``export``, ``calibrate`` and ``stream --events`` do small but real work on real clips. Each is
started in a process group of its own, which is killed at a moment drawn from a seed and spread over the time that the
verb takes, or soon after it begins to write a file. After several kills in a row the verb runs to its end. After each
kill every output must be absent, the old one, or whole; after the end there must be what an undisturbed run gives, and
nothing beside it.

Verbs, and the workers of a conversion, are forked from a process in which all modules are loaded, so that no kill is
spent on imports.
``--work`` keeps every kill in a log; a campaign that was stopped goes on there.
"""

from __future__ import annotations

import csv
import gc
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from adafocus.calibration.quantization import pipeline
from adafocus.calibration.training import trainer
from adafocus.edge.bundle.bundle import Bundle, rewrite_bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, console, machine, option, out_option, write
from benchmarks.robustness.leftovers import beside, half_written, hidden, names, same

RECIPE: dict[str, Any] = {
    "preset": "tsm-mbv2-mbv2",
    "overrides": {
        "frame_size": 64,
        "short_side_px": 72,
        "glance_size": 32,
        "patch_size": 32,
        "box_min_px": 24,
        "glance_frames": 2,
        "candidate_frames": 4,
        "focus_frames": 2,
        "spatial_hidden": 8,
        "temporal_hidden": 8,
    },
    "cached_frames": 4,
    "epochs": 4,
    "batch": 4,
    "learning_rate": 0.01,
    "validate_every": 1,
}
TRAINING, VALIDATION = 8, 8
ROOT = Path(__file__).parents[2]
# what is calibrated and streamed
BUNDLE = ROOT / "bundles" / "x3d-xs-frame-k400-litert.zip"
LABEL_MAP = ROOT / "calibration" / "labels" / "ucf6_to_kinetics400.yaml"
# checkpoints are written a hundred times as often as elsewhere, so that there is something to resume from
CHECKPOINT_EVERY_S = 0.2
MODULES = (
    "adafocus.calibration.commands.train",
    "adafocus.calibration.commands.quantize",
    "adafocus.calibration.commands.calibrate",
    "adafocus.calibration.training.train",
    "adafocus.calibration.training.trainer",
    "adafocus.calibration.quantization.pipeline",
    "adafocus.calibration.exits.calibrate",
    "adafocus.calibration.exits.table",
    "adafocus.converters.commands",
    "adafocus.converters.export",
    "adafocus.converters.verification.verify",
    "adafocus.edge.commands.stream",
    "adafocus.edge.streaming.session",
    "adafocus.edge.runtimes.litert",
    "adafocus.edge.recognizer",
    "adafocus.converters.backends.litert",
    "litert_torch",
    "litert_torch.quantize.pt2e_quantizer",
    "ai_edge_quantizer.quantizer",
    "torch.export",
    "torch.ao.quantization",
    "torch._dynamo",
)
_FORK = multiprocessing.get_context("fork")
# kills in a row before the verb runs to its end
CHAIN = 5
END_LIMIT_S = 900.0
# share of the kills that wait for something to be written, of what is written that they take, and how soon they come
WHILE_WRITING, OF_WRITES, SOON_S, LOOK_S = 0.5, 0.3, 0.03, 0.004


@dataclass(frozen=True)
class Verb:
    """A verb, what it is given, and what stays as it was.

    Attributes:
        call: arguments, by the folder of the inputs and the folder of the outputs.
        old: name of an output that may be there before, and what to copy there from the inputs.
        unequal: outputs that hold times or orders, which no two runs have alike.
    """

    name: str
    call: Callable[[Path, Path], list[str]]
    old: tuple[str, str]
    unequal: tuple[str, ...] = ()


def _train(inputs: Path, place: Path) -> list[str]:
    kept = ["--work", f"{place}/work", "--cache", f"{place}/cache", "--out", f"{place}/out.safetensors"]
    return ["train", f"{inputs}/recipe.yaml", "--clips", f"{inputs}/clips.csv", *kept]


def _quantize(inputs: Path, place: Path) -> list[str]:
    kept = ["--work", f"{place}/work", "--cache", f"{place}/cache", "--out", f"{place}/out.safetensors"]
    asked = ["--steps", "8", "--batch", "2", "--bound", "100", "--report", f"{place}/report.yaml"]
    return ["quantize", f"{inputs}/train/out.safetensors", "--clips", f"{inputs}/clips.csv", *asked, *kept]


def _export(inputs: Path, place: Path) -> list[str]:
    asked = ["--verify", f"{inputs}/clip.mp4", "--windows", "1", "--precision", "fp32"]
    return ["export", f"{inputs}/quantize/out.safetensors", "--out", f"{place}/bundle", *asked]


def _calibrate(inputs: Path, place: Path) -> list[str]:
    kept = ["--predictions", f"{place}/predictions.npz", "--out", f"{place}/bundle"]
    asked = ["--label-map", str(LABEL_MAP), "--threads", "1", "--folds", "2"]
    return ["calibrate", str(BUNDLE), f"{inputs}/clips.csv", *asked, *kept]


def _stream(inputs: Path, place: Path) -> list[str]:
    asked = ["--hop", "100ms", "--window", "1s", "--threads", "1", "--events", f"{place}/events.jsonl"]
    return ["stream", str(BUNDLE), f"{inputs}/clip.mp4", *asked]


# quantize and export take what the one before gave
VERBS = (
    Verb("train", _train, ("out.safetensors", "start.safetensors"), ("work/steps.csv", "work/curves.png")),
    Verb("quantize", _quantize, ("out.safetensors", "train/out.safetensors"), ("report.yaml",)),
    Verb("calibrate", _calibrate, ("bundle", "other_bundle")),
    Verb("stream", _stream, ("events.jsonl", "old_events.jsonl"), ("events.jsonl",)),
    Verb("export", _export, ("bundle", "other_bundle")),
)


def start(call: list[str], folder: Path) -> int:
    """Run the program with these arguments in a forked process group; return its number."""
    sys.stdout.flush()
    number = os.fork()
    # whoever comes first
    with suppress(OSError):
        os.setpgid(number, number)
    if number:
        return number
    with (folder / "output.txt").open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None
    # nothing here may come back from what was forked
    try:
        trainer.SECONDS_BETWEEN_CHECKPOINTS = CHECKPOINT_EVERY_S
        pipeline.CHECKPOINT_EVERY = 1
        # workers of the conversion are forked as well
        multiprocessing.get_context = lambda method=None: _FORK  # type: ignore[assignment]
        sys.argv = ["adafocus", *call]
        import_module("adafocus.edge.cli").main()
        os._exit(0)
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        import_module("traceback").print_exc()
        os._exit(99)


def finish(call: list[str], folder: Path) -> tuple[int, float]:
    """Run the program to its end; return its exit code and the seconds it took."""
    began_s = time.monotonic()
    number = start(call, folder)
    while time.monotonic() - began_s < END_LIMIT_S:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), time.monotonic() - began_s
        time.sleep(0.02)
    os.killpg(number, signal.SIGKILL)
    os.waitpid(number, 0)
    raise AdafocusError(f"adafocus {call[0]} hangs: no end within {END_LIMIT_S:g} s.")


def kill(call: list[str], folder: Path, after_s: float, writes: np.random.Generator | None) -> bool:
    """Start the program and kill its process group; return whether it still ran.

    Args:
        call: arguments of the program.
        folder: in which it works.
        after_s: when to kill it.
        writes: kill it soon after it begins to write something beside its place instead, this time or the next.
    """
    number, began_s, seen = start(call, folder), time.monotonic(), set[str]()
    while writes is not None or time.monotonic() - began_s < after_s:
        if os.waitpid(number, os.WNOHANG)[0]:
            return False
        new = beside(folder / "out") - seen if writes is not None else set()
        seen |= new
        if writes is not None and new and writes.random() < OF_WRITES:
            time.sleep(writes.uniform(0.0, SOON_S))
            break
        time.sleep(LOOK_S)
    if os.waitpid(number, os.WNOHANG)[0]:
        return False
    os.killpg(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return True


def prepare(clips: Path, inputs: Path) -> None:
    """Write the inputs: clips of two classes in two splits, a recipe, an old list of events."""
    inputs.mkdir(parents=True, exist_ok=True)
    with clips.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in rows})[:2]
    chosen = []
    for split, count in (("train", TRAINING), ("val", VALIDATION)):
        for name in classes:
            of_class = [row for row in rows if row["label"] == name and row["split"] == split]
            chosen += of_class[:: max(1, len(of_class) // (count // 2))][: count // 2]
    with (inputs / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "label", "group", "split"))
        for row in chosen:
            lines.writerow(((clips.parent / row["path"]).resolve(), row["label"], row["group"], row["split"]))
    (inputs / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    shutil.copy((clips.parent / chosen[0]["path"]).resolve(), inputs / "clip.mp4")
    with Bundle.open(BUNDLE) as bundle:
        changed = bundle.manifest.model_copy(update={"name": "other"})
        rewrite_bundle(bundle, changed, inputs / "other_bundle").close()


def undisturbed(inputs: Path, verb: Verb) -> float:
    """Run a verb once from nothing, where that was not done yet; return the seconds that it took.

    Raises:
        AdafocusError: it fails.
    """
    place, note = inputs / verb.name, inputs / f"{verb.name}.json"
    if not note.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        code, took_s = finish(verb.call(inputs, place), inputs)
        if code != 0:
            raise AdafocusError(f"adafocus {verb.name} ended with {code}: see {inputs / 'output.txt'}.")
        note.write_text(json.dumps({"seconds": took_s}))
    if verb.name == "train" and not (inputs / "start.safetensors").exists():
        code, _ = finish([*_train(inputs, inputs / "start"), "--epochs", "0"], inputs)
        (inputs / "start/out.safetensors").rename(inputs / "start.safetensors")
    if verb.name == "stream" and not (inputs / "old_events.jsonl").exists():
        shutil.copy(place / "events.jsonl", inputs / "old_events.jsonl")
    return float(json.loads(note.read_text())["seconds"])


def chain(
    inputs: Path, verb: Verb, place: Path, takes_s: float, rng: np.random.Generator, count: int
) -> dict[str, Any]:
    """Kill a verb so many times in a row, then let it end; return what was found wrong."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "out").mkdir(parents=True)
    out, found = place / "out", Counter[str]()
    whole, wrong = inputs / verb.name, list[str]()
    name, source = verb.old
    replaced = bool(rng.integers(2))
    if replaced:
        (shutil.copytree if (inputs / source).is_dir() else shutil.copy)(inputs / source, out / name)
    old = sha256_of(inputs / source)
    moments = list[float]()
    while found["kills"] < count:
        after_s, writing = float(rng.uniform(0.0, takes_s)), verb.name != "stream" and rng.random() < WHILE_WRITING
        began_s = time.monotonic()
        if not kill(verb.call(inputs, out), place, after_s, rng if writing else None):
            found["ended_before"] += 1
            continue
        after_s = time.monotonic() - began_s
        found["kills"] += 1
        found["kills_soon_after_a_write_began"] += bool(writing)
        moments.append(round(after_s, 2))
        found["kills_that_left_outputs"] += (out / name).exists()
        found["kills_that_left_something_beside"] += bool(hidden(out))
        for path, why in half_written(out, whole):
            wrong.append(f"after a kill at {after_s:.2f} s: {path.relative_to(out)}: {why}")
        if replaced and not (out / name).exists() and verb.name not in ("export", "calibrate"):
            wrong.append(f"after a kill at {after_s:.2f} s: the old {name} is gone")
        found["kills_between_two_bundles"] += replaced and not (out / name).exists()
    code, _ = finish(verb.call(inputs, out), place)
    if code != 0:
        wrong.append(f"the next run ended with {code}: {(place / 'output.txt').read_text()[-300:]}")
    wrong += [f"left after the next run: {path.relative_to(out)}" for path in hidden(out)]
    if code == 0 and names(out) != names(whole):
        wrong.append(f"other files than those of an undisturbed run: {sorted(names(out) ^ names(whole))[:5]}")
    elif code == 0:
        wrong += [
            f"differs from an undisturbed run: {path}"
            for path in sorted(names(whole))
            if path not in verb.unequal and not same(out / path, whole / path)
        ]
    left = list((place / "temporary").glob("*"))
    found["left_in_the_temporary_folder"] += len(left)
    found["bytes_left_in_the_temporary_folder"] += sum(p.stat().st_size for top in left for p in (top, *top.rglob("*")))
    if not wrong:
        shutil.rmtree(place)
    return {"verb": verb.name, "replaced": replaced, "old": old[:8], "moments_s": moments, **found, "wrong": wrong}


def summary(rows: list[dict[str, Any]], seconds: dict[str, float]) -> dict[str, Any]:
    """Add the chains of each verb up."""
    verbs: dict[str, Any] = {}
    for verb, takes_s in seconds.items():
        chains = [row for row in rows if row["verb"] == verb]
        total: Counter[str] = Counter()
        for row in chains:
            total.update({key: value for key, value in row.items() if type(value) is int})
        verbs[verb] = {
            "undisturbed_s": takes_s,
            "kills": total["kills"],
            "runs_to_the_end": len(chains),
            "of_them_over_an_old_output": sum(row["replaced"] for row in chains),
            **{key: value for key, value in sorted(total.items()) if key not in ("kills",)},
            "wrong": [text for row in chains for text in row["wrong"]],
        }
    return verbs


@click.command(cls=Benchmark)
@option("--clips", required=True, type=PATH, help="Take clips of this CSV: ucf6.csv, or one with labels of it.")
@option("--count", default=40, type=click.IntRange(1), help="Kill each verb so many times.")
@option("--seed", default=1, help="Draw the moments from this seed.")
@option("--work", required=True, type=PATH, help="Keep inputs, outputs and the log of kills in this folder.")
@option("--verb", "chosen", multiple=True, help="Kill only this verb; repeatable. [default: all]")
@out_option
def main(clips: Path, count: int, seed: int, work: Path, chosen: tuple[str, ...], out: Path | None) -> None:
    """Kill verbs at random moments and look at what they leave."""
    for module in MODULES:
        import_module(module)
    gc.freeze()
    inputs, log = work.resolve() / "inputs", work.resolve() / "kills.jsonl"
    prepare(clips, inputs)
    seconds = {}
    for verb in VERBS:
        if chosen and verb.name not in chosen:
            continue
        seconds[verb.name] = undisturbed(inputs, verb)
        console.print(f"{verb.name}: {seconds[verb.name]:.1f} s undisturbed")
        while True:
            rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
            of_verb = [row for row in rows if row["verb"] == verb.name]
            left = count - sum(row["kills"] for row in of_verb)
            if left <= 0:
                break
            rng = np.random.default_rng((seed, VERBS.index(verb), len(of_verb)))
            place = work.resolve() / f"{verb.name}-{len(of_verb)}"
            row = chain(inputs, verb, place, seconds[verb.name], rng, min(CHAIN, left))
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            console.print(f"{verb.name}: {count - left + row['kills']} kills, wrong: {row['wrong'] or 'nothing'}")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    kept = {"command": f"python -m benchmarks.robustness.kill_points --clips ucf6.csv --count {count} --seed {seed}"}
    write(out, {**kept, "machine": machine(), "verbs": summary(rows, seconds)})


if __name__ == "__main__":
    main()
