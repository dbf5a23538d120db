"""The machine that a figure was measured on: what does not change, and what does while it works.

Nothing here writes, and every root is a parameter, so that a test can hand a made-up tree.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SYS, PROC, ETC = Path("/sys"), Path("/proc"), Path("/etc")
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
        frequency_mhz: of every processor.
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
        """Mean frequency of all processors."""
        return sum(self.frequency_mhz) / len(self.frequency_mhz) if self.frequency_mhz else None

    @property
    def is_throttled(self) -> bool:
        """Whether the machine says that it is slowed down at this moment."""
        return bool(self.throttled)


def ask(command: Sequence[str]) -> str | None:
    """What a program prints; None where it is not there, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ASK_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def read_facts(proc: Path = PROC, etc: Path = ETC) -> Facts:
    """Read what does not change."""
    library = " ".join(part for part in platform.libc_ver() if part)
    return Facts(
        system=f"{platform.system()} {platform.release()}",
        distribution=_distribution(small_text(etc / "os-release")),
        architecture=platform.machine(),
        bits=8 * struct.calcsize("P"),
        board=(small_text(proc / "device-tree" / "model") or "").strip("\0\n ") or None,
        processor=_processor(small_text(proc / "cpuinfo")),
        processors=usable_processors(),
        memory_bytes=_memory(proc).get("MemTotal"),
        python=platform.python_version(),
        c_library=library or None,
    )


def read_state(sys: Path = SYS, proc: Path = PROC, ask: Ask = ask) -> State:
    """Read what changes, with the programs of the board's maker where they are there.

    Args:
        sys: root of sysfs.
        proc: root of procfs.
        ask: runs a program and gives what it prints; ``vcgencmd`` on a Raspberry Pi, ``nvpmodel`` on a Jetson.
    """
    now, before = _throttling(sys, ask)
    memory = _memory(proc)
    load = (small_text(proc / "loadavg") or "").split()
    return State(
        frequency_mhz=read_frequencies(sys, proc),
        governor=tuple(dict.fromkeys(_each(_cpufreq(sys), "scaling_governor"))),
        temperature_c=read_temperatures(sys),
        throttled=now,
        throttled_before=before,
        throttle_events=_throttle_events(sys),
        load=float(load[0]) if load else None,
        memory_available_bytes=memory.get("MemAvailable"),
        swap_bytes=memory.get("SwapTotal"),
        swap_free_bytes=memory.get("SwapFree"),
        power_mode=_power_mode(ask(("nvpmodel", "-q"))),
    )


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_frequencies(sys: Path = SYS, proc: Path = PROC) -> tuple[float, ...]:
    """Megahertz of every processor: what the kernel's driver says, else what ``cpuinfo`` says."""
    kilohertz = _each(_cpufreq(sys), "scaling_cur_freq")
    if kilohertz:
        return tuple(int(value) / 1e3 for value in kilohertz if value.isdecimal())
    found = re.findall(r"^cpu MHz\s*:\s*([\d.]+)", small_text(proc / "cpuinfo") or "", re.MULTILINE)
    return tuple(float(value) for value in found)


def read_temperatures(sys: Path = SYS) -> dict[str, float]:
    """Degrees Celsius by the sensor's type; sensors of one type are numbered from the second on."""
    found: dict[str, float] = {}
    for zone in _numbered(sys / "class" / "thermal", "thermal_zone"):
        value = _number(small_text(zone / "temp"))
        if value is None:
            # a sensor of a part that is switched off does not answer
            continue
        kind = small_text(zone / "type") or zone.name
        same = sum(name == kind or name.startswith(f"{kind} ") for name in found)
        found[f"{kind} {same + 1}" if same else kind] = value / 1e3
    return found


def peak_memory_bytes(proc: Path = PROC) -> dict[str, int]:
    """Largest resident size of this process so far, by who says so: the kernel's ``VmHWM`` and ``ru_maxrss``."""
    found = {}
    line = re.search(r"^VmHWM:\s*(\d+) kB", small_text(proc / "self" / "status") or "", re.MULTILINE)
    if line:
        found["VmHWM"] = int(line.group(1)) * KIB
    try:
        import resource
    except ImportError:
        # Windows has no such module
        return found
    unit = 1 if platform.system() == "Darwin" else KIB
    found["ru_maxrss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return found


def busy_seconds(proc: Path = PROC) -> float | None:
    """Processor seconds that the whole machine has worked since its start, for all processes; None where unknown."""
    line = (small_text(proc / "stat") or "").splitlines()[:1]
    values = [int(value) for value in line[0].split()[1:] if value.isdecimal()] if line else []
    if len(values) < 8:
        return None
    user, nice, system, _, _, interrupts, soft, steal = values[:8]
    return (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")


def decode_throttled(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """What ``vcgencmd get_throttled`` says: what holds now, and what has happened since the start.

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
    """Content of a small file; None where it is not there, may not be read, or its sensor does not answer."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _throttling(sys: Path, ask: Ask) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Raspberry Pi's own flags, and the kernel's cooling devices of processors elsewhere."""
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
    cores = _numbered(sys / "devices" / "system" / "cpu", "cpu")
    counts = [_number(small_text(core / "thermal_throttle" / "core_throttle_count")) for core in cores]
    known = [int(count) for count in counts if count is not None]
    return sum(known) if known else None


def _power_mode(text: str | None) -> str | None:
    found = re.search(r"Power Mode:\s*(.+)", text or "")
    return found.group(1).strip() if found else None


def _distribution(text: str | None) -> str | None:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', text or "", re.MULTILINE)
    return found.group(1) if found else None


def _processor(text: str | None) -> str | None:
    """x86 has a model name; ARM may have one, or only the board's."""
    for key in ("model name", "Model", "Hardware"):
        found = re.search(rf"^{key}\s*:\s*(.+)$", text or "", re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or None


def _memory(proc: Path) -> dict[str, int]:
    lines = re.findall(r"^(\w+):\s*(\d+) kB", small_text(proc / "meminfo") or "", re.MULTILINE)
    return {name: int(value) * KIB for name, value in lines}


def _cpufreq(sys: Path) -> list[Path]:
    return [core / "cpufreq" for core in _numbered(sys / "devices" / "system" / "cpu", "cpu")]


def _each(folders: list[Path], name: str) -> list[str]:
    return [value for value in (small_text(folder / name) for folder in folders) if value is not None]


def _numbered(folder: Path, prefix: str) -> list[Path]:
    """Entries such as ``cpu0``, ``cpu1``, ... in the order of their numbers."""
    found = [(path, path.name[len(prefix) :]) for path in folder.glob(f"{prefix}*")]
    return [
        path
        for path, rest in sorted(found, key=lambda item: int(item[1]) if item[1].isdecimal() else 0)
        if rest.isdecimal()
    ]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
