"""One recognizer in several threads, after a fork, and after its bundle was closed."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adafocus.edge.bundle.archive import pack
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import GraphFile
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes.graph import Arrays
from adafocus.edge.runtimes.log_filter import hide_log_lines
from adafocus.edge.sources import Frame
from adafocus.edge.video.clip import Clip, clip_from_frames
from adafocus.errors import AdafocusError, BundleError
from tests.helpers.numpy_bundle import WHOLE, NumpyGraph, clip_of, numpy_bundle

THREADS = 4
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class OneAtATime(NumpyGraph):
    """A graph as interpreters are: what it is given lies in it until it has run, and belongs to whoever came last."""

    given: Arrays

    def run(self, arrays: Arrays) -> Arrays:
        self.given = arrays
        time.sleep(0.0005)
        return super().run(self.given)


def recognizer(*, incremental: bool = False, variant: str = "tsm") -> Recognizer:
    looks_back = incremental and variant == "tsm"

    def opener(name: str, path: Path, record: GraphFile, threads: int) -> OneAtATime:
        return OneAtATime(path.stem, record, {}, looks_back)

    return Recognizer(numpy_bundle(variant, incremental=incremental), "litert", 1, None, opener, incremental)


def at_once(call: Callable[[int], float], count: int) -> list[float]:
    """Call in several threads that begin together."""
    together = threading.Barrier(THREADS)

    def begin(number: int) -> float:
        if number < THREADS:
            together.wait(10)
        return call(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(count)))


@pytest.mark.parametrize("variant", ["tsm", "long"])
@pytest.mark.parametrize("incremental", [False, True])
def test_threads_that_share_a_recognizer_get_their_own_answers(variant: str, incremental: bool) -> None:
    shared = recognizer(variant=variant, incremental=incremental)
    clips = [clip_of(20 * number) for number in range(12)]
    expected = [shared.recognize_clip(clip).score for clip in clips]
    assert len(set(expected)) == len(clips)
    assert at_once(lambda number: shared.recognize_clip(clips[number % 12]).score, 48) == expected * 4


def test_threads_that_share_a_recognizer_encode_their_own_frames() -> None:
    shared = recognizer(incremental=True, variant="long")
    frames = [clip_of(20 * number).glance[0] for number in range(12)]
    expected = [float(shared.encode_frame(frame).max()) for frame in frames]
    assert at_once(lambda number: float(shared.encode_frame(frames[number % 12]).max()), 48) == expected * 4


def largest_difference(clip: Clip, expected: NDArray[np.generic], number: int) -> float:
    return float(np.abs(np.asarray(clip.candidates, int) - expected).max())


@pytest.mark.parametrize("looking", [{}, WHOLE], ids=["squares", "as decoded"])
@pytest.mark.parametrize("size", [(48, 64), (300, 200), (16, 16)])
def test_recognizers_that_share_a_clip_see_whole_frames(size: tuple[int, int], looking: dict[str, Any]) -> None:
    """Candidates are resized or converted when they are first looked at; no second one must see half of it."""
    geometry = numpy_bundle(**looking).manifest.geometry
    pixels = np.random.default_rng(0).integers(0, 256, (12, *size, 3), np.uint8)

    def clip() -> Clip:
        return clip_from_frames(
            [Frame(frame, number, number / 5, "test") for number, frame in enumerate(pixels)], geometry
        )

    expected = np.asarray(clip().candidates)
    for _ in range(20):
        look = partial(largest_difference, clip(), expected)
        assert at_once(look, 4) == [0.0] * 4


def test_an_error_in_one_thread_does_not_hold_up_the_others() -> None:
    shared = recognizer()
    for _ in range(3):
        with pytest.raises(AdafocusError, match="boxes"):
            shared.recognize_clip(clip_of(100), boxes="nowhere")  # type: ignore[arg-type]
    assert at_once(lambda number: shared.recognize_clip(clip_of(100)).score, 8)


def test_threads_may_open_recognizers_at_once_and_standard_error_stays(capfd: pytest.CaptureFixture[str]) -> None:
    def hold(number: int) -> float:
        with hide_log_lines():
            os.write(2, b"INFO: nothing\n")
            time.sleep(0.001)
            os.write(2, b"kept %d\n" % number)
        return 0.0

    at_once(hold, 12)
    print("the end", file=sys.stderr)
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == sorted([f"kept {number}" for number in range(12)] + ["the end"])


def in_child(work: Callable[[], str]) -> str:
    """Do something in a forked process, and give back what it says within ten seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + 10
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the forked process hangs")
        time.sleep(0.01)
    with os.fdopen(reading) as said_by_child:
        return said_by_child.read()


