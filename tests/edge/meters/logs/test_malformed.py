"""Five hundred damaged logs and trees: each is answered by joules above 0 or by a sentence, never by a traceback."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from adafocus.edge.meters import Address, Places, meter_of
from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.logs import read_log
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.edge.meters.pmic import rail_watts
from adafocus.edge.meters.sampling import LiveMeter
from adafocus.errors import MeterError
from tests.edge.meters.recorded import rapl_zone
from tests.helpers.machines import jetson_sys, write

CASES = 50
Answer = TypeVar("Answer")
ORIN = "RAM 1488/7620MB (lfb 105x4MB) CPU [0%@1036,off] cpu@47.8C VDD_IN {now}mW/4654mW VDD_SOC 1484mW/1484mW"
BLOCK = """*** Sampled system activity (Fri Nov 10 12:37:{second:02d} 2023 +0100) (1000.00ms elapsed) ***
CPU Power: 900 mW
GPU Power: 153 mW
Package Power: 1473 mW
"""
PMIC = """ VDD_CORE_A current(7)=2.10000000A
  3V3_SYS_A current(1)=0.1A
 VDD_CORE_V volt(15)=0.86V
  3V3_SYS_V volt(9)=3.31V
"""
# what stands in files that are damaged
ODD = (
    b"",
    b"\0",
    b"\xff\xfe\x00",
    b"nan",
    b"-inf",
    b"1e400",
    b"-5",
    b"0",
    b"99999999999999999999999999",
    b"1,5",
    b"0x10",
    b"N/A",
    b"mW",
    b"\n\n",
    b"'\"",
    "²".encode(),
    b";" * 9,
)


def table(heading: str, row: Callable[[int], str]) -> bytes:
    return "\n".join([heading, *(row(number) for number in range(30)), ""]).encode()


def perfetto_trace() -> bytes:
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    trace = pb2.Trace()
    for number in range(20):
        packet = trace.packet.add()
        packet.timestamp = number * SECOND_NS // 4
        packet.battery.current_ua, packet.battery.voltage_uv = -800_000, 4_000_000
    return trace.SerializeToString()


LOGS: dict[str, tuple[Callable[[], bytes], dict[str, str]]] = {
    "numbers": (
        lambda: table("t,p", lambda number: f"{number},{4 + number}"),
        {"time": "t", "time_unit": "s", "power": "p", "unit": "W", "format": "columns"},
    ),
    "dates": (
        lambda: table("t;p", lambda number: f"2025-03-28 01:56:{number:02d}.5;4,5"),
        {"time": "t", "power": "p", "unit": "mW", "format": "columns"},
    ),
    "fnirsi": (
        lambda: table(
            "timestamp sample_in_packet voltage_V current_A", lambda number: f"{1657568326 + number / 100} 0 5 0.8"
        ),
        {"format": "fnirsi"},
    ),
    "ppk2": (
        lambda: table("Timestamp(ms),Current(uA)", lambda number: f"{number},{200_000}"),
        {"format": "ppk2", "voltage": "5"},
    ),
    "tegrastats": (
        lambda: table("", lambda number: f"09-17-2026 02:10:{number:02d} {ORIN.format(now=4000 + number)}"),
        {"format": "tegrastats"},
    ),
    "powermetrics": (
        lambda: table("", lambda number: BLOCK.format(second=number)),
        {"format": "powermetrics"},
    ),
    "perfetto": (perfetto_trace, {"format": "perfetto"}),
}


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Damage a text in one to three places: cut, doubled, swapped, overwritten, or with odd values in it."""
    for _ in range(random.integers(1, 4)):
        place, end = sorted(random.integers(0, len(data) + 1, 2))
        short = place + random.integers(0, 12)
        choice = random.integers(0, 8)
        if choice == 0:
            data = data[:place]
        elif choice == 1:
            data = data[:place] + data[end:]
        elif choice == 2:
            data = data[:end] + data[place:]
        elif choice == 3:
            data = data[:place] + random.bytes(8) + data[short:]
        elif choice == 4:
            lines = data.split(b"\n")
            data = b"\n".join(lines[number] for number in random.permutation(len(lines)))
        elif choice == 5:
            data = data.replace(random.choice([b"4", b"0", b"5", b"8"]), ODD[random.integers(len(ODD))])
        else:
            data = data[:place] + ODD[random.integers(len(ODD))] + data[short:]
    return data


def is_a_sentence(text: str) -> bool:
    """Tell whether a person can read it: words and nothing that a terminal cannot show."""
    return len(text.split()) > 4 and text.isprintable() and "Traceback" not in text and "Error(" not in text


