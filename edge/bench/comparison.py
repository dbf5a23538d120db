"""Two reports of `adafocus bench` beside each other: ratios part by part, and whether they may be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adafocus.edge.bench.protocol import PARTS, SUMS
from adafocus.edge.bench.report import FORMAT, KIND, ratio
from adafocus.edge.device.host import State
from adafocus.errors import AdafocusError, shell_word

FIGURES = ("median", "p90", "p99", "min")
# a difference of the hottest sensor before the start that is worth a word
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
STATE = {"governor": "clock governor", "throttled": "throttling", "power_mode": "power mode"}
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
    """One configuration of each report; ratios second over first: part -> figure -> ratio."""

    first: str
    second: str
    ratios: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Comparison:
    """Pairs that were compared, and lines on why they may not be comparable."""

    pairs: list[Pair]
    warnings: list[str]


def read_report(path: Path) -> dict[str, Any]:
    """Read what ``adafocus bench --out`` wrote.

    Raises:
        AdafocusError: no such file, or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdafocusError(
            f"{path} cannot be read: {error.strerror}. Write one: adafocus bench --out {shell_word(path)}"
        ) from error
    except ValueError as error:
        raise AdafocusError(
            f"{path} is not valid JSON ({error}). Write it again: adafocus bench --out {shell_word(path)}"
        ) from error
    found = (content.get("kind"), content.get("format")) if isinstance(content, dict) else (None, None)
    if found != (KIND, FORMAT):
        raise AdafocusError(
            f"{path} is no report of adafocus bench in format {FORMAT}, found {found[0]!r} in format {found[1]!r}. "
            f"Measure again with this version: adafocus bench BUNDLE VIDEO --out {shell_word(path)}"
        )
    return content


def compare(first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]) -> Comparison:
    """Set two reports side by side.

    Args:
        first: as :func:`read_report` gives it.
        second: likewise; ratios are second over first.
        names: of the two, for sentences.

    Raises:
        AdafocusError: they have no configurations in common that can be set side by side.
    """
    warnings = [
        *_differences(MACHINE, first["machine"], second["machine"]),
        *_differences(PROTOCOL, first["protocol"], second["protocol"]),
    ]
    videos = [sorted(video["sha256"] for video in report["videos"]) for report in (first, second)]
    if videos[0] != videos[1]:
        listed = [", ".join(video["name"] for video in report["videos"]) for report in (first, second)]
        warnings.append(f"other clips: {listed[0]} against {listed[1]}")
    for when in ("before", "after"):
        warnings += _state_differences(when, first[when], second[when])
    for name, report in zip(names, (first, second), strict=True):
        warnings += [f"{name}: {note}" for note in report["notes"]]
    matched, unmatched = _match(first["entries"], second["entries"], names)
    warnings += unmatched
    pairs = []
    for one, other in matched:
        warnings += _differences(ENTRY, one, other)
        ratios = {
            part: {figure: ratio(other["ms"][part][figure], one["ms"][part][figure]) for figure in FIGURES}
            for part in (*PARTS, *SUMS)
            if part in one["ms"] and part in other["ms"]
        }
        pairs.append(Pair(one["name"], other["name"], ratios))
    return Comparison(pairs, list(dict.fromkeys(warnings)))


def _differences(words: dict[str, str], one: dict[str, Any], other: dict[str, Any], when: str = "") -> list[str]:
    """Return a line for every key of ``words`` whose values differ."""
    return [
        f"{name}{when}: {_text(one.get(key))} against {_text(other.get(key))}"
        for key, name in words.items()
        if one.get(key) != other.get(key)
    ]


def _state_differences(when: str, one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return lines on what the machines did before or after the measurement."""
    found = _differences(STATE, one, other, f" {when} the measurement")
    hot, hotter = State(**one).hottest_c, State(**other).hottest_c
    if hot is not None and hotter is not None and abs(hot - hotter) > WARMER_C:
        found.append(f"temperature {when} the measurement: {hot:.0f} °C against {hotter:.0f} °C")
    return found


def _match(
    ones: list[dict[str, Any]], others: list[dict[str, Any]], names: tuple[str, str]
) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], list[str]]:
    """Pair entries of one bundle, runtime, number of threads and way to stop; else by their order, if as many.

    Returns:
        The pairs, and a line for each entry without a partner.
    """

    def key(entry: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(entry[what] for what in ("bundle", "runtime", "threads", "stops"))

    known = {key(entry): entry for entry in others}
    found = [(entry, known[key(entry)]) for entry in ones if key(entry) in known]
    if not found and len(ones) == len(others) and ones:
        return list(zip(ones, others, strict=True)), []
    if not found:
        raise AdafocusError(
            f"{names[0]} and {names[1]} have no configuration of one bundle, runtime, number of threads and way to "
            f"stop in common: {', '.join(entry['name'] for entry in ones) or 'none'} against "
            f"{', '.join(entry['name'] for entry in others) or 'none'}. Measure the same with both."
        )
    paired = {id(entry) for pair in found for entry in pair}
    return found, [
        f"only in {name}: {entry['name']}"
        for name, entries in zip(names, (ones, others), strict=True)
        for entry in entries
        if id(entry) not in paired
    ]


def _text(value: object) -> str:
    """Return a value of a report as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)
