"""The install script of a Raspberry Pi on an emulated ARM64 Debian 12, and the trap that its numpy is.

Debian's numpy 1.24 is there, and a package that was built for it (numexpr, as simplejpeg is on a Raspberry Pi). Where
pip puts numpy 2 over it, that package breaks; the script keeps numpy below 2.

Not collected with the other tests, because it needs Debian's and Python's registries and takes a quarter of an hour:
make test-arm64-install
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from adafocus.errors import AdafocusError
from tests.arm64.trees import HERE, PI, PROCESSOR, ROOT, building, debian

# what a fresh system has that the script calls, and what it would install
SYSTEM = (
    *("bash", "dash", "coreutils", "sed", "grep", "mawk", "findutils", "libc-bin", "hostname", "base-files"),
    *("python3", "python3-venv", "python3-numpy", "python3-numexpr", "python3-gpiozero", "libgl1", "libglib2.0-0"),
)
# links that are made when packages are configured
ALTERNATIVES = {
    "usr/bin/awk": "mawk",
    "usr/lib/aarch64-linux-gnu/libblas.so.3": "blas/libblas.so.3",
    "usr/lib/aarch64-linux-gnu/liblapack.so.3": "lapack/liblapack.so.3",
}
# of Debian 13, because ai-edge-litert 2.3.0 crashes in QEMU 7.2
EMULATOR, EMULATOR_RELEASE = ("qemu-user",), "trixie"
STARTER = ("proot",)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
LIMIT_S = 3600
COPIED = ("src", "edge", "networks", "calibration", "converters", "apps", "bundles")
FILES = ("pyproject.toml", "README.md", "LICENSE")
USES_NUMPY = "import numpy, numexpr; print(numpy.__version__)"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the repository, since pip builds in it."""
    place = tmp_path_factory.mktemp("install")
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
        shutil.copytree(ROOT / name, place / "repository" / name, symlinks=True, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, place / "repository" / name)
    return place


@pytest.fixture(scope="module")
def run(work: Path) -> Run:
    """Return what runs a command in the emulated system."""
    try:
        with building():
            emulator = debian(EMULATOR, HERE, "qemu", EMULATOR_RELEASE) / "usr/bin/qemu-aarch64"
            starter, system = debian(STARTER, HERE, "proot"), debian(SYSTEM, PI, "installing")
    except AdafocusError as error:
        pytest.exit(f"test-arm64-install: {error}", returncode=2)
    for link, target in ALTERNATIVES.items():
        if not (system / link).is_symlink():
            (system / link).symlink_to(target)
    # the folder of the work has the same name inside and outside, because not every call of the system is translated
    bound = [word for path in ("/dev", "/proc", "/sys", "/etc/resolv.conf", work) for word in ("-b", str(path))]
    bound += ["-b", f"{CERTIFICATES}:{CERTIFICATES}"]
    libraries = starter / "usr/lib/x86_64-linux-gnu"
    around = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "PIP_CERT": str(CERTIFICATES),
        "QEMU_CPU": PROCESSOR,
        "LD_LIBRARY_PATH": str(libraries),
    }

    def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [starter / "usr/bin/proot", "-0", "-q", emulator, "-r", system, "-w", work, *bound, *words]
        return subprocess.run(
            list(map(str, command)), env=around, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )

    return call


def test_numpy_2_over_the_system_breaks_what_is_built_for_its_numpy_1(run: Run, work: Path) -> None:
    assert run("/usr/bin/python3", "-c", USES_NUMPY).stdout == "1.24.2\n"
    assert not run("/usr/bin/python3", "-m", "venv", "--system-site-packages", work / "plain").stderr
    run(work / "plain/bin/python", "-m", "pip", "install", "--quiet", "numpy>=2")
    done = run(work / "plain/bin/python", "-c", USES_NUMPY)
    assert "numpy.core.multiarray failed to import" in done.stderr


def test_the_script_installs_tests_itself_and_keeps_clear_of_the_trap(run: Run, work: Path) -> None:
    script = work / "repository/apps/pi/install.sh"
    done = run("/bin/sh", script, "--no-apt", "--no-start", "--prefix", work / "adafocus")
    shown = done.stdout + done.stderr
    assert "numpy stays below 2" in shown
    assert "runs, golden clip exact or within bounds" in shown, shown
    assert "== Selftest" in shown
    assert "Start it:" in shown
    assert run(work / "adafocus/venv/bin/python", "-c", USES_NUMPY).stdout.startswith("1.26")