def answer_of(read: Callable[[], Answer]) -> Answer | str:
    """Return what is read, or the sentence on why it cannot be."""
    try:
        return read()
    except MeterError as error:
        return str(error)


def test_odd_values_are_many_enough() -> None:
    assert CASES * (len(LOGS) + 4) >= 500


@pytest.mark.parametrize("kind", LOGS)
def test_a_damaged_log_is_a_sentence_or_an_answer(tmp_path: Path, kind: str) -> None:
    make, settings = LOGS[kind]
    whole, path, answers = make(), tmp_path / "log", 0
    for seed in range(CASES):
        random = np.random.default_rng([seed, len(kind)])
        path.write_bytes(damaged(whole, random))
        # without its name half of the time, so that the format has to be recognized
        named = {key: value for key, value in settings.items() if key != "format" or random.random() < 0.5}
        trace = answer_of(lambda: read_log(path, named).trace)  # noqa: B023
        if isinstance(trace, str):
            assert is_a_sentence(trace), (seed, trace)
            continue
        assert (np.diff(trace.times_ns) >= 0).all(), seed
        begin, end = int(trace.times_ns[0]), int(trace.times_ns[-1])
        for window in ((begin, end), (begin - SECOND_NS, end + SECOND_NS), (begin + 1, begin + (end - begin) // 2)):
            found = integrate(trace, *window)
            if found.joules is None:
                assert is_a_sentence(str(found.reason)), (seed, found.reason)
            else:
                assert 0 < found.joules < math.inf, seed
                assert found.reason is None
                answers += 1
    # they are not all damaged beyond use
    assert answers > 0


def rapl_tree(root: Path) -> str:
    rapl_zone(root, "intel-rapl:0", "package-0", 5_000_000)
    rapl_zone(root, "intel-rapl:0:0", "core", 1_000_000)
    rapl_zone(root, "intel-rapl:1", "psys", 9_000_000)
    rapl_zone(root, "intel-rapl-mmio:0", "package-0", 5_000_000)
    return "rapl"


def jetson_tree(root: Path) -> str:
    jetson_sys(root)
    return "jetson"


def older_jetson_tree(root: Path) -> str:
    chip = "bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    write(root, {f"{chip}/rail_name_0": "POM_5V_IN", f"{chip}/in_power0_input": "2400"})
    write(root, {f"{chip}/rail_name_1": "POM_5V_CPU", f"{chip}/in_voltage1_input": "5000"})
    write(root, {f"{chip}/in_current1_input": "100"})
    return "jetson"


def hwmon_tree(root: Path) -> str:
    write(root / "class/hwmon/hwmon0", {"name": "ina260", "power1_input": "4200000", "curr1_input": "800"})
    write(root / "class/hwmon/hwmon1", {"name": "coretemp", "temp1_input": "40000"})
    return "hwmon"


@pytest.mark.parametrize(
    "make", [rapl_tree, jetson_tree, older_jetson_tree, hwmon_tree], ids=lambda make: make.__name__
)
def test_a_damaged_tree_is_a_sentence_or_an_answer(tmp_path: Path, make: Callable[[Path], str]) -> None:
    answers = 0
    for seed in range(CASES):
        random, root = np.random.default_rng(seed), tmp_path / str(seed)
        meter = meter_of(Address(make(root)), Places(sys=root))
        assert isinstance(meter, LiveMeter)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        for number in random.integers(0, len(files), random.integers(1, 4)):
            file, choice = files[number], random.integers(0, 8)
            if not file.is_file():
                continue
            if choice == 0:
                file.unlink()
            elif choice == 1:
                file.unlink()
                file.mkdir()
            elif choice == 2:
                shutil.copytree(file.parent, file.parent.with_name(f"{file.parent.name}9"), dirs_exist_ok=True)
            else:
                file.write_bytes(ODD[random.integers(len(ODD))])
        refused = meter.available()
        if refused is not None:
            assert is_a_sentence(str(refused)), (seed, refused)
            continue
        answers += 1
        probe = meter.connect()
        values = probe.read()
        assert all(math.isfinite(values[name]) for name in probe.totals), seed
        with meter.open() as session:
            begin = session.mark()
            found = session.window(begin, session.mark(), wait=False)
        assert found.joules is None or 0 < found.joules < math.inf
    assert answers > 0


def test_a_damaged_answer_of_the_power_chip_is_a_sentence_or_an_answer() -> None:
    for seed in range(CASES):
        text = damaged(PMIC.encode(), np.random.default_rng(seed)).decode(errors="replace")
        found = answer_of(lambda: rail_watts(text))  # noqa: B023
        assert is_a_sentence(found) if isinstance(found, str) else found, seed
