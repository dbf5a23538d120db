"""Vectors of numbers: pixel tables, quantization, confidence, early stops and budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from adafocus.edge.budget.threshold_curves import curve_of
from adafocus.edge.bundle.manifest import ExitBudget, Exits, TensorSpec
from adafocus.edge.conformance.material import (
    Record,
    case,
    floats,
    hashed,
    joined,
    near,
    nears,
    noise,
    noise_record,
    numbers,
    picture,
)
from adafocus.edge.exits import Criterion, confidence, softmax
from adafocus.edge.runtimes.tensors import convert, dequantize, quantize
from adafocus.edge.video.preprocess import PixelTable

MEAN, STD = [0.4549019607843137] * 3, [0.25098039215686274] * 3
OTHER_MEAN, OTHER_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TABLES: dict[str, tuple[list[float], list[float], str, float | None, int | None]] = {
    "int8, a step a level": (MEAN, STD, "int8", 0.015625, -12),
    "int8, cut at its limits": (OTHER_MEAN, OTHER_STD, "int8", 0.0078125, 4),
    "int8, halves": ([0.5] * 3, [0.5] * 3, "int8", 2 / 255 * 2, 0),
    "uint8": (OTHER_MEAN, OTHER_STD, "uint8", 0.03125, 128),
    "float32": (OTHER_MEAN, OTHER_STD, "float32", None, None),
}
CRITERIA: tuple[Criterion, ...] = ("softmax", "logit", "entropy")
LOGITS: dict[str, list[float]] = {
    "two alike": [0.0, 0.0],
    "three": [1.0, -2.0, 0.5],
    "far apart": [700.0, -700.0, 0.0],
    "four alike": [3.25] * 4,
    "drawn": [8 * value - 4 for value in floats(31, 10)],
}


def vectors() -> list[Record]:
    """Return the vectors of this module."""
    return joined((_tables(), _quantized(), _confidences(), _curves()))


def spec(dtype: str, scale: float | None = None, zero_point: int | None = None, *shape: int) -> TensorSpec:
    """Describe a tensor."""
    return TensorSpec(name="x", shape=shape or (1,), dtype=dtype, scale=scale, zero_point=zero_point)  # type: ignore[arg-type]


def _tables() -> Iterator[Record]:
    """What each level of each channel becomes, and frames through such a table."""
    for name, (mean, std, dtype, scale, zero_point) in TABLES.items():
        given = {"mean": mean, "std": std, "dtype": dtype, "scale": scale, "zero_point": zero_point}
        table = PixelTable.build(mean, std, dtype, scale, zero_point)
        found = {"table": picture(table.table)}
        yield case(name, "pixel_table", given, found)
        applied = {**given, "frames": noise_record(5, 2, 6, 7, 3)}
        found = {"tensor": picture(table.apply(noise(5, 2, 6, 7, 3)))}
        yield case(f"frames, {name}", "apply_table", applied, found)


def _tensor(found: TensorSpec) -> Record:
    """Tell how a tensor is stored."""
    return {"dtype": found.dtype, "scale": found.scale, "zero_point": found.zero_point}


def _quantized() -> Iterator[Record]:
    """From real numbers to integers and back, and from one graph's form to another's."""
    # the last three are halves of 0.1 in float32, and next to them in float64
    halves = np.array([-40.0, -2.5, -0.5, -0.25, 0.0, 0.25, 0.5, 1.5, 2.5, 3.49, 40.0, 0.05, 0.15, 0.35], np.float32)
    drawn = np.array(floats(41, 12), np.float32) * np.float32(6) - np.float32(3)
    forms = (spec("int8", 1.0, 0), spec("int8", 0.25, -4), spec("uint8", 0.1, 128), spec("float32"))
    for form in forms:
        for name, values in (("halves", halves), ("drawn", drawn)):
            given = {"values": numbers(values), "to": _tensor(form)}
            yield case(
                f"{name} to {form.dtype} {form.scale}", "quantize", given, {"values": numbers(quantize(values, form))}
            )
    codes = (hashed(42, 24) % 256).astype(np.uint8)
    for form in forms[:3]:
        stored = codes.view(np.int8) if form.dtype == "int8" else codes
        given = {"values": numbers(stored), "from": _tensor(form)}
        yield case(
            f"from {form.dtype} {form.scale}", "dequantize", given, {"values": numbers(dequantize(stored, form))}
        )
        for other in forms:
            found = numbers(convert(stored, form, other))
            given = {"values": numbers(stored), "from": _tensor(form), "to": _tensor(other)}
            yield case(f"{form.dtype} {form.scale} to {other.dtype} {other.scale}", "convert", given, {"values": found})


def _confidences() -> Iterator[Record]:
    """Probabilities, and the confidence of an exit by each criterion."""
    for name, logits in LOGITS.items():
        for temperature in (1.0, 2.0, 0.7):
            given: Record = {"logits": logits, "temperature": temperature}
            yield case(
                f"{name}, {temperature}", "softmax", given, {"probabilities": nears(softmax(logits, temperature))}
            )
            for criterion in CRITERIA:
                found = {"confidence": near(confidence(np.array(logits, np.float64), criterion, temperature))}
                yield case(
                    f"{name}, {criterion}, {temperature}", "confidence", {**given, "criterion": criterion}, found
                )


def _exits(criterion: Criterion, rows: Sequence[tuple[float, tuple[float, ...]]]) -> Exits:
    """Return a table of budgets in GMAC."""
    budgets = tuple(ExitBudget(unit="GMAC", budget=budget, thresholds=thresholds) for budget, thresholds in rows)
    return Exits(criterion=criterion, budgets=budgets)


def _curves() -> Iterator[Record]:
    """Thresholds by position, of a bundle's table or learned from the clips before."""
    tables: dict[str, tuple[Criterion, list[tuple[float, tuple[float, ...]]]]] = {
        "one row": ("softmax", [(1.5, (0.6,))]),
        "rows out of order, one falls": ("softmax", [(1.75, (0.9, 0.8)), (1.25, (0.3, 0.4)), (1.5, (0.2, 0.7))]),
        "logits": ("logit", [(1.2, (4.0,)), (1.8, (9.0,))]),
        "entropy": ("entropy", [(1.5, (-0.7,))]),
        "beyond the ends": ("softmax", [(0.5, (0.2,)), (3.0, (0.95,))]),
    }
    positions = [0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 1.0]
    for name, (criterion, rows) in tables.items():
        exits, count = _exits(criterion, rows), len(rows[0][1])
        curve = curve_of(exits, count, 10, "GMAC", {"GMAC": (1.0, 2.0)})
        given: dict[str, Any] = {"criterion": criterion, "rows": rows, "low": 1.0, "high": 2.0, "classes": 10}
        found = {"thresholds": [nears(curve.thresholds(position)) for position in positions]}
        yield case(name, "threshold_curve", {**given, "positions": positions, "observed": []}, found)
    for count in (0, 1, 7, 60):
        curve = curve_of(Exits(), 2, 10, "GMAC", {"GMAC": (1.0, 2.0)})
        observed = [float(value) for value in floats(61, count)]
        for value in observed:
            curve.observe((value, 0.5))
        given = {"criterion": "softmax", "rows": [], "exits": 2, "classes": 10, "positions": positions}
        found = {"thresholds": [nears(curve.thresholds(position)) for position in positions]}
        yield case(f"learned from {count}", "threshold_curve", {**given, "observed": observed}, found)
