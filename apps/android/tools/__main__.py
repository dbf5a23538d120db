"""``python -m adafocus.apps.android.tools``: compile the Kotlin sources here, test them, and build an app."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.apps.android.tools import apk, colors, jvm, kotlin
from adafocus.apps.android.tools.toolchain import CACHE, ROOT, run
from adafocus.edge.cli import main as run_program

VECTORS = ROOT / "apps" / "conformance"
MAIN = "adafocus.tests.MainKt"
DAMAGES = 3000


@click.group()
def main() -> None:
    """Compile, test and build what is in apps/android; compilers come from PyPI, npm and Debian, once."""


@main.command()
def test() -> None:
    """Do all that can be tested here: the rules and mistakes in them, the shipped bundles in LiteRT, and colors."""
    _rules(VECTORS)
    jvm.golden("litert", VECTORS, sorted((ROOT / "bundles").glob("*.zip")))
    print(colors.compare())


@main.command()
@click.option("--vectors", default=VECTORS, type=click.Path(path_type=Path), help="Take the vectors of this folder.")
def rules(vectors: Path) -> None:
    """Answer every conformance vector, and see that every mistake fails one."""
    _rules(vectors)


def _rules(vectors: Path) -> None:
    """Answer vectors, and try mistakes."""
    core = kotlin.core()
    tests = kotlin.compiled("tests", [kotlin.TESTS], [core])
    run("java", "-cp", kotlin.classpath(tests, core), MAIN, "vectors", vectors, quiet=False)
    run("java", "-cp", kotlin.classpath(tests, core), MAIN, "damages", vectors, str(DAMAGES), quiet=False)
    mistaken, mistakes = kotlin.with_mistakes()
    listed = CACHE / "build" / "mistakes.tsv"
    listed.write_text("".join(f"{one['number']}\t{one['operations']}\t{one['name']}\n" for one in mistakes))
    jars = (tests, mistaken, kotlin.stdlib())
    run("java", "-cp", kotlin.classpath(tests, core), MAIN, "mistakes", vectors, listed, *jars, quiet=False)


@main.command()
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--runtime", default="litert", type=click.Choice(("litert", "executorch")), help="Run graphs for this.")
@click.option("--vectors", default=VECTORS, type=click.Path(path_type=Path), help="Take the vectors of this folder.")
def golden(bundles: tuple[Path, ...], runtime: str, vectors: Path) -> None:
    """Run the golden clips of BUNDLES, folders or zips, in Kotlin; without BUNDLES of those that are shipped."""
    jvm.golden(runtime, vectors, bundles or sorted((ROOT / "bundles").glob("*.zip")))


@main.command("apk")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), help="Pack this zip, with graphs for onnx.")
@click.option(
    "--out", default=ROOT / "build" / "adafocus.apk", type=click.Path(path_type=Path), help="Write this file."
)
def build_apk(bundle: Path | None, out: Path) -> None:
    """Compile, shrink, pack, align, sign and check the sample app; it is not run, as nothing here can run it."""
    apk.build(bundle, out)


if __name__ == "__main__":
    run_program(main, "python -m adafocus.apps.android.tools")