@needs_fork
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("use", ["recognize_clip", "encode_frame"])
def test_a_recognizer_is_refused_in_a_forked_process(use: str, held: bool) -> None:
    """Also where another thread was in the middle of a clip, whose lock nobody in the child would ever release."""
    opened, clip = recognizer(incremental=True, variant="long"), clip_of(100)
    if held:
        opened._lock.acquire()
    calls = {
        "recognize_clip": lambda: opened.recognize_clip(clip),
        "encode_frame": lambda: opened.encode_frame(clip.glance[0]),
    }
    said = in_child(lambda: str(calls[use]()))
    assert said.startswith("AdafocusError: This recognizer was opened in process")
    assert "Call Recognizer.open in each process" in said


@needs_fork
def test_a_recognizer_that_was_opened_after_the_fork_answers() -> None:
    expected = recognizer().recognize_clip(clip_of(100)).label
    assert in_child(lambda: recognizer().recognize_clip(clip_of(100)).label) == expected


@pytest.fixture
def zipped(shipped_bundle: Bundle, tmp_path: Path) -> Path:
    pack(shipped_bundle.path, tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


@needs_fork
def test_a_forked_process_does_not_take_the_files_of_a_bundle_with_it(zipped: Path) -> None:
    bundle = Bundle.open(zipped)

    def close() -> str:
        bundle.close()
        return "closed" if bundle.path.is_dir() else "removed"

    assert in_child(close) == "closed"
    assert bundle.golden_frames()
    bundle.close()
    assert not bundle.path.exists()


@pytest.mark.parametrize("use", ["golden_frames", "golden_outputs", "open", "graph"])
def test_a_closed_bundle_says_that_it_was_closed(zipped: Path, use: str) -> None:
    bundle = Bundle.open(zipped)
    bundle.close()
    bundle.close()
    uses: dict[str, Callable[[], object]] = {
        "golden_frames": bundle.golden_frames,
        "golden_outputs": bundle.golden_outputs,
        "open": lambda: Recognizer.open(bundle),
        "graph": lambda: bundle.graph("glance", "litert"),
    }
    with pytest.raises(BundleError, match=r"was closed.*Bundle\.open"):
        uses[use]()


@pytest.mark.parametrize("brightness", [0, 90, 255])
def test_a_recognizer_answers_after_its_bundle_was_closed(
    shipped_bundle: Bundle, zipped: Path, brightness: int
) -> None:
    geometry = shipped_bundle.manifest.geometry
    frames = [Frame(np.full((48, 64, 3), brightness, np.uint8), n, n / 5, "test") for n in range(5)]
    expected = Recognizer.open(shipped_bundle, threads=1).recognize_clip(clip_from_frames(frames, geometry))
    with Bundle.open(zipped) as bundle:
        recognizer = Recognizer.open(bundle, threads=1)
    found = recognizer.recognize_clip(clip_from_frames(frames, geometry))
    assert (found.label, found.score) == (expected.label, expected.score)


def test_threads_share_the_shipped_bundle(shipped_bundle: Bundle) -> None:
    geometry = shipped_bundle.manifest.geometry
    shared = Recognizer.open(shipped_bundle, threads=1)
    noise = np.random.default_rng(1).integers(0, 256, (4, 6, 60, 80, 3), np.uint8)
    clips = [
        clip_from_frames([Frame(pixels, n, n / 5, "test") for n, pixels in enumerate(frames)], geometry)
        for frames in noise
    ]
    expected = [shared.recognize_clip(clip).score for clip in clips]
    assert len(set(expected)) == 4
    assert at_once(lambda number: shared.recognize_clip(clips[number % 4]).score, 16) == expected * 4
