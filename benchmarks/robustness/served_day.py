"""Run ``adafocus stream`` on a clip that is served 20 times as fast as it was recorded, and break the stream.

    python -m benchmarks.robustness.served_day BUNDLE CLIP --minutes 30 --form ts --out served_day.json

A minute of the clock is 20 minutes of the stream, and a window of a second holds 20 seconds of it. The network is real:
a server on the loopback, FFmpeg in the client. At moments drawn from a seed the server is killed and started again,
stalls, goes on in another size, or sends damaged frames. What was done is held against what the stream says.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import psutil

from adafocus.errors import AdafocusError
from benchmarks.harness import Benchmark, machine, option, out_option, write
from benchmarks.robustness.served_clip import TYPES, ServedClip
from benchmarks.robustness.stream import Stream

PACE = 20.0
# of the clip, as it was recorded
FPS = 10.0
WINDOW_S, HOP_S = 1.0, 1.0
# seconds at least and at most; the reader of a network stream gives a frame 4.5 s
FAULTS: dict[str, tuple[float, float]] = {
    "restart": (0.2, 12.0),
    "short stall": (0.2, 0.6),
    "long stall": (6.0, 12.0),
    "other size": (0.0, 0.0),
    "damaged frames": (0.05, 1.0),
}
FIRST_S, APART_S = 15.0, 4.0
START_LIMIT_S = 120.0
# a frame that is wanted, a poll, and one more frame
SLACK_S = 0.5


class Campaign:
    """A server, a stream that reads it, and what is done to them.

    Attributes:
        shown: faults by kind.
        disturbed: beginnings and ends of disturbances on the monotonic clock, and their kinds.
        samples: minutes since the start, resident bytes, open files and threads of the stream.
    """

    def __init__(self, bundle: Path, clip: Path, form: str, place: Path) -> None:
        """Start both.

        Raises:
            AdafocusError: one of them does not start.
        """
        self.server = ServedClip(clip, form, FPS * PACE)
        self.server.start()
        options = (f"--window={WINDOW_S}s", f"--hop={HOP_S}s", "--threads=1", f"--events={place}", "--patience=120s")
        self.stream = Stream.start(bundle, self.server.address, options)
        self.shown: Counter[str] = Counter()
        self.disturbed: list[tuple[float, float, str]] = []
        self.samples: list[tuple[float, int, int, int]] = []
        self.began_s = time.monotonic()

    def run(self, seconds: float, seed: int) -> dict[str, Any]:
        """Break the stream until the time is over; return its summary.

        Raises:
            AdafocusError: it ended by itself.
        """
        self._wait_for_an_answer()
        self.began_s = time.monotonic()
        rng, end_s = np.random.default_rng(seed), self.began_s + seconds
        self.watch(self.began_s + FIRST_S)
        while time.monotonic() < end_s - FIRST_S:
            kind = str(rng.choice(list(FAULTS)))
            self.disturb(kind, float(rng.uniform(*FAULTS[kind])))
            self.watch(min(end_s, time.monotonic() + APART_S + rng.exponential(15.0)))
        self.watch(end_s)
        return self.stream.end()

    def disturb(self, kind: str, lasts_s: float) -> None:
        """Do one thing to the stream, and wait until it is over."""
        began_s = time.monotonic()
        self.shown[kind] += 1
        if kind == "restart":
            self.server.kill()
            self.watch(began_s + lasts_s)
            self.server.start()
        elif kind.endswith("stall"):
            self.server.tell(f"stall {lasts_s}")
            self.watch(began_s + lasts_s)
        elif kind == "damaged frames":
            self.server.tell(f"damage {round(lasts_s * FPS * PACE)}")
            self.watch(began_s + lasts_s)
        else:
            self.server.tell("size")
        self.disturbed.append((began_s, time.monotonic(), kind))

    def watch(self, until_s: float) -> None:
        """Look at the process every second.

        Raises:
            AdafocusError: the stream ended by itself.
        """
        process = psutil.Process(self.stream.process.pid)
        while (left := until_s - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            if self.stream.process.poll() is not None:
                raise AdafocusError(
                    f"adafocus stream ended with {self.stream.process.returncode}, expected it to go on."
                )
            with suppress(psutil.Error):
                minutes = (time.monotonic() - self.began_s) / 60
                self.samples.append((minutes, process.memory_info().rss, process.num_fds(), process.num_threads()))

    def close(self) -> None:
        """End both."""
        if self.stream.process.poll() is None:
            self.stream.process.kill()
        self.server.kill()

    def _wait_for_an_answer(self) -> None:
        while not any(self.stream.of("answer")):
            self.watch(time.monotonic() + 1)
            if time.monotonic() - self.began_s > START_LIMIT_S:
                raise AdafocusError(f"The stream gave no prediction within {START_LIMIT_S:g} s, expected one.")

    def answers(self) -> dict[str, int]:
        """Count answers that came, and those that were due and did not come, by what was going on.

        Two answers lie a hop apart. Where they lie further apart, and nothing was done to the stream since a window
        and a hop before, and no answer was late, what lies between them is lost.
        """
        came = [event["t_s"] for _, event in self.stream.of("answer")]
        late = [event["t_s"] for _, event in self.stream.of("late")]
        shift_s = min(at - event["t_s"] for at, event in self.stream.of("answer"))
        disturbed = [(began - shift_s, ended - shift_s + 2 * WINDOW_S + HOP_S) for began, ended, _ in self.disturbed]
        found = Counter(given=len(came), left_out_since_late=0, lost=0)
        for before, after in pairwise(came):
            missing = int((after - before - SLACK_S) / HOP_S) if after - before > HOP_S + SLACK_S else 0
            if not missing or any(began < after and before < ended for began, ended in disturbed):
                continue
            found["left_out_since_late" if any(before - 0.1 < at < after + 0.1 for at in late) else "lost"] += missing
        return dict(found)

    def slowest_return_s(self) -> float:
        """Return the longest time from a server that is back, or a stall that is over, to the next answer."""
        came = [at for at, _ in self.stream.of("answer")]
        ends = [ended for _, ended, kind in self.disturbed if kind in ("restart", "long stall")]
        waits = [min((at for at in came if at > ended), default=ended) - ended for ended in ends]
        return max(waits, default=0.0)

    def memory(self) -> dict[str, Any]:
        """Return memory after the first quarter, its slope by a line, open files and threads."""
        numbers = np.array(self.samples)
        later = numbers[numbers[:, 0] >= numbers[-1, 0] / 4]
        resident = later[:, 1] / 2**20
        return {
            "samples": len(later),
            "resident_mb_first_last_most": [resident[0], resident[-1], resident.max()],
            "slope_kb_a_minute": 1024 * float(np.polyfit(later[:, 0], resident, 1)[0]),
            "open_files_first_last_most": [int(value) for value in (later[0, 2], later[-1, 2], later[:, 2].max())],
            "threads_first_last_most": [int(value) for value in (later[0, 3], later[-1, 3], later[:, 3].max())],
        }


def measure(bundle: Path, clip: Path, seconds: float, form: str, seed: int, place: Path) -> dict[str, Any]:
    """Run the campaign, and hold what the stream says against what was done."""
    campaign = Campaign(bundle, clip, form, place)
    try:
        summary = campaign.run(seconds, seed)
    finally:
        campaign.close()
    lines = place.read_bytes().splitlines(keepends=True)
    whole = sum(line.endswith(b"\n") and isinstance(json.loads(line), dict) for line in lines)
    broken = campaign.shown["restart"] + campaign.shown["long stall"]
    return {
        "command": f"python -m benchmarks.robustness.served_day BUNDLE CLIP --minutes {seconds / 60:g} --form {form} "
        f"--seed {seed}",
        "machine": machine(),
        "bundle": bundle.name,
        "source": {
            "clip": clip.name,
            "served": TYPES[form].partition(";")[0],
            "pace": PACE,
            "frames_a_second": FPS * PACE,
        },
        "minutes": seconds / 60,
        "hours_of_the_stream": seconds * PACE / 3600,
        "window_s_of_the_stream": WINDOW_S * PACE,
        "hop_s_of_the_stream": HOP_S * PACE,
        "faults": dict(campaign.shown),
        "answers": campaign.answers() | {"late": summary["late"]},
        "interruptions": {
            "restarts_and_long_stalls": broken,
            "connections_that_the_server_took": campaign.server.clients,
            "counted": summary["interruptions"],
            "counted_as_outages": summary["outages"],
            "longest_until_the_next_answer_s": campaign.slowest_return_s(),
        },
        "frames": summary["frames"],
        "memory": campaign.memory(),
        "events": {
            "lines": len(lines),
            "whole_lines": whole,
            "bytes": place.stat().st_size,
            "lost": summary["events_lost"],
        },
        "latency_ms": summary["latency_ms"],
    }


@click.command(cls=Benchmark)
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@click.argument("clip", type=click.Path(path_type=Path, exists=True))
@option("--minutes", default=30.0, type=click.FloatRange(0.5), help="Run for so many minutes.")
@option("--form", type=click.Choice(tuple(TYPES)), default="ts", help="Serve the clip in this form.")
@option("--seed", default=1, help="Draw the faults from this seed.")
@out_option
def main(bundle: Path, clip: Path, minutes: float, form: str, seed: int, out: Path | None) -> None:
    """Stream CLIP with BUNDLE from a server that breaks, at 20 times its pace."""
    with TemporaryDirectory(prefix="adafocus-") as folder:
        write(out, measure(bundle, clip.resolve(), 60 * minutes, form, seed, Path(folder, "events.jsonl")))


if __name__ == "__main__":
    main()
