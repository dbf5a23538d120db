"""Zeus as a second opinion: its classes and ours read the same trees, and agree.

Zeus is no dependency: it brings 32 packages. The tests run where ADAFOCUS_ZEUS names a Python that has it::

    python3.11 -m venv ~/zeus && ~/zeus/bin/pip install zeus
    ADAFOCUS_ZEUS=~/zeus/bin/python pytest tests/edge/meters/test_zeus.py
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adafocus.edge.meters import Address, Places, meter_of
from tests.edge.meters.recorded import Player, overwrite, rapl_zone, trace_of

ZEUS = os.environ.get("ADAFOCUS_ZEUS")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ZEUS is None, reason="expected in CI: ADAFOCUS_ZEUS names no Python that has zeus"),
]
WRAP_UJ = 262_143_328_850
# each prints a line when it has begun, waits for a line, and prints joules
RAPL = """
import sys
import zeus.device.cpu.rapl as rapl
rapl.RAPL_DIR = sys.argv[1] + "/class/powercap/intel-rapl"
if __name__ == "__main__":
    packages = [cpu for cpu in rapl.RAPLCPUs().cpus if cpu.rapl_file.name.startswith("package")]
    read = lambda: sum(cpu.get_total_energy_consumption().cpu_mj for cpu in packages) / 1e3
    begin = read()
    print("begun", flush=True)
    sys.stdin.readline()
    print(read() - begin, flush=True)
"""
JETSON = """
import pathlib, sys
import zeus.device.soc.jetson as jetson
jetson.jetson_is_available = lambda: True
jetson.Path = lambda path: pathlib.Path(sys.argv[1] + path[4:] if str(path).startswith("/sys/bus") else path)
if __name__ == "__main__":
    meter = jetson.Jetson()
    meter.get_total_energy_consumption()
    print("ready", flush=True)
    sys.stdin.readline()
    meter.begin_window("all")
    print("begun", flush=True)
    sys.stdin.readline()
    print(meter.end_window("all").total_energy_mj / 1e3, flush=True)
"""


@contextmanager
def zeus(folder: Path, program: str, sys: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a program that uses Zeus."""
    (folder / "oracle.py").write_text(program)
    command = [str(ZEUS), str(folder / "oracle.py"), str(sys)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    """Return the next line of the program."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def told(process: subprocess.Popen[str]) -> None:
    """Let the program go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_the_counters_of_a_server_with_a_wrap_are_the_same(tmp_path: Path) -> None:
    sys = tmp_path / "sys"

    def show(joules: float) -> None:
        for zone, name, first, share in (
            ("intel-rapl/intel-rapl:0", "package-0", 5_000_000, 1.0),
            ("intel-rapl/intel-rapl:1", "package-1", WRAP_UJ - 60_000_000, 0.75),
            ("intel-rapl/intel-rapl:2", "psys", 9_000_000, 3.0),
        ):
            energy_uj = round(first + 1e6 * share * joules) % WRAP_UJ
            if joules:
                overwrite(sys / "class/powercap" / zone / "energy_uj", str(energy_uj))
            else:
                rapl_zone(sys, zone, name, energy_uj)

    show(0)
    with zeus(tmp_path, RAPL, sys) as oracle, meter_of(Address("rapl"), Places(sys=sys)).open() as session:
        assert heard(oracle) == "begun"
        begin = session.mark()
        for step in range(1, 41):
            show(5.0 * step)
            time.sleep(0.15)
        # the oracle looks for a wrap once a second
        time.sleep(1.5)
        found = session.window(begin, session.mark())
        told(oracle)
        assert found.joules == pytest.approx(float(heard(oracle)), rel=0.01)
    assert found.joules == pytest.approx(200 * 1.75, rel=1e-6)


def test_the_input_of_a_recorded_jetson_is_the_same(tmp_path: Path, shared: Path) -> None:
    times, watts = trace_of(shared / "energy" / "jetson_ina3221_87hz_e2fl.csv", 1e-3)
    chip = tmp_path / "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
    chip.mkdir(parents=True)
    for name, text in (("in1_label", "VDD_IN"), ("in1_input", "1000"), ("curr1_input", str(round(1e3 * watts[0])))):
        (chip / name).write_text(f"{text}\n")
    player = Player(times, watts, lambda value: overwrite(chip / "curr1_input", f"{round(1e3 * value)}\n"))
    places = Places(sys=tmp_path / "sys")
    with zeus(tmp_path, JETSON, tmp_path / "sys") as oracle, meter_of(Address("jetson"), places).open() as session:
        assert heard(oracle) == "ready"
        time.sleep(0.3)
        told(oracle)
        begin = session.mark()
        assert heard(oracle) == "begun"
        player.start()
        player.join()
        told(oracle)
        theirs = float(heard(oracle))
        found = session.window(begin, session.mark())
    assert found.joules == pytest.approx(theirs, rel=0.01)
