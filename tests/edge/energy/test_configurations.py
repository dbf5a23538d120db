"""Joules of the configurations of ``adafocus bench`` on a device whose power is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from adafocus.edge.bench.protocol import Clips, Configuration
from adafocus.edge.bench.tables import show_report
from adafocus.edge.energy.configurations import ROUNDS, joules_of
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.video.clip import Clip
from benchmarks.energy.known_device import KnownDevice
from tests.helpers.numpy_bundle import NumpyOpener, numpy_bundle
from tests.helpers.program import CallHere

IDLE_W = 2.5


@dataclass(frozen=True)
class Powered(Configuration):
    """A configuration whose clips take known joules of a known device."""

    device: KnownDevice | None = None
    seconds: float = 0.0
    watts: float = 0.0

    def predict(self, clip: Clip, started: float | None) -> Prediction:
        assert self.device is not None
        self.device.work(self.seconds, self.watts)
        return super().predict(clip, started)


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", np.full((12, 16, 16, 3), 60 * number, np.uint8))
    geometry = numpy_bundle().manifest.geometry
    return Clips([tmp_path / "0.npy", tmp_path / "1.npy"], False, [geometry])


def spend(device: KnownDevice, seconds: float) -> None:
    """Let a known device idle."""
    device.work(seconds)


def configurations(device: KnownDevice) -> list[Configuration]:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    shared = (recognizer.bundle.manifest.name, "/nowhere", recognizer)
    return [
        Powered("small", *shared, device=device, seconds=0.3, watts=1.0),
        Powered("large", *shared, device=device, seconds=0.4, watts=3.0),
    ]


def test_gross_and_net_joules_are_those_of_the_device(clips: Clips) -> None:
    device = KnownDevice(IDLE_W, noise_w=0.02)
    told: list[str] = []
    found = joules_of(
        configurations(device), clips, device, sleep=lambda seconds: spend(device, seconds), tell=told.append
    )
    for name, seconds, net in (("small", 0.3, 0.3), ("large", 0.4, 1.2)):
        figures = found["per_clip"][name]
        assert figures["net"]["median"] == pytest.approx(net, rel=0.01)
        assert figures["gross"]["median"] == pytest.approx(net + IDLE_W * seconds, rel=0.01)
        assert figures["gross"]["low"] <= figures["gross"]["median"] <= figures["gross"]["high"]
        assert (figures["windows"], figures["lost"]) == (ROUNDS, [])
    assert found["idle_w"] == pytest.approx([IDLE_W] * 2, rel=0.01)
    assert (found["source"], found["scope"]) == ("measured", "board input")
    order = [what.rpartition(": ")[2] for what in told if "window" in what]
    assert order == ["small", "large", "large", "small"] * (ROUNDS // 2)


def test_lost_windows_are_no_zeros(clips: Clips) -> None:
    device = KnownDevice(IDLE_W)

    def tell(what: str) -> None:
        if "window 2" in what:
            device.kill_meter()

    found = joules_of(
        configurations(device), clips, device, rounds=2, sleep=lambda seconds: spend(device, seconds), tell=tell
    )
    small, large = (found["per_clip"][name] for name in ("small", "large"))
    assert (small["windows"], large["windows"]) == (1, 1)
    assert small["gross"]["median"] == pytest.approx(0.3 + 0.3 * IDLE_W, rel=0.02)
    assert len(small["lost"]) == 1
    assert "gave nothing" in small["lost"][0] or "samples" in small["lost"][0]
    assert found["idle_w"][1] is None


def test_the_table_calls_joules_measured(clips: Clips, capsys: pytest.CaptureFixture[str]) -> None:
    device = KnownDevice(IDLE_W)
    energy = joules_of(configurations(device), clips, device, rounds=2, sleep=lambda seconds: spend(device, seconds))
    machine = {"board": "board", "processor": None, "architecture": "x", "processors": 1, "python": "3"}
    report = {"entries": [], "exits": [], "minutes": [], "energy": energy, "machine": machine}
    around: dict[str, Any] = {"before": {}, "after": {}, "peak_memory_bytes": {}, "notes": []}
    show_report({**report, **around}, Console(width=160, highlight=False))
    shown = " ".join(capsys.readouterr().out.split())
    assert "J a clip, measured: a device whose power is known (board input)" in shown
    assert "idle before and after: 2.5, 2.5 W" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--meter", "rapl"), "without --energy"),
        (("--energy", "--every", "2s"), "measures clips back to back"),
        (("--energy", "--minutes", "1"), "measures clips back to back"),
        (("--energy", "--meter", "hwmon:no-such-chip"), "expected"),
    ],
)
def test_joules_that_cannot_be_measured_are_refused_before_anything_is_timed(
    adafocus_here: CallHere, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}", encoding="utf-8")
    done = adafocus_here("bench", tmp_path / "bundle", "clip.mp4", *words)
    assert done.returncode == 2
    assert said in done.stderr
