"""Runs bundles in Kotlin on this machine, with the runtimes of Python's wheels."""

from __future__ import annotations

import importlib.util
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from adafocus.apps.android.tools import kotlin
from adafocus.apps.android.tools.toolchain import CACHE, digest_of, fetched, run
from adafocus.errors import AdafocusError

SOURCE = kotlin.ANDROID / "jvm" / "executorch.cpp"
MAIN = "adafocus.jvm.MainKt"


def _package(name: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        AdafocusError: it is not installed.
    """
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise AdafocusError(f"The package {name!r} is not installed. Install it: pip install '.[workstation,litert]'")
    return Path(found.submodule_search_locations[0])


def library(runtime: str) -> Path:
    """Return the library by which Kotlin runs graphs of a runtime here; that of ExecuTorch is compiled first."""
    if runtime == "litert":
        return _package("ai_edge_litert") / "libLiteRt.so"
    wheel = _package("executorch")
    target = CACHE / "build" / f"libadafocus_executorch-{digest_of([SOURCE])}.so"
    if not target.exists():
        print("compiling executorch.cpp", flush=True)
        headers = (wheel / "include", wheel / "include/executorch/runtime/core/portable_type/c10", *_java_headers())
        libraries = ("", "_backend_xnnpack", "_kernels_optimized", "_kernels_quantized", "_threadpool")
        run(
            *(
                "g++",
                "-std=c++17",
                "-O1",
                "-fPIC",
                "-shared",
                "-DC10_USING_CUSTOM_GENERATED_MACROS",
                SOURCE,
                "-o",
                target,
            ),
            *(f"-I{path}" for path in headers),
            *(f"-L{wheel / 'lib'}", "-Wl,--no-as-needed", *(f"-lexecutorch{name}" for name in libraries)),
            f"-Wl,-rpath,{wheel / 'lib'}",
        )
    return target


def _java_headers() -> tuple[Path, Path]:
    """Return the folders of JNI's headers."""
    settings = run("java", "-XshowSettings:properties", "-version")
    home = next(line.split("=")[1].strip() for line in settings.splitlines() if "java.home" in line)
    include = Path(home) / "include"
    return include, include / ("darwin" if sysconfig.get_platform().startswith("macosx") else "linux")


def call(*words: str | Path, quiet: bool = False) -> str:
    """Run the main class with some arguments."""
    core = kotlin.core()
    tests = kotlin.compiled("tests", [kotlin.TESTS], [core])
    jna, native = fetched("jna", "jna.jar"), fetched("jna-native", "jni/libjnidispatch.system.so").parent
    jvm = kotlin.compiled("jvm", [kotlin.JVM], [core, tests, jna])
    jars = kotlin.classpath(jvm, tests, core, jna)
    # Debian's JNA looks where Debian installs its library, or where Java looks for those of the system
    switches = ("-Djna.nosys=false", f"-Djava.library.path={native}")
    return run("java", *switches, "-cp", jars, MAIN, *words, quiet=quiet)


def golden(runtime: str, vectors: Path, bundles: Sequence[Path]) -> None:
    """Run the golden clips of bundles, and the vectors of golden clips.

    Raises:
        AdafocusError: a tensor is not as it must be.
    """
    call(runtime, library(runtime), vectors, *bundles)
