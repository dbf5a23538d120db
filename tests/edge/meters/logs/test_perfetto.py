"""Traces of Android, made with the messages of the package perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.logs import read_log
from adafocus.edge.meters.logs.recording import Recording
from adafocus.edge.meters.meter import SECOND_NS
from adafocus.errors import MeterError

BOOT_NS, BOOTED_NS = 100 * SECOND_NS, 1_700_000_000 * SECOND_NS


@pytest.fixture
def trace() -> Any:
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    return pb2.Trace()


def battery(trace: Any, sign: int = -1, volts: bool = True, charge: int = -100) -> Any:
    """Add 10 s of 800 mA at 4 V, twice a second."""
    for number in range(21):
        packet = trace.packet.add()
        packet.timestamp = BOOT_NS + number * SECOND_NS // 2
        packet.battery.current_ua = sign * 800_000
        packet.battery.charge_counter_uah = 3_000_000 + charge * number
        if volts:
            packet.battery.voltage_uv = 4_000_000
    return trace


def rails(trace: Any) -> Any:
    """Add counters of two rails, of 2 W and 0.5 W, read one after the other four times a second."""
    head = trace.packet.add()
    for index, name in enumerate(("S2S_VDD_CPU", "L3S_DDR")):
        rail = head.power_rails.rail_descriptor.add()
        rail.index, rail.rail_name = index, name
    for number in range(41):
        for index, watts in enumerate((2.0, 0.5)):
            packet = trace.packet.add()
            sample = packet.power_rails.energy_data.add()
            sample.index, sample.timestamp_ms = index, 100_000 + 250 * number + 10 * index
            sample.energy = round(1e6 * (50 + watts * (0.25 * number + 0.01 * index)))
    return trace


def snapshot(trace: Any) -> Any:
    clocks = trace.packet.add().clock_snapshot.clocks
    for number, moment in ((1, BOOTED_NS + BOOT_NS), (6, BOOT_NS)):
        clock = clocks.add()
        clock.clock_id, clock.timestamp = number, moment
    return trace


def written(trace: Any, folder: Path, name: str = "phone.perfetto-trace") -> Path:
    (folder / name).write_bytes(trace.SerializeToString())
    return folder / name


def joules(found: Recording) -> float | None:
    times = found.trace.times_ns
    return integrate(found.trace, int(times[0]) + SECOND_NS, int(times[-1]) - SECOND_NS).joules


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_battery_is_amperes_times_volts_whatever_sign_the_maker_chose(
    tmp_path: Path, trace: Any, sign: int
) -> None:
    found = read_log(written(battery(trace, sign), tmp_path), {})
    assert joules(found) == pytest.approx(0.8 * 4.0 * 8)
    assert found.trace.scope == "battery"
    assert found.clock == "own"


def test_a_trace_is_told_by_its_bytes_where_its_name_says_nothing(tmp_path: Path, trace: Any) -> None:
    assert read_log(written(battery(trace), tmp_path, "trace.bin"), {}).trace.scope == "battery"


def test_a_snapshot_of_clocks_places_the_trace_in_the_time_of_day(tmp_path: Path, trace: Any) -> None:
    found = read_log(written(battery(snapshot(trace)), tmp_path), {})
    assert found.clock == "unix"
    assert found.trace.times_ns[0] == BOOTED_NS + BOOT_NS


def test_rails_are_added_only_where_they_are_named(tmp_path: Path, trace: Any) -> None:
    path = written(rails(trace), tmp_path)
    with pytest.raises(MeterError, match="It has the power rails S2S_VDD_CPU, L3S_DDR: name those"):
        read_log(path, {})
    found = read_log(path, {"power": "S2S_VDD_CPU+L3S_DDR"})
    assert joules(found) == pytest.approx(2.5 * 8, rel=1e-6)
    assert found.trace.counts
    assert joules(read_log(path, {"power": "L3S_DDR"})) == pytest.approx(0.5 * 8)
    with pytest.raises(MeterError, match="expected GPU"):
        read_log(path, {"power": "GPU"})


def test_a_battery_without_volts_needs_them_stated(tmp_path: Path, trace: Any) -> None:
    path = written(battery(trace, volts=False), tmp_path)
    with pytest.raises(MeterError, match=r"no voltage.*voltage=3.85"):
        read_log(path, {})
    assert joules(read_log(path, {"voltage": "3.85"})) == pytest.approx(0.8 * 3.85 * 8)


def test_a_phone_that_was_being_charged_is_refused(tmp_path: Path, trace: Any) -> None:
    with pytest.raises(MeterError, match="was being charged"):
        read_log(written(battery(trace, charge=50), tmp_path), {})


def test_other_traces_and_what_is_none_are_sentences(tmp_path: Path, trace: Any) -> None:
    trace.packet.add().timestamp = 5
    with pytest.raises(MeterError, match="BATTERY_COUNTER_CURRENT"):
        read_log(written(trace, tmp_path), {})
    whole = battery(trace).SerializeToString()
    for number, damaged in enumerate((whole[:-3], b"\n\xff\xff", np.random.default_rng(1).bytes(500))):
        path = tmp_path / f"{number}.perfetto-trace"
        path.write_bytes(damaged)
        with pytest.raises(MeterError, match="is no trace of Perfetto"):
            read_log(path, {})
