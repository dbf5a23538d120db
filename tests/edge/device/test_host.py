"""What a machine says of itself, read from made-up trees."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest

from adafocus.edge.device.host import (
    ask,
    busy_seconds,
    decode_throttled,
    peak_memory_bytes,
    read_facts,
    read_frequencies,
    read_state,
    read_temperatures,
)
from tests.helpers.machines import Programs, intel_sys, jetson_sys, pi_sys, proc, read_by_psutil, write


def test_a_raspberry_pi_is_known_by_its_device_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "etc", {"os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'})
    read_by_psutil(monkeypatch, proc(tmp_path / "proc"))
    facts = read_facts(tmp_path / "etc")
    assert facts.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert facts.processor == "ARMv8 Cortex-A76"
    assert facts.distribution == "Debian GNU/Linux 12 (bookworm)"
    assert facts.memory_bytes == 8_192_000 * 1024


def test_its_state_names_clocks_heat_load_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(vcgencmd_get_throttled="throttled=0x0")
    read_by_psutil(monkeypatch, proc(tmp_path / "proc"))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.4218, 0.3, 0.2))
    state = read_state(pi_sys(tmp_path / "sys"), programs)
    assert state.frequency_mhz == (2400.0, 2300.0, 2200.0, 2100.0)
    assert state.mean_mhz == 2250.0
    assert state.governor == ("ondemand",)
    assert state.temperature_c == {"cpu-thermal": 61.25}
    assert state.hottest_c == 61.25
    assert (state.throttled, state.throttled_before) == ((), ())
    assert state.load == 0.42
    assert state.memory_available_bytes == 6_144_000 * 1024
    assert (state.swap_bytes, state.swap_free_bytes) == (524_288 * 1024, 262_144 * 1024)


@pytest.mark.parametrize(
    ("text", "now", "before"),
    [
        ("throttled=0x0", (), ()),
        ("throttled=0x1", ("under-voltage",), ()),
        ("throttled=0x50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        (
            "throttled=0xe0008",
            ("soft temperature limit",),
            ("processor frequency capped", "throttled", "soft temperature limit"),
        ),
        ("throttled=0x20002", ("processor frequency capped",), ("processor frequency capped",)),
    ],
)
def test_every_bit_of_the_pi_is_decoded_and_the_sticky_ones_apart(
    text: str, now: tuple[str, ...], before: tuple[str, ...]
) -> None:
    assert decode_throttled(text) == (now, before)


def test_what_is_no_answer_of_vcgencmd_tells_nothing() -> None:
    assert decode_throttled("VCHI initialization failed") is None
    assert decode_throttled("") is None


def test_a_jetson_tells_its_mode_and_what_cools_by_slowing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs(nvpmodel_q="NV Power Mode: 15W\n0")
    read_by_psutil(monkeypatch, proc(tmp_path / "proc"))
    state = read_state(jetson_sys(tmp_path / "sys"), programs)
    assert state.power_mode == "15W"
    assert state.throttled == ("cpufreq-cpu0 cools by slowing down",)
    assert state.throttled_before is None
    assert state.temperature_c == {"cpu-thermal": 51.5, "gpu-thermal": 49.0, "gpu-thermal 2": 48.0}


def test_an_intel_processor_counts_how_often_it_throttled(tmp_path: Path) -> None:
    state = read_state(intel_sys(tmp_path / "sys"), Programs())
    assert state.throttle_events == 2 + 3


def test_the_clocks_of_this_machine_are_those_that_psutil_reads() -> None:
    wanted = [clock.current for clock in psutil.cpu_freq(percpu=True) if clock.current]
    # they move from one moment to the next
    assert len(read_frequencies()) == len(wanted)


def test_clocks_come_from_cpuinfo_where_there_is_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/sys/devices/system/cpu/cpu0/cpufreq").exists():
        pytest.skip("expected in CI: this machine has a driver, and psutil asks that")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(proc(tmp_path)))
    assert read_frequencies() == (2400.0, 1500.5)


def test_a_processor_that_sleeps_has_no_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_by_psutil(monkeypatch, tmp_path, (2400.0, 0.0, 1500.5))
    assert read_frequencies() == (2400.0, 1500.5)
    read_by_psutil(monkeypatch, tmp_path, ())
    assert read_frequencies() == ()


def test_a_machine_that_says_nothing_is_unknown_and_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**asked: bool) -> None:
        raise PermissionError(13, "Permission denied")

    # as on Android, where the files are there and shut
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    for module, name in ((psutil, "cpu_freq"), (psutil, "sensors_temperatures"), (psutil, "swap_memory")):
        monkeypatch.setattr(module, name, refuse)
    # as on Windows
    monkeypatch.delattr(os, "getloadavg")
    state = read_state(tmp_path, Programs())
    assert (state.frequency_mhz, state.governor, state.temperature_c) == ((), (), {})
    for value in (
        state.mean_mhz,
        state.hottest_c,
        state.throttled,
        state.load,
        state.power_mode,
        state.throttle_events,
        state.memory_available_bytes,
        state.swap_bytes,
        state.swap_free_bytes,
        read_facts(tmp_path).memory_bytes,
        busy_seconds(),
    ):
        assert value is None
    assert "VmHWM" not in peak_memory_bytes()


def test_what_psutil_lacks_beside_the_figure_is_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some sandboxes have no ``vmstat``, from which psutil reads how much was swapped."""
    read_by_psutil(monkeypatch, proc(tmp_path))
    (tmp_path / "vmstat").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = read_state(tmp_path / "nothing", Programs())
    assert (state.swap_bytes, state.swap_free_bytes) == (524_288 * 1024, 262_144 * 1024)


