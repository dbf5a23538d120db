"""powermetrics at work: a stand-in program that writes a recorded text at its own pace."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adafocus.edge.meters import Address, Meter, Places, meter_of
from adafocus.edge.meters.meter import Reading
from adafocus.edge.meters.powermetrics import blocks
from adafocus.errors import MeterError
from tests.edge.meters.recorded import undisturbed

BLOCK = """
*** Sampled system activity (Fri Nov 10 12:37:08 2023 +0100) ({ms:.2f}ms elapsed) ***

**** Processor usage ****

E-Cluster Power: 105 mW
CPU Power: {cpu} mW
GPU Power: 153 mW
ANE Power: 0 mW
Combined Power (CPU + GPU + ANE): {whole} mW

**** GPU usage ****

GPU Power: 153 mW
"""


def program(folder: Path, body: str) -> Meter:
    path = folder / "powermetrics"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return meter_of(Address("powermetrics"), Places(powermetrics=str(path)))


def test_joules_are_added_up_from_the_means_of_blocks(tmp_path: Path) -> None:
    (tmp_path / "block").write_text(BLOCK.format(ms=50, cpu=1000, whole=2000))
    meter = program(tmp_path, f"while :; do cat {tmp_path}/block; sleep 0.05; done")
    assert meter.available() is None
    with meter.open() as session:

        def measure() -> Reading:
            begin = session.mark()
            time.sleep(0.6)
            return session.window(begin, session.mark())

        found = undisturbed(measure)
    # a block of this program takes longer than the 50 ms that it claims, the more so the more else runs
    assert found.joules is not None
    assert 0 < found.joules <= 2.0 * found.seconds * 1.2
    assert found.rails["CPU"] == pytest.approx(found.joules / 2, rel=1e-6)
    assert found.scope == "package"


def test_a_recorded_text_of_an_m1_is_read_line_by_line(shared: Path) -> None:
    text = (shared / "energy" / "powermetrics_m1_codecarbon.txt").read_text()
    found = list(blocks(text.splitlines(), early=True))
    assert len(found) == 10
    first = found[0]
    assert first.seconds == pytest.approx(0.10451)
    assert first.whole == "Package"
    assert first.watts["Package"] == pytest.approx(1.473)
    assert first.watts["E-Cluster"] == pytest.approx(0.105)


def test_an_intel_mac_tells_its_package_in_watts() -> None:
    lines = [
        "*** Sampled system activity (Mon Jan  1 10:00:00 2024 +0000) (200.00ms elapsed) ***",
        "Intel energy model derived package power (CPUs+GT+SA): 1.58W",
    ]
    (found,) = blocks(lines)
    assert found.whole is not None
    assert found.watts[found.whole] == pytest.approx(1.58)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo powermetrics must be invoked as the superuser >&2; exit 1", "superuser.*sudo adafocus"),
        ("exit 0", "has ended"),
        ("echo '*** Sampled system activity (x) (1.2.3ms elapsed) ***'; exec sleep 5", "expected a number"),
        (
            "for i in 1 2; do echo '*** Sampled system activity (x) (10ms elapsed) ***'; echo 'CPU Power: 3 mW'; done",
            "no power of the whole chip",
        ),
    ],
)
def test_a_program_that_tells_nothing_is_a_reason(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(MeterError, match=words):
        program(tmp_path, body).open()


def test_elsewhere_there_is_no_such_program(tmp_path: Path) -> None:
    refused = meter_of(Address("powermetrics"), Places(powermetrics=str(tmp_path / "none"))).available()
    assert refused is not None
    assert not refused.present
    assert "macOS alone" in refused.reason


def test_a_program_that_ends_in_the_window_leaves_no_joules(tmp_path: Path) -> None:
    (tmp_path / "block").write_text(BLOCK.format(ms=50, cpu=1000, whole=2000))
    meter = program(tmp_path, f"for i in 1 2 3 4 5 6 7 8; do cat {tmp_path}/block; sleep 0.05; done; echo bye >&2")
    with meter.open() as session:
        begin = session.mark()
        time.sleep(1.8)
        found = session.window(begin, session.mark(), wait=False)
    assert found.joules is None
    assert "powermetrics has ended (bye)" in str(found.reason)
