"""``python -m adafocus.apps.energy``: check the machine, measure the ready bundles, and say where their pages are."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from adafocus.apps.demo.program import adafocus, console
from adafocus.apps.demo.videos import DEMO, ROOT
from adafocus.edge.energy.page.words import result_line
from adafocus.edge.energy.report import read_report
from adafocus.edge.meters import AUTO, choose_meter
from adafocus.errors import AdafocusError, MeterError

PATH = click.Path(path_type=Path)
READY = ROOT / "bundles"
# windows with which the wiring is tried: so few that their report is not for publication
QUICK = ("--windows", "2", "--seconds", "2", "--clips", "2", "--idle", "5s", "--warm-up", "5s", "--budgets", "0")
WITHOUT = "python -m adafocus.apps.energy --modelled"


@click.command()
@click.argument("clips", nargs=-1, type=PATH)
@click.option("--bundle", "bundles", multiple=True, type=PATH, help="Measure this bundle, not those of bundles/.")
@click.option("--meter", default=AUTO, show_default=True, help="Measure with this meter, as in adafocus energy.")
@click.option("--out", default=Path("energy"), show_default=True, type=PATH, help="Write reports into this folder.")
@click.option("--quick", is_flag=True, help="Only try it: few short windows, whose report is not for publication.")
@click.option("--modelled", is_flag=True, help="Calculate joules where there is no meter; they are called modelled.")
def main(
    clips: tuple[Path, ...], bundles: tuple[Path, ...], meter: str, out: Path, quick: bool, modelled: bool
) -> None:
    """Measure the joules of the ready bundles on CLIPS: videos, folders of them, or a list in CSV with labels.

    Without CLIPS two videos of a package are taken. Without a meter it says what could be plugged in, and ends with
    exit code 2.
    """
    try:
        chosen = _bundles(bundles)
        if not modelled:
            _check_meter(meter)
        videos = [str(path.resolve()) for path in clips] or [str(path) for path in DEMO.fetch()]
        for path in map(Path, videos):
            if not path.exists():
                raise AdafocusError(f"{path} is not there. Give videos, folders of videos, or a list in CSV.")
        out.mkdir(parents=True, exist_ok=True)
    except AdafocusError as error:
        console.print(f"energy: {escape(str(error))}", soft_wrap=True)
        raise SystemExit(2) from error
    how = ("--modelled",) if modelled else ("--meter", meter, *(QUICK if quick else ()))
    reports = []
    for bundle in chosen:
        report = (out / f"{bundle.name.removesuffix('.zip')}.energy.json").resolve()
        adafocus("doctor", str(bundle))
        adafocus("energy", str(bundle), *videos, *how, "--out", str(report))
        reports.append(report)
    console.print()
    for path in reports:
        figure, of = result_line(read_report(path))
        console.print(f"[bold]{escape(path.name)}[/]: {escape(figure)}, {escape(of)}", soft_wrap=True)
    pages = ", ".join(str(path.with_suffix(".html")) for path in reports)
    console.print(f"\nOpen {escape(pages)} in a browser. docs/energy.md says how to read it.", soft_wrap=True)


def _bundles(asked: tuple[Path, ...]) -> list[Path]:
    """Return what is measured.

    Raises:
        AdafocusError: a bundle is not there.
    """
    for path in asked:
        if not path.exists():
            raise AdafocusError(f"There is no bundle at {path}. Give the path of a bundle.")
    found = [path.resolve() for path in asked] or sorted(READY.glob("*.zip"))
    if not found:
        raise AdafocusError(
            "The ready bundles come with a checkout of the repository, and this is none. Name a bundle: "
            "python -m adafocus.apps.energy --bundle bundle.zip"
        )
    return found


def _check_meter(address: str) -> None:
    """Say which meter is used.

    Raises:
        AdafocusError: none answers.
    """
    try:
        meter = choose_meter(address)
    except MeterError as error:
        raise AdafocusError(f"{error} Or have joules calculated, which is no measurement: {WITHOUT}") from error
    console.print(f"Meter: {escape(meter.detail)}, scope {meter.scope}, {1 / meter.period_s:.3g} Hz.")


if __name__ == "__main__":
    main()
