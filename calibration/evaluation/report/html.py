"""Write the report: one page of HTML that holds all its pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from adafocus.calibration.evaluation.report import table
from adafocus.calibration.evaluation.report.pictures import Pick
from adafocus.calibration.evaluation.report.plots import (
    class_plot,
    confusion_plot,
    cost_plot,
    difference_plot,
    reliability_plot,
)
from adafocus.edge.bundle.files import replacing_file

TEMPLATE = "report.html"


def write_page(path: Path, figures: Mapping[str, Any], picks: Mapping[str, Sequence[Pick]]) -> None:
    """Write the report; the file appears when it is whole.

    Args:
        path: of the page.
        figures: of the evaluation.
        picks: clips worth looking at, by heading.
    """
    text = render(figures, picks)
    with replacing_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def render(figures: Mapping[str, Any], picks: Mapping[str, Sequence[Pick]]) -> str:
    """Render the page as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "png": _embedded,
        "range": _range,
        "points": table.points,
        "between": table.bracketed,
        "off_budget": table.off_budget,
    }
    differences, policy = figures["differences"], figures["policy"]
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        figures=figures,
        on=figures["measured_on"],
        own=figures["ways"][policy],
        sentences=[f"{sentence[:1].upper()}{sentence[1:]}." for sentence in table.sentences(figures)],
        detected=table.detection_sentence(figures["detection"]) if "detection" in figures else "",
        fitted_on=table.fitted_on_sentence(figures),
        few_groups=table.few_groups_sentence(figures) if figures["few_groups"] else "",
        compared=table.comparison_sentence(figures["compared"]) if "compared" in figures else "",
        plots={
            "gmac": cost_plot(figures, "gmac"),
            "ms": cost_plot(figures, "ms"),
            "differences": difference_plot(differences, policy) if differences else None,
            "confusion": confusion_plot(figures["confusion"]),
            "reliability": reliability_plot(figures["calibration"]),
            "classes": class_plot(figures["by_class"]),
        },
        picks=picks,
    )


def _embedded(picture: bytes) -> str:
    """Turn a PNG into a link that holds it."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _range(interval: Sequence[float] | None) -> str:
    """Show the ends of an interval."""
    return f"{interval[0]:.1f} – {interval[1]:.1f}" if interval else "–"  # noqa: RUF001
