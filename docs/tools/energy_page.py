"""Draw the page of an energy report as an example: ``docs/energy-example.html``.

``python -m docs.tools.energy_page``: protocol, statistics and page are those of ``adafocus energy``. The device, the
times of its clips and its meter are made up, and the page says so.
"""

from __future__ import annotations

import click
import numpy as np

from adafocus.edge.energy.facts import Workload
from adafocus.edge.energy.measuring.judgment import NOT_FOR_PUBLICATION
from adafocus.edge.energy.page import write_page
from adafocus.edge.energy.report import Report
from adafocus.edge.meters.meter import Values
from benchmarks.energy.coverage import ABOVE_W, IDLE_W, Simulation, Times
from docs.tools.table import ROOT

OUT = ROOT / "docs" / "energy-example.html"
CLIPS, PASSES, JITTER = 40, 4, 0.08
# seconds of decoding, of the glance and of everything after it
PHASES: dict[Workload, tuple[float, float, float]] = {
    "decode": (0.03, 0.0, 0.0),
    "glance": (0.03, 0.06, 0.0),
    "full": (0.03, 0.06, 0.11),
    "exits": (0.03, 0.06, 0.05),
}
STARTED = "made up"


@click.command()
def main() -> None:
    """Simulate a measurement, and draw its page."""
    write_page(simulated(), OUT)
    click.echo(f"wrote {OUT.relative_to(ROOT)}")


def simulated() -> Report:
    """Return the report of a made-up device, marked as what it is."""
    report = Simulation(Times(made_up_times())).report()
    assert report.meter is not None
    above = ", ".join(f"{watts:g} W" for watts in ABOVE_W)
    warning = (
        f"{NOT_FOR_PUBLICATION} an example. The readings are simulated: {IDLE_W:g} W idle, and {above} above it while "
        "clips are decoded, glanced at and looked at closely."
    )
    changes = {
        "device": report.device.model_copy(update={"model": "a simulated device"}),
        "bundle": report.bundle.model_copy(update={"name": "Simulated clips"}),
        "meter": report.meter.model_copy(update={"detail": "a simulated meter", "name": "simulated"}),
        "protocol": report.protocol.model_copy(update={"started": STARTED}),
        "warnings": (warning, *report.warnings),
        "publishable": False,
    }
    return report.model_copy(update=changes)


def made_up_times() -> dict[Workload, Values]:
    """Return how long the phases of clips take, ``(clips, passes, 3)`` seconds of each workload."""
    random = np.random.default_rng(0)
    jitter = np.exp(JITTER * random.standard_normal((CLIPS, PASSES, 3)))
    return {name: jitter * np.array(phases) for name, phases in PHASES.items()}


if __name__ == "__main__":
    main()