def test_a_system_without_a_function_of_psutil_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where it reads no temperatures."""
    monkeypatch.delattr(psutil, "sensors_temperatures")
    assert read_temperatures(tmp_path) == {}


def test_a_sensor_that_does_not_answer_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_by_psutil(monkeypatch, tmp_path)
    root = jetson_sys(tmp_path)
    (root / "class/thermal/thermal_zone1/temp").write_text("")
    (root / "class/thermal/thermal_zone2/temp").unlink()
    assert read_temperatures(root) == {"cpu-thermal": 51.5}


def test_sensor_chips_and_thermal_zones_are_all_told_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an SSD in a Jetson, psutil names the SSD alone; where the kernel shows a zone as a chip too, it is one."""
    ssds = {"nvme": [("Composite", 40.0), ("Composite", 41.0)], "cpu_thermal": [("", 51.5)]}
    read_by_psutil(monkeypatch, tmp_path, sensors=ssds)
    assert read_temperatures(jetson_sys(tmp_path)) == {
        "nvme Composite": 40.0,
        "nvme Composite 2": 41.0,
        "cpu_thermal": 51.5,
        "gpu-thermal": 49.0,
        "gpu-thermal 2": 48.0,
    }


def test_busy_time_holds_all_work_and_neither_idle_nor_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_by_psutil(monkeypatch, proc(tmp_path))
    ticks = 1000 + 200 + 300 + 40 + 60 + 100
    assert busy_seconds() == pytest.approx(ticks / os.sysconf("SC_CLK_TCK"))


def test_peak_memory_is_read_and_grows_with_what_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        read_by_psutil(patched, proc(tmp_path))
        assert peak_memory_bytes()["VmHWM"] == 204_800 * 1024
    before = peak_memory_bytes()
    held = np.ones(32 << 20, np.uint8)
    after = peak_memory_bytes()
    assert held.nbytes == 32 << 20
    for source, value in before.items():
        assert value > 10 << 20
        assert after[source] >= value


def make_program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_programs_are_asked_and_a_failing_one_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, "vcgencmd", 'test "$1" = get_throttled && echo throttled=0x50000')
    make_program(tmp_path, "nvpmodel", "echo NV Power Mode: MAXN; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert ask(("vcgencmd", "get_throttled")) == "throttled=0x50000"
    assert ask(("vcgencmd", "pmic_read_adc")) is None
    assert ask(("nvpmodel", "-q")) is None
    assert ask(("no-such-program",)) is None
    state = read_state(tmp_path)
    assert state.throttled == ()
    assert state.throttled_before == ("under-voltage", "throttled")
