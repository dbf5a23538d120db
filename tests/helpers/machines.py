"""Made-up trees of sysfs and procfs, and stand-ins for the programs of a board's maker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

MEMINFO = """MemTotal:        8192000 kB
MemFree:          100000 kB
MemAvailable:    6144000 kB
Buffers:           10000 kB
Cached:          5000000 kB
Active:          1000000 kB
Inactive:        1000000 kB
Shmem:             10000 kB
Slab:              10000 kB
SwapTotal:        524288 kB
SwapFree:         262144 kB
"""
CPUINFO = """processor\t: 0
model name\t: ARMv8 Cortex-A76
cpu MHz\t\t: 2400.000

processor\t: 1
cpu MHz\t\t: 1500.500

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def write(root: Path, files: dict[str, str]) -> Path:
    """Write small files below a root, as the kernel shows them: with a line end."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def pi_sys(root: Path) -> Path:
    """Write the sysfs of a Raspberry Pi 5 with four cores."""
    files = {
        f"devices/system/cpu/cpu{core}/cpufreq/{name}": value
        for core in range(4)
        for name, value in (("scaling_cur_freq", str(2_400_000 - 100_000 * core)), ("scaling_governor", "ondemand"))
    }
    # an entry beside the cores that has no number
    files |= {"devices/system/cpu/cpufreq/boost": "0"}
    files |= {"class/thermal/thermal_zone0/type": "cpu-thermal", "class/thermal/thermal_zone0/temp": "61250"}
    files |= {"class/video4linux/video0/name": "unicam", "class/video4linux/video10/name": "bcm2835-codec-decode"}
    return write(root, files)


def jetson_sys(root: Path) -> Path:
    """Write the sysfs of a Jetson Orin with JetPack 6."""
    chip = "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
    files = {f"{chip}/in{n}_label": label for n, label in ((1, "VDD_IN"), (2, "VDD_CPU_GPU_CV"), (3, "NC"))}
    files |= {f"{chip}/in7_label": "Sum of shunt voltages"}
    files |= {f"{chip}/in{n}_input": "5000" for n in (1, 2, 3)} | {f"{chip}/curr{n}_input": "900" for n in (1, 2, 3)}
    for number, (kind, degrees) in enumerate((("cpu-thermal", 51500), ("gpu-thermal", 49000), ("gpu-thermal", 48000))):
        files[f"class/thermal/thermal_zone{number}/type"] = kind
        files[f"class/thermal/thermal_zone{number}/temp"] = str(degrees)
    for number, (kind, state) in enumerate((("cpufreq-cpu0", 3), ("pwm-fan", 1), ("17000000.gpu", 0))):
        files[f"class/thermal/cooling_device{number}/type"] = kind
        files[f"class/thermal/cooling_device{number}/cur_state"] = str(state)
    return write(root, files)


def intel_sys(root: Path) -> Path:
    """Write the sysfs of a notebook: RAPL, counts of throttling, and a sensor chip on I2C."""
    files = {
        "class/powercap/intel-rapl:0/name": "package-0",
        "class/powercap/intel-rapl:0/energy_uj": "123456789",
        "class/powercap/intel-rapl:0:0/name": "core",
        "class/powercap/intel-rapl:0:0/energy_uj": "1234",
        "class/hwmon/hwmon0/name": "coretemp",
        "class/hwmon/hwmon1/name": "ina260",
        "class/hwmon/hwmon1/power1_input": "4200000",
    }
    files |= {f"devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count": str(core + 2) for core in range(2)}
    return write(root, files)


PI_CLOCKS_MHZ = (2400.0, 2300.0, 2200.0, 2100.0)


def read_by_psutil(
    monkeypatch: pytest.MonkeyPatch,
    procfs: Path,
    clocks_mhz: Sequence[float] = PI_CLOCKS_MHZ,
    sensors: dict[str, list[tuple[str, float]]] | None = None,
) -> Path:
    """Let psutil read a made-up procfs, and say made-up clocks and sensors, for which it would read the real sysfs.

    Args:
        monkeypatch: undoes it after the test.
        procfs: as :func:`proc` makes it.
        clocks_mhz: of every processor.
        sensors: label and degrees of every sensor by chip.
    """
    clocks = [SimpleNamespace(current=clock) for clock in clocks_mhz]
    chips = {
        chip: [SimpleNamespace(label=label, current=value) for label, value in found]
        for chip, found in (sensors or {}).items()
    }
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(procfs))
    monkeypatch.setattr(psutil, "cpu_freq", lambda percpu: clocks)
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: chips)
    return procfs


def proc(root: Path) -> Path:
    """Write a procfs."""
    files = {
        "meminfo": MEMINFO.rstrip(),
        "cpuinfo": CPUINFO,
        "vmstat": "pswpin 0\npswpout 0",
        "stat": "cpu  1000 200 300 90000 500 40 60 100 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0",
        "self/status": "Name:\tadafocus\nVmHWM:\t  204800 kB\nVmRSS:\t 1000 kB",
        "device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    }
    return write(root, files)


class Programs:
    """Answers of programs by their first words; None where a program is not there."""

    def __init__(self, **answers: str | None) -> None:
        self.answers = answers

    def __call__(self, command: Sequence[str]) -> str | None:
        """Return what the program prints."""
        return self.answers.get("_".join(command).replace("-", ""))
