"""The machine that a figure was measured on: what does not change, and what does while it works.

psutil reads clocks, memory and processor time. Read here is what it does not tell: the board, what slows it down, and
thermal zones beside other sensors. The root of procfs is psutil's own, that of sysfs is a parameter.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import subprocess
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

import psutil

SYS, ETC = Path("/sys"), Path("/etc")
ASK_LIMIT_S = 10
KIB = 1024
# of `vcgencmd get_throttled`; the same bits sixteen places higher say that it has happened since the start
PI_BITS = {
    0: "under-voltage",
    1: "processor frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}
STICKY_BITS = 16
GOVERNOR_COMMAND = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"

Ask = Callable[[Sequence[str]], "str | None"]
Value = TypeVar("Value")
# of psutil's processor times: those without work, and the parts of others that it lists once more
NO_WORK = ("idle", "iowait", "guest", "guest_nice")


@dataclass(frozen=True)
class Facts:
    """What does not change while the machine runs; None where it cannot be known.

    Attributes:
        system: kernel and its version.
        distribution: of the operating system.
        architecture: of the kernel, as ``uname`` says.
        bits: of the interpreter; 32 on a 64-bit kernel is a 32-bit system to every wheel.
        board: what the device tree calls the machine (Raspberry Pi, Jetson).
        processor: its name.
        processors: how many this process may use.
        memory_bytes: in all.
        python: version of the interpreter.
        c_library: name and version; wheels of Linux ask for it.
    """

    system: str
    distribution: str | None
    architecture: str
    bits: int
    board: str | None
    processor: str | None
    processors: int
    memory_bytes: int | None
    python: str
    c_library: str | None


@dataclass(frozen=True)
class State:
    """What changes: clocks, heat, load and memory. Empty or None where the machine does not say.

    Attributes:
        frequency_mhz: of every processor, or of every group that shares one clock.
        governor: of every processor, each once.
        temperature_c: degrees Celsius by sensor.
        throttled: what slows the machine now, as words; None where nothing tells.
        throttled_before: what has slowed it since it was started; likewise.
        throttle_events: count of the processor's own thermal throttling since the start.
        load: running or waiting threads, mean of the last minute.
        memory_available_bytes: what can be used without swapping.
        swap_bytes: size of the swap space.
        swap_free_bytes: unused part of it.
        power_mode: of a Jetson.
    """

    frequency_mhz: tuple[float, ...] = ()
    governor: tuple[str, ...] = ()
    temperature_c: dict[str, float] = field(default_factory=dict)
    throttled: tuple[str, ...] | None = None
    throttled_before: tuple[str, ...] | None = None
    throttle_events: int | None = None
    load: float | None = None
    memory_available_bytes: int | None = None
    swap_bytes: int | None = None
    swap_free_bytes: int | None = None
    power_mode: str | None = None

    @property
    def hottest_c(self) -> float | None:
        """Temperature of the hottest sensor."""
        return max(self.temperature_c.values(), default=None)

    @property
    def mean_mhz(self) -> float | None:
        """Mean of the frequencies."""
        return sum(self.frequency_mhz) / len(self.frequency_mhz) if self.frequency_mhz else None


def ask(command: Sequence[str]) -> str | None:
    """Return what a program prints; None where it is not there, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ASK_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def known(read: Callable[[], Value]) -> Value | None:
    """Return what a function of psutil or of the system reads; None where this machine does not tell."""
    try:
        with warnings.catch_warnings():
            # of figures that nobody asked for, such as how much was swapped
            warnings.simplefilter("ignore", RuntimeWarning)
            return read()
    except (AttributeError, LookupError, OSError, RuntimeError, ValueError, psutil.Error):
        # there is no such function here, or a file that it reads is not there, is shut or says something else
        return None


def read_facts(etc: Path = ETC) -> Facts:
    """Read what does not change."""
    library = " ".join(part for part in platform.libc_ver() if part)
    return Facts(
        system=f"{platform.system()} {platform.release()}",
        distribution=_distribution(small_text(etc / "os-release")),
        architecture=platform.machine(),
        bits=8 * struct.calcsize("P"),
        board=(small_text(_proc() / "device-tree" / "model") or "").strip("\0\n ") or None,
        processor=_processor(small_text(_proc() / "cpuinfo")),
        processors=usable_processors(),
        memory_bytes=known(lambda: psutil.virtual_memory().total),
        python=platform.python_version(),
        c_library=library or None,
    )


def read_state(sys: Path = SYS, ask: Ask = ask) -> State:
    """Read what changes, with the programs of the board's maker where they are there.

    Args:
        sys: root of sysfs, for what psutil does not read.
        ask: runs a program and returns what it prints; ``vcgencmd`` on a Raspberry Pi, ``nvpmodel`` on a Jetson.
    """
    now, before = _throttling(sys, ask)
    swap = known(psutil.swap_memory)
    governors = (small_text(core / "cpufreq" / "scaling_governor") for core in _cores(sys))
    return State(
        frequency_mhz=read_frequencies(),
        governor=tuple(dict.fromkeys(name for name in governors if name is not None)),
        temperature_c=read_temperatures(sys),
        throttled=now,
        throttled_before=before,
        throttle_events=_throttle_events(sys),
        # psutil would say 0 at first where the system has no such number
        load=known(lambda: round(os.getloadavg()[0], 2)),
        memory_available_bytes=known(lambda: psutil.virtual_memory().available),
        swap_bytes=swap.total if swap else None,
        swap_free_bytes=swap.free if swap else None,
        power_mode=_power_mode(ask(("nvpmodel", "-q"))),
    )


