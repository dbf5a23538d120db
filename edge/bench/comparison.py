"""Two reports of `adafocus bench` beside each other: ratios part by part, and whether they may be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adafocus.edge.bench.protocol import PARTS, SUMS
from adafocus.edge.bench.report import FORMAT, KIND
from adafocus.errors import AdafocusError

FIGURES = ("median", "p90", "p99", "min")
# a difference in the hottest sensor before the start that is worth a word
WARMER_C = 10.0
MACHINE = {
    "processor": "processor",
    "board": "board",
    "architecture": "architecture",
    "processors": "number of processors",
    "memory_bytes": "memory in bytes",
    "system": "system",
    "python": "Python",
    "versions": "versions",
}
PROTOCOL = {
    "decoding": "decoding measured",
    "minutes": "minutes of sustained load",
    "every_s": "seconds between starts",
    "duty": "share of time worked",
    "warm_up": "warm-up clips",
}
ENTRY = {
    "bundle": "bundle",
    "manifest_sha256": "SHA-256 of the manifest",
    "runtime": "runtime",
    "runtime_version": "version of the runtime",
    "threads": "threads",
    "stops": "early stops",
}


@dataclass(frozen=True)
class Pair:
    """One contestant of each report; ratios second over first: part -> figure -> ratio."""

    first: str
    second: str
    ratios: dict[str, dict[str, float | None]]


@dataclass
class Comparison:
    """Pairs that were compared, and sentences on why they may not be comparable."""

    pairs: list[Pair] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_report(path: Path) -> dict[str, Any]:
    """Read what ``adafocus bench --out`` wrote.

    Raises:
        AdafocusError: no such file, or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdafocusError(
            f"{path} cannot be read: {error.strerror}. Write one: adafocus bench --out {path}"
        ) from error
    except ValueError as error:
        raise AdafocusError(
            f"{path} is not valid JSON ({error}). Write it again: adafocus bench --out {path}"
        ) from error
    found = (content.get("kind"), content.get("format")) if isinstance(content, dict) else (None, None)
    if found != (KIND, FORMAT):
        raise AdafocusError(
            f"{path} is no report of adafocus bench in format {FORMAT}, found {found[0]!r} in format {found[1]!r}. "
            f"Measure again with this version: adafocus bench BUNDLE VIDEO --out {path}"
        )
    return content


def compare(first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]) -> Comparison:
    """Set two reports side by side.

    Args:
        first: as :func:`read_report` gives it.
        second: likewise; ratios are second over first.
        names: of the two, for sentences.

    Raises:
        AdafocusError: they have no contestants in common that can be set side by side.
    """
    result = Comparison()
    for what, words in MACHINE.items():
        _warn(result, words, first["machine"].get(what), second["machine"].get(what))
    for what, words in PROTOCOL.items():
        _warn(result, words, first["protocol"].get(what), second["protocol"].get(what))
    videos = [sorted(video["sha256"] for video in report["videos"]) for report in (first, second)]
    if videos[0] != videos[1]:
        listed = [", ".join(video["name"] for video in report["videos"]) for report in (first, second)]
        result.warnings.append(f"other clips: {listed[0]} against {listed[1]}")
    _compare_states(result, first, second, names)
    for one, other in _pairs(result, first["entries"], second["entries"], names):
        for what, words in ENTRY.items():
            _warn(result, words, one[what], other[what])
        parts = [part for part in (*PARTS, *SUMS) if part in one["ms"] and part in other["ms"]]
        ratios = {
            part: {figure: _ratio(other["ms"][part][figure], one["ms"][part][figure]) for figure in FIGURES}
            for part in parts
        }
        result.pairs.append(Pair(one["name"], other["name"], ratios))
    result.warnings = list(dict.fromkeys(result.warnings))
    return result


def _compare_states(result: Comparison, first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]) -> None:
    for when in ("before", "after"):
        one, other = first[when], second[when]
        for what, words in (("governor", "clock governor"), ("throttled", "throttling"), ("power_mode", "power mode")):
            _warn(result, f"{words} {when} the measurement", one[what], other[what])
        if not one["temperature_c"] or not other["temperature_c"]:
            continue
        hot, hotter = (max(state["temperature_c"].values()) for state in (one, other))
        if abs(hot - hotter) > WARMER_C:
            result.warnings.append(f"temperature {when} the measurement: {hot:.0f} °C against {hotter:.0f} °C")
    for name, report in zip(names, (first, second), strict=True):
        result.warnings += [f"{name}: {note}" for note in report["notes"]]


def _pairs(
    result: Comparison, ones: list[dict[str, Any]], others: list[dict[str, Any]], names: tuple[str, str]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Contestants of one bundle, runtime, number of threads and way to stop; else by their order, if as many."""

    def key(entry: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(entry[what] for what in ("bundle", "runtime", "threads", "stops"))

    known = {key(entry): entry for entry in others}
    found = [(entry, known[key(entry)]) for entry in ones if key(entry) in known]
    if not found and len(ones) == len(others) and ones:
        return list(zip(ones, others, strict=True))
    if not found:
        raise AdafocusError(
            f"{names[0]} and {names[1]} have no contestant of one bundle, runtime, number of threads and way to "
            f"stop in common: {', '.join(entry['name'] for entry in ones) or 'none'} against "
            f"{', '.join(entry['name'] for entry in others) or 'none'}. Measure the same with both."
        )
    matched = {id(entry) for pair in found for entry in pair}
    for name, entries in zip(names, (ones, others), strict=True):
        result.warnings += [f"only in {name}: {entry['name']}" for entry in entries if id(entry) not in matched]
    return found


def _warn(result: Comparison, words: str, one: object, other: object) -> None:
    if one != other:
        result.warnings.append(f"{words}: {_text(one)} against {_text(other)}")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


def _ratio(one: float, other: float) -> float | None:
    return round(one / other, 4) if other else None
