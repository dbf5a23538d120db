"""The Kotlin compiler, and rules with mistakes that can be switched on one by one."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.apps.android.tools.toolchain import CACHE, MEMORY, ROOT, digest_of, fetched, run
from adafocus.errors import AdafocusError

ANDROID = ROOT / "apps" / "android"
CORE, TESTS, JVM = (ANDROID / name / "src" for name in ("core", "tests", "jvm"))
MISTAKES = ANDROID / "tests" / "mistakes.json"
# classes for Android: lambdas and listeners as classes, no invokedynamic
WORDS = (
    *("-no-stdlib", "-no-reflect", "-jvm-target", "1.8", "-language-version", "2.1", "-api-version", "2.1"),
    *("-Xlambdas=class", "-Xsam-conversions=class", "-Werror"),
)
CHOICE = "if (adafocus.rules.Mistake.number == {}) ({}) else "
# which mistake is switched on is read when the classes are loaded
SWITCH = """package adafocus.rules

object Mistake {
    @JvmField val number: Int = Integer.getInteger("adafocus.mistake", 0)
}
"""


def stdlib() -> Path:
    """Return the library that every compiled class needs."""
    return fetched("kotlin", "kotlin-stdlib.jar")


def classpath(*jars: Path) -> str:
    """Join jars, and the library."""
    return os.pathsep.join(map(str, (*jars, stdlib())))


def compiled(name: str, sources: Sequence[Path], jars: Sequence[Path] = (), android: Path | None = None) -> Path:
    """Compile sources to a jar, or return the one that was made of the same sources before.

    Args:
        name: of the jar.
        sources: folders or files.
        jars: that the sources need.
        android: classes of Android, in place of those of this machine's Java.
    """
    words = (*WORDS, *(("-no-jdk",) if android else ()))
    needed = ([android] if android else []) + list(jars)
    jar = CACHE / "build" / f"{name}-{digest_of([*sources, *needed, stdlib()], words)}.jar"
    if not jar.exists():
        print(f"compiling {name}", flush=True)
        jar.parent.mkdir(parents=True, exist_ok=True)
        for old in jar.parent.glob(f"{name}-*.jar"):
            old.unlink()
        beside = jar.with_name(f".{os.getpid()}-{jar.name}")
        compiler = (
            "java",
            MEMORY,
            "-cp",
            fetched("kotlin", "kotlinc.jar"),
            "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
        )
        run(*compiler, *words, "-classpath", classpath(*needed), *sources, "-d", beside)
        beside.replace(jar)
    return jar


def core() -> Path:
    """Compile the core."""
    return compiled("core", [CORE])


def _spans(source: str, mistakes: Sequence[dict[str, str]]) -> dict[tuple[int, int], list[tuple[int, str]]]:
    """Find the expressions that mistakes change; the number of a mistake is its place in the list, from 1."""
    spans: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for mistake in mistakes:
        before, found, after = mistake["right"].partition("«")
        right, _, after = after.partition("»") if found else (before, "", "")
        before = before if found else ""
        if source.count(before + right + after) != 1:
            raise AdafocusError(f"The mistake {mistake['name']!r} changes {right!r}, which does not stand there once.")
        start = source.index(before + right + after) + len(before)
        spans.setdefault((start, start + len(right)), []).append((int(mistake["number"]), mistake["wrong"]))
    return spans


def switched(source: str, mistakes: Sequence[dict[str, str]], choice: str = CHOICE) -> str:
    """Return a source whose expressions ask which mistake is switched on.

    Args:
        source: of one file.
        mistakes: of this file.
        choice: what stands before an expression: the number of a mistake, and what is wrong then.

    Raises:
        AdafocusError: an expression does not stand there once, or two of them overlap.
    """
    spans = _spans(source, mistakes)
    ordered = sorted(spans, reverse=True)
    for later, earlier in itertools.pairwise(ordered):
        if earlier[1] > later[0]:
            raise AdafocusError(f"Two mistakes change {source[earlier[0] : earlier[1]]!r} and a part of it.")
    for start, end in ordered:
        asked = "".join(choice.format(n, wrong) for n, wrong in spans[start, end])
        source = f"{source[:start]}({asked}({source[start:end]})){source[end:]}"
    return source


def with_mistakes() -> tuple[Path, list[dict[str, str]]]:
    """Compile the core with all mistakes in it, none of them switched on; return the jar and the mistakes."""
    listed = json.loads(MISTAKES.read_text(encoding="utf-8"))
    mistakes = [{**mistake, "number": str(number)} for number, mistake in enumerate(listed, 1)]
    target = CACHE / "build" / "mistaken"
    with TemporaryDirectory() as place:
        made = Path(place) / "src"
        shutil.copytree(CORE, made)
        (made / "adafocus" / "rules" / "Mistake.kt").write_text(SWITCH, encoding="utf-8")
        for file in sorted({mistake["file"] for mistake in mistakes}):
            path = made / "adafocus" / f"{file}.kt"
            own = [mistake for mistake in mistakes if mistake["file"] == file]
            path.write_text(switched(path.read_text(encoding="utf-8"), own), encoding="utf-8")
        _replace(made, target)
    return compiled("mistaken", [target]), mistakes


def _replace(made: Path, target: Path) -> None:
    """Put a folder in the place of another one."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made, target)