def usable_processors() -> int:
    """Return the number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_frequencies() -> tuple[float, ...]:
    """Return the megahertz of every processor, or of every group that shares one clock; sleeping ones are left out."""
    found = known(lambda: psutil.cpu_freq(percpu=True)) or ()
    return tuple(clock.current for clock in found if clock.current)


def read_temperatures(sys: Path = SYS) -> dict[str, float]:
    """Return degrees Celsius by sensor; sensors of one name are numbered from the second on."""
    sensors = known(lambda: psutil.sensors_temperatures()) or {}
    found: dict[str, float] = {}
    for chip, readings in sensors.items():
        for reading in readings:
            _add(found, f"{chip} {reading.label}".strip(), reading.current)
    # psutil reads thermal zones only where there is nothing else: on a board with an SSD it would name that alone
    listed = {_chip_name(chip) for chip in sensors}
    for zone in _numbered(sys / "class" / "thermal", "thermal_zone"):
        kind, value = small_text(zone / "type") or zone.name, _number(small_text(zone / "temp"))
        # a sensor of a part that is switched off does not answer
        if value is not None and _chip_name(kind) not in listed:
            _add(found, kind, value / 1e3)
    return found


def _chip_name(zone: str) -> str:
    """Return the name that the kernel gives a thermal zone among the sensor chips."""
    return zone.replace("-", "_")


def _add(found: dict[str, float], name: str, value: float) -> None:
    """Add a value under a name that is still free."""
    numbered = (f"{name} {number}" for number in count(2))
    found[next(free for free in chain([name], numbered) if free not in found)] = value


def peak_memory_bytes() -> dict[str, int]:
    """Return the largest resident size of this process so far, by who says so: ``VmHWM``, ``ru_maxrss``, ``peak_wset``.

    On Linux and macOS psutil tells the present size only.
    """
    found = {}
    line = re.search(r"^VmHWM:\s*(\d+) kB", small_text(_proc() / "self" / "status") or "", re.MULTILINE)
    if line:
        found["VmHWM"] = int(line.group(1)) * KIB
    try:
        import resource
    except ImportError:
        # Windows has no such module
        return {"peak_wset": psutil.Process().memory_info().peak_wset}  # type: ignore[attr-defined]
    unit = 1 if platform.system() == "Darwin" else KIB
    found["ru_maxrss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return found


def busy_seconds() -> float | None:
    """Return the processor seconds that the machine has worked since its start, for all processes; None if unknown."""
    times = known(psutil.cpu_times)
    return None if times is None else sum(value for name, value in times._asdict().items() if name not in NO_WORK)


def decode_throttled(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return what ``vcgencmd get_throttled`` says: what holds now, and what has happened since the start.

    Args:
        text: such as ``throttled=0x50005``.
    """
    found = re.search(r"throttled=(0x[0-9a-fA-F]+|\d+)", text)
    if found is None:
        return None
    bits = int(found.group(1), 0)
    now = tuple(words for bit, words in PI_BITS.items() if bits >> bit & 1)
    before = tuple(words for bit, words in PI_BITS.items() if bits >> (bit + STICKY_BITS) & 1)
    return now, before


def small_text(path: Path) -> str | None:
    """Return the text of a small file; None where it is not there, may not be read, or its sensor does not answer."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _throttling(sys: Path, ask: Ask) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Read the flags of a Raspberry Pi, and the kernel's cooling devices of processors elsewhere."""
    told = decode_throttled(ask(("vcgencmd", "get_throttled")) or "")
    if told is not None:
        return told
    devices = [
        (small_text(device / "type") or "", _number(small_text(device / "cur_state")))
        for device in _numbered(sys / "class" / "thermal", "cooling_device")
    ]
    coolers = [(kind, state) for kind, state in devices if re.search(r"cpu|gpu|processor", kind, re.I)]
    known = [(kind, state) for kind, state in coolers if state is not None]
    if not known:
        return None, None
    return tuple(dict.fromkeys(f"{kind} cools by slowing down" for kind, state in known if state > 0)), None


def _throttle_events(sys: Path) -> int | None:
    """Return how often the processor has throttled itself since the start."""
    counts = [_number(small_text(core / "thermal_throttle" / "core_throttle_count")) for core in _cores(sys)]
    known = [int(count) for count in counts if count is not None]
    return sum(known) if known else None


def _power_mode(text: str | None) -> str | None:
    """Return the mode that ``nvpmodel`` names."""
    found = re.search(r"Power Mode:\s*(.+)", text or "")
    return found.group(1).strip() if found else None


def _distribution(text: str | None) -> str | None:
    """Return the name in ``os-release``."""
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', text or "", re.MULTILINE)
    return found.group(1) if found else None


def _processor(text: str | None) -> str | None:
    """Return the name in ``cpuinfo``: x86 has a model name; ARM may have one, or only the board's."""
    for key in ("model name", "Model", "Hardware"):
        found = re.search(rf"^{key}\s*:\s*(.+)$", text or "", re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or None


def _proc() -> Path:
    """Return psutil's root of procfs, which it has on Linux only."""
    return Path(getattr(psutil, "PROCFS_PATH", "/proc"))


def _cores(sys: Path) -> list[Path]:
    """Return the folders of the processors."""
    return _numbered(sys / "devices" / "system" / "cpu", "cpu")


def _numbered(folder: Path, prefix: str) -> list[Path]:
    """Return entries such as ``cpu0``, ``cpu1``, ... in the order of their numbers."""
    found = [(path, path.name[len(prefix) :]) for path in folder.glob(f"{prefix}*")]
    return [
        path
        for path, rest in sorted(found, key=lambda item: int(item[1]) if item[1].isdecimal() else 0)
        if rest.isdecimal()
    ]


def _number(text: str | None) -> float | None:
    """Return a text as a number, None where it is none."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
