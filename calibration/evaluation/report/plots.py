"""Plots of an evaluation, each as the bytes of a PNG, drawn from its figures alone."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adafocus.calibration.evaluation.evaluation_input import GLANCE
from adafocus.calibration.evaluation.plain import frontier
from adafocus.calibration.predictions.ablations import MOTION, WITHOUT_POLICY

INK, FAINT, BLUE, RED, TRACK = "#1d1f24", "#747a85", "#1f5fa8", "#e4572e", "#e9e6df"
MARKS = {GLANCE: ("s", FAINT), WITHOUT_POLICY: ("D", RED), MOTION: ("v", RED)}
DPI = 120
# more labels than this cannot be read beside a matrix or a bar
MAX_LABELS = 40
MAX_LABEL_LENGTH = 28


def cost_plot(figures: Mapping[str, Any], unit: str) -> bytes:
    """Plot accuracy against mean cost a clip: with exits, the main ablations without them, and the plain network.

    The plain curve goes through the networks that no cheaper one is as good as. Against milliseconds it shows what the
    code of the device ran, and nothing else.

    Args:
        figures: of the evaluation.
        unit: ``gmac`` or ``ms``.
    """
    canvas, axis = _canvas(5.6, 4.0)
    curve = figures["curve"]
    points = sorted(curve["sweep"], key=lambda point: point[unit])
    costs = [point[unit] for point in points]
    axis.plot(costs, [point["top1_percent"] for point in points], "-", color=BLUE, lw=1.4, label="stopping early")
    if all(point["top1_interval"] for point in points):
        low, high = zip(*(point["top1_interval"] for point in points), strict=True)
        axis.fill_between(costs, low, high, color=BLUE, alpha=0.12, lw=0, label="95 % interval")
    if curve["budgets"]:
        rows = curve["budgets"]
        axis.plot([row[unit] for row in rows], [row["top1_percent"] for row in rows], "^", color=INK, ms=6,
                  label="budgets of the bundle")  # fmt: skip
    plain = [point for point in figures["plain"]["points"] if unit == "gmac" or point["on_device"]]
    best = [plain[place] for place in frontier(plain, unit)]
    axis.plot([point[unit] for point in best], [point["top1_percent"] for point in best], "--", color=INK, lw=1,
              label="plain network")  # fmt: skip
    axis.plot([point[unit] for point in plain], [point["top1_percent"] for point in plain], "x", color=INK, ms=4)
    for name, (mark, colour) in (MARKS | {figures["policy"]: ("o", BLUE)}).items():
        found = figures["ways"].get(name)
        if found is not None:
            axis.plot(found[unit], found["top1_percent"], mark, color=colour, ms=6, label=name)
    axis.set(xlabel={"gmac": "mean GMAC a clip", "ms": "mean ms a clip, from decoded frames"}[unit], ylabel="top-1, %")
    axis.set_xlim(left=0)
    axis.legend(fontsize=7.5, frameon=False, loc="lower right")
    return _png(canvas)


def difference_plot(differences: Sequence[Mapping[str, Any]], policy: str) -> bytes:
    """Plot how far the bundle's own policy is ahead of every ablation, with intervals."""
    canvas, axis = _canvas(5.6, 0.7 + 0.36 * len(differences))
    for row, found in enumerate(differences):
        if found["interval"]:
            axis.plot(found["interval"], [row, row], color=FAINT, lw=2, solid_capstyle="butt")
        axis.plot(found["points"], row, "o", color=BLUE if found["points"] >= 0 else RED, ms=6)
    axis.axvline(0, color=INK, lw=0.8)
    axis.set_yticks(range(len(differences)), [f"against {found['against']}" for found in differences], fontsize=8.5)
    axis.set_ylim(len(differences) - 0.5, -0.5)
    axis.set_xlabel(f"points of top-1 that {policy} is ahead")
    axis.grid(axis="y", visible=False)
    return _png(canvas)


def confusion_plot(confusion: Mapping[str, Any]) -> bytes:
    """Plot the share of each class's clips by the prediction; the darker, the more."""
    counts = np.array(confusion["counts"], float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(8.5, 2.6 + 0.3 * len(shares))
    canvas, axis = _canvas(side, side * 0.92)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.grid(visible=False)
    axis.set(xlabel="prediction", ylabel="shown")
    if len(shares) > MAX_LABELS:
        return _png(canvas)
    size = 8 if len(shares) <= 12 else 6.5
    axis.set_xticks(range(shares.shape[1]), [_short(name) for name in confusion["columns"]], rotation=90, fontsize=size)
    axis.set_yticks(range(len(shares)), [_short(name) for name in confusion["rows"]], fontsize=size)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.55 else INK
            axis.text(column, row, f"{count:.0f}", ha="center", va="center", fontsize=size, color=colour)
    return _png(canvas)


def reliability_plot(calibration: Mapping[str, Any]) -> bytes:
    """Plot accuracy against confidence, without the temperature and with it; the diagonal is perfect calibration."""
    canvas, axis = _canvas(4.4, 4.0)
    axis.plot([0, 1], [0, 1], "--", color=FAINT, lw=1)
    names = {"before": (FAINT, "as trained")}
    if calibration["temperature"] != 1.0:
        names["after"] = (BLUE, f"temperature {calibration['temperature']:.3g}")
    for key, (colour, name) in names.items():
        bins = calibration[key]
        sizes = 12 + 140 * np.array(bins["clips"]) / max(bins["clips"])
        axis.plot(bins["confidence"], bins["accuracy"], "-", color=colour, lw=1)
        axis.scatter(bins["confidence"], bins["accuracy"], s=sizes, color=colour, alpha=0.8,
                     label=f"{name}: error {bins['error_percent']:.1f} %")  # fmt: skip
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share of right predictions")
    legend = axis.legend(fontsize=8, frameon=False, loc="lower right")
    for handle in legend.legend_handles:
        handle.set_sizes([30])  # type: ignore[union-attr]
    return _png(canvas)


def class_plot(by_class: Sequence[Mapping[str, Any]]) -> bytes:
    """Plot the accuracy of every class, the best first; of many classes the worst."""
    ranked = sorted(by_class, key=lambda row: (-row["top1_percent"], row["label"]))[-MAX_LABELS:]
    canvas, axis = _canvas(5.6, 0.8 + 0.22 * len(ranked))
    places = range(len(ranked))
    axis.barh(places, [100] * len(ranked), color=TRACK, height=0.7)
    axis.barh(places, [row["top1_percent"] for row in ranked], color=BLUE, height=0.7)
    axis.set_yticks(places, [f"{_short(row['label'])} ({row['clips']})" for row in ranked], fontsize=7.5)
    axis.set_ylim(len(ranked) - 0.4, -0.6)
    axis.set(xlim=(0, 100), xlabel="top-1, % (clips of the class in brackets)")
    axis.grid(visible=False)
    return _png(canvas)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Make an empty plot of so many inches."""
    canvas = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axis = canvas.subplots()
    axis.grid(color="#eeeeee", lw=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8.5, length=3)
    axis.xaxis.label.set_size(9)
    axis.yaxis.label.set_size(9)
    return canvas, axis


def _short(name: str) -> str:
    """Shorten a label."""
    return name if len(name) <= MAX_LABEL_LENGTH else f"{name[: MAX_LABEL_LENGTH - 3]}..."


def _png(canvas: Figure) -> bytes:
    """Render a plot as PNG."""
    content = io.BytesIO()
    canvas.savefig(content, format="png", dpi=DPI)
    return content.getvalue()
