"""The report of ``adafocus quantize`` as tables in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

MAX_LAYERS = 12
PERCENT = 100.0


def show(report: dict[str, Any]) -> None:
    """Print the comparison and the layers that matter most."""
    console = Console(highlight=False)
    columns = {"post_training": "after calibration", "quantization_aware": "after training", "judged": "written"}
    columns = {place: title for place, title in columns.items() if place in report}
    table = Table("", *columns.values(), title=f"{report['judged']['clips']} clips ({report['judged']['split']})")
    rows = (
        ("right, float", "float_right", PERCENT, "%"),
        ("right, int8", "int8_right", PERCENT, "%"),
        ("points lost", "lost_points", 1.0, ""),
        ("same best label", "same_label", PERCENT, "%"),
        ("chosen frames in common", "same_frames", PERCENT, "%"),
        ("largest difference of a box", "largest_box_px", 1.0, "px"),
        ("divergence of the last prediction", "divergence", 1.0, "nat"),
    )
    for title, key, factor, unit in rows:
        values = (report[place][key] * factor for place in columns)
        table.add_row(title, *(f"{value:.3g} {unit}" for value in values))
    console.print(table)
    if report["layers"]:
        layers = Table("stage", "layer", "SNR, dB", "moves the prediction by, nat", title="the most sensitive layers")
        for row in report["layers"][:MAX_LAYERS]:
            layers.add_row(row["stage"], row["layer"], f"{row['signal_to_noise_db']:.1f}", f"{row['divergence']:.2g}")
        console.print(layers)
    kept = [f"{stage} {name}" for stage, names in report["kept_float"].items() for name in names]
    console.print(f"kept in float: {', '.join(kept) or 'no layer'}", soft_wrap=True)
