"""A campaign: many inputs of one kind, used by workers that are replaced when they crash or hang."""

from __future__ import annotations

import multiprocessing
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.fuzzing.worker import Outcome, serve

LIMIT_S = 10.0
# starting an interpreter, copying the bundle and opening it, on a busy machine
START_S = 120.0
# a process that has not had its seconds of the processor may wait for them so many times as long
BUSY_FACTOR = 30
# of the sentences, those that were said most often
MAX_LISTED = 12
# each with what it is called where several are counted
BAD = {"traceback": "tracebacks", "leftovers": "leftovers", "hang": "hangs", "crash": "crashes"}


def run(
    kind: str, numbers: Sequence[int], seed: int, bundle: Path, clips: Sequence[Path], limit_s: float = LIMIT_S
) -> Iterator[Outcome]:
    """Use every input of a kind; what crashes or hangs costs a worker, not the campaign."""
    waiting = list(numbers)
    while waiting:
        with tempfile.TemporaryDirectory(prefix="fuzzing-", ignore_cleanup_errors=True) as place:
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            arguments = (theirs, kind, seed, bundle, clips, Path(place))
            process = multiprocessing.get_context("spawn").Process(target=serve, args=arguments)
            process.start()
            theirs.close()
            try:
                yield from _with_one_worker(ours, process, waiting, limit_s)
            finally:
                process.kill()
                process.join()


def _with_one_worker(pipe: Connection, process: BaseProcess, waiting: list[int], limit_s: float) -> Iterator[Outcome]:
    """Use inputs until the worker ends; the numbers that were used leave ``waiting``."""
    said = pipe.recv() if _answers(pipe, process, START_S) else "it says nothing"
    if said != "ready":
        raise RuntimeError(f"the worker does not start: {said}")
    while waiting:
        number, done = waiting.pop(0), "made nothing yet"
        pipe.send(number)
        try:
            for limit in (START_S, limit_s):
                if not _answers(pipe, process, limit):
                    yield Outcome(number, done, "hang", seconds=limit)
                    return
                answer = pipe.recv()
                if isinstance(answer, Outcome):
                    yield answer
                else:
                    done = answer
        except EOFError:
            process.join()
            yield Outcome(number, done, "crash", f"exit code {process.exitcode}")
            return


def _answers(pipe: Connection, process: BaseProcess, limit_s: float) -> bool:
    """Return whether something comes in time; waiting for a turn on a busy machine does not count."""
    started, used = time.monotonic(), _processor_s(process)
    while not pipe.poll(0.1):
        waited = time.monotonic() - started
        if waited > BUSY_FACTOR * limit_s or (waited > limit_s and _processor_s(process) - used > limit_s):
            return False
    return True


def _processor_s(process: BaseProcess) -> float:
    """Return the seconds that a process has had of all processors."""
    try:
        fields = (Path("/proc") / str(process.pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(kind: str, seed: int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return counts, the slowest input, how often each sentence was said, and every input that ended badly."""
    counts = Counter(outcome.result for outcome in outcomes)
    sentences = Counter(_pattern(outcome.text) for outcome in outcomes if outcome.result == "sentence")
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    busiest = max(outcomes, key=lambda outcome: outcome.processor_s)
    return {
        "kind": kind,
        "seed": seed,
        "inputs": len(outcomes),
        "sentences": counts["sentence"],
        "answers": counts["answer"],
        **{several: counts[result] for result, several in BAD.items()},
        "processor_s": round(sum(outcome.processor_s for outcome in outcomes), 1),
        "slowest_s": round(slowest.seconds, 3),
        "slowest": f"{slowest.number}: {slowest.done[:100]}",
        "most_processor_s": round(busiest.processor_s, 3),
        "busiest": f"{busiest.number}: {busiest.done[:100]}",
        "kinds_of_sentences": dict(sentences.most_common(MAX_LISTED)),
        "bad": [
            {
                "number": outcome.number,
                "done": outcome.done[:200],
                "result": outcome.result,
                "text": outcome.text[-1500:],
            }
            for outcome in outcomes
            if outcome.result in BAD
        ],
    }


def _pattern(sentence: str) -> str:
    """Return a sentence without what differs from input to input."""
    for expression, sign in (
        (r"/\S*/fuzzing-\S+", "PATH"),
        (r"/\S*/adafocus-\S+", "PATH"),
        (r"'[^']*'|\"[^\"]*\"", "'...'"),
        (r"[({\[].*[)}\]]", "(...)"),
        (r"-?\d[\d.e+]*", "N"),
    ):
        sentence = re.sub(expression, sign, sentence, flags=re.DOTALL)
    return sentence[:110]
