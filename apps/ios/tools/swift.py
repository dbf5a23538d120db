"""The Swift package compiled in the tree, its tests, and rules with mistakes that can be switched on one by one."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.apps.android.tools.colors import compare
from adafocus.apps.android.tools.kotlin import switched
from adafocus.apps.ios.tools import tree
from adafocus.errors import AdafocusError

IOS = tree.ROOT / "apps" / "ios"
CORE = IOS / "Sources" / "Adafocus"
MISTAKES = IOS / "Tests" / "mistakes.json"
VECTORS = tree.ROOT / "apps" / "conformance"
PARTS = ("Sources", "ExecuTorch", "Sample", "Stubs", "Tests", "Package.swift")
CHECK, STUB_CHECK, SAMPLE = "adafocus-check", "adafocus-stub-check", "Sample"
CHOICE = "Mistake.number == {} ? ({}) : "
# a mistake is switched on when the program starts
SWITCH = """import Foundation

enum Mistake {
    static let number = Int(ProcessInfo.processInfo.environment["ADAFOCUS_MISTAKE"] ?? "") ?? 0
}
"""
DAMAGES = 3000
# a mistake may also make a rule go on for ever
LONGEST_S = 60.0
SHOWN_LINES = 20


def _answered(folder: str, *words: str, what: str) -> str:
    """Run a program in the tree.

    Raises:
        AdafocusError: it fails.
    """
    done = tree.run(folder, *words)
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-SHOWN_LINES:])
        raise AdafocusError(f"{what} failed with code {done.returncode}:\n{last}")
    return done.stdout


def package(source: Path = IOS, name: str = "ios", program: str = CHECK) -> str:
    """Compile one program of the package for speed, and return its path in the tree."""
    for part in PARTS:
        tree.copied(source / part, f"{name}/{part}")
    print(f"compiling {program} of {name} in {tree.TREE.relative_to(tree.ROOT)}", flush=True)
    _answered(f"/checks/{name}", "swift", "build", "-c", "release", "--product", program, what="swift build")
    return f"/checks/{name}/.build/release/{program}"


def library() -> str:
    """Copy LiteRT's library into the tree.

    Raises:
        AdafocusError: the wheel is not installed.
    """
    found = importlib.util.find_spec("ai_edge_litert")
    if found is None or not found.submodule_search_locations:
        raise AdafocusError("ai-edge-litert is not installed. Install it: pip install '.[workstation,litert]'")
    return tree.copied(Path(found.submodule_search_locations[0]) / "libLiteRt.so", "data/libLiteRt.so")


def compiled_check() -> Callable[..., str]:
    """Compile the package's program; return what runs it with some words, and returns what it prints."""
    program = package()

    def run(*words: str) -> str:
        return _answered("/checks", program, *words, what=words[0])

    return run


def rules(vectors: Path = VECTORS) -> None:
    """Answer every vector, and damage bundles.

    Raises:
        AdafocusError: a vector fails, or a damaged bundle is neither opened nor refused.
    """
    program = package()
    place = tree.copied(vectors, "data/conformance")
    print(_answered("/checks", program, "vectors", place, what="The vectors").strip())
    print(_answered("/checks", program, "damages", place, str(DAMAGES), what="Damaged bundles").strip(), flush=True)


def golden(bundles: Sequence[Path], vectors: Path = VECTORS) -> None:
    """Run golden clips in LiteRT, and a stream whose timestamps go wrong.

    Raises:
        AdafocusError: a tensor is not as it must be, or the stream does not go on.
    """
    program, place = package(), tree.copied(vectors, "data/conformance")
    _show(_answered("/checks", program, "litert", library(), place, *_bundles(bundles), what="A golden clip"))


def stubs(bundles: Sequence[Path]) -> None:
    """Compile what needs Apple's modules against stubs, and run it as far as the stubs behave.

    Args:
        bundles: with graphs for LiteRT, which answers behind the stubs, and for Core ML, ExecuTorch or both; or those
            whose golden answers an evaluator made in the place of Core ML.

    Raises:
        AdafocusError: it does not compile, or a conversion is wrong.
    """
    package(program=SAMPLE)
    program = package(program=STUB_CHECK)
    _show(_answered("/checks", program, library(), *_bundles(bundles), what="A check with stubs"))


def colors() -> None:
    """Compare the colors of frames with those in Python.

    Raises:
        AdafocusError: they are further apart than rounding explains.
    """
    program = package()

    def convert(source: Path, target: Path, *words: str) -> None:
        planes, picture = tree.copied(source, "data/planes"), tree.WORK / "data" / "picture"
        _answered("/checks", program, "colors", planes, "/checks/data/picture", *words, what="A frame")
        shutil.copyfile(picture, target)

    print(compare(convert))


def _bundles(bundles: Sequence[Path]) -> list[str]:
    """Copy bundles into the tree."""
    return [tree.copied(bundle, f"data/bundles/{place}-{bundle.name}") for place, bundle in enumerate(bundles)]


def _show(printed: str) -> None:
    """Print what a program said, without the lines of the runtime."""
    lines = [line for line in printed.splitlines() if not line.startswith(("INFO:", "WARNING:"))]
    print("\n".join(lines), flush=True)


def listed() -> list[dict[str, str]]:
    """Return the mistakes, each with its number."""
    found = json.loads(MISTAKES.read_text(encoding="utf-8"))
    return [{**mistake, "number": str(number)} for number, mistake in enumerate(found, 1)]


def with_mistakes(target: Path) -> list[dict[str, str]]:
    """Write the package with all mistakes in it, none of them switched on; return the mistakes."""
    found = listed()
    for part in PARTS:
        source = IOS / part
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target / part)
    core = target / CORE.relative_to(IOS)
    (core / "Mistake.swift").write_text(SWITCH, encoding="utf-8")
    for file in sorted({mistake["file"] for mistake in found}):
        path = core / f"{file}.swift"
        own = [mistake for mistake in found if mistake["file"] == file]
        path.write_text(switched(path.read_text(encoding="utf-8"), own, CHOICE), encoding="utf-8")
    return found


def mistakes(folder: Path = VECTORS) -> None:
    """Switch on one mistake after the other, and see that a vector fails.

    Args:
        folder: of the vectors.

    Raises:
        AdafocusError: every vector passes with some mistake.
    """
    vectors = tree.copied(folder, "data/conformance")
    with TemporaryDirectory() as place:
        found = with_mistakes(Path(place))
        program = package(Path(place), "mistaken")

    def outcome(mistake: dict[str, str]) -> int:
        words = (program, "vectors", vectors, *mistake["operations"].split())
        return tree.run(
            "/checks", *words, environment={"ADAFOCUS_MISTAKE": mistake["number"]}, timeout_s=LONGEST_S
        ).returncode

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(outcome, found))
    unknown = [mistake["name"] for mistake, code in zip(found, codes, strict=True) if code == 0]
    ended = sum(code not in (0, 1) for code in codes)
    print(f"{len(found) - len(unknown)} of {len(found)} mistakes fail a vector, {ended} of them by ending the program")
    # the same program without a mistake passes, or the others would say nothing
    everything = sorted({name for mistake in found for name in mistake["operations"].split()})
    if tree.run("/checks", program, "vectors", vectors, *everything).returncode != 0:
        raise AdafocusError("Vectors fail without a mistake, too. Compile the package again.")
    if unknown:
        raise AdafocusError("Every vector passes with these mistakes: " + "; ".join(unknown))
