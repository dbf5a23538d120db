"""The joules that a budget is charged: which profile, which meter beside it, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from adafocus.edge.budget.joules import MAX_WINDOW_S, EnergyCosts, EnergyProfile
from adafocus.edge.bundle.archive import ARCHIVE, MANIFEST
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.device.host import read_facts
from adafocus.edge.energy.report import Report, read_report
from adafocus.edge.meters import AUTO, Meter, Places, choose_meter
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError, MeterError, shell_word

PROFILE_SUFFIX = ".energy.json"


def place_of(bundle: Path) -> Path:
    """Return where a profile is looked for: ``bundle.energy.json`` beside ``bundle`` or ``bundle.zip``."""
    whole = bundle.absolute()
    return whole.with_name(whole.name.removesuffix(ARCHIVE) + PROFILE_SUFFIX)


def read_profile(path: Path) -> EnergyProfile:
    """Read what a budget needs of the file that ``adafocus energy`` wrote.

    Raises:
        AdafocusError: no such file, something else, or figures that no budget can be kept with.
    """
    return profile_of(read_report(path), path.name)


def profile_of(report: Report, name: str) -> EnergyProfile:
    """Return what a budget needs of a report.

    Args:
        report: of ``adafocus energy``.
        name: of its file, for sentences.

    Raises:
        AdafocusError: it lacks a workload, or the power of idling.
    """
    measured = report.source == "measured"
    found = {}
    for workload in ("decode", "glance", "full"):
        entry = report.per_clip.get(workload)
        # a model counts nothing of a device that idles, so all it counts is what clips add
        figure = None if entry is None else entry.net_j if measured else entry.gross_j
        if figure is not None:
            found[workload] = figure.median
    if "glance" not in found or "full" not in found or (measured and not report.idle_w):
        raise AdafocusError(
            f"{name} does not tell the joules above idling of clips that stop after the glance and of full ones, so no "
            "budget can be kept with it. Measure again: adafocus energy BUNDLE CLIPS"
        )
    profile = EnergyProfile(
        # what is next to nothing may be measured below it
        max(found.get("decode", 0.0), 0.0),
        found["glance"],
        found["full"],
        fmean(report.idle_w) if measured else None,
        report.source,
        None if report.meter is None else report.meter.scope,
        name,
    )
    profile.check()
    return profile


@dataclass(frozen=True)
class EnergySource:
    """Where joules come from, as it was asked.

    Attributes:
        bundle: path as it was typed; a profile is looked for beside it.
        profile: another one.
        meter: address of a meter that corrects the profile; ``auto`` for whichever answers.
        places: where meters are looked for; this machine's where None.
    """

    bundle: Path
    profile: Path | None = None
    meter: str = AUTO
    places: Places | None = None

    @contextmanager
    def open(self, recognizer: Recognizer, warn: Callable[[str], None]) -> Iterator[EnergyCosts]:
        """Read the profile, and start the meter.

        Args:
            recognizer: whose clips are charged.
            warn: gets a sentence where the meter fails later.

        Raises:
            AdafocusError: there is no profile, or it is of another bundle or another scope than the meter.
            MeterError: the meter that was named does not answer.
        """
        place = self.profile or place_of(self.bundle)
        if self.profile is None and not place.is_file():
            raise AdafocusError(self._without_profile(place))
        report = read_report(place)
        profile = profile_of(report, place.name)
        notes = self._check(report, recognizer, place)
        meter, without = self._meter(profile)
        notes += without
        with nullcontext() if meter is None else meter.open(keep_s=2 * MAX_WINDOW_S) as session:
            yield EnergyCosts(profile, recognizer.exit_macs, meter, session, warn, notes)

    def _check(self, report: Report, recognizer: Recognizer, place: Path) -> tuple[str, ...]:
        """Refuse the profile of another bundle; return sentences on what else differs."""
        facts, device = report.bundle, read_facts()
        if facts.sha256 != sha256_of(recognizer.bundle.path / MANIFEST):
            raise AdafocusError(
                f"{place} is the profile of another bundle, {facts.name}, expected that of {self.bundle}. Measure it: "
                f"{self._command(place_of(self.bundle))}"
            )
        ours, theirs = (
            f"{one.runtime} with {one.threads} thread{'s' if one.threads > 1 else ''}" for one in (recognizer, facts)
        )
        here = [device.board or device.processor or device.architecture, ours]
        there = [report.device.model if report.source == "measured" else here[0], theirs]
        return tuple(
            f"{place.name} is of {other}, and this is {one}, so the joules may be others."
            for one, other in zip(here, there, strict=True)
            if one != other
        )

    def _meter(self, profile: EnergyProfile) -> tuple[Meter | None, tuple[str, ...]]:
        """Return the meter that corrects a profile, or why there is none."""
        named = self.meter != AUTO
        if profile.origin == "modelled":
            if named:
                raise AdafocusError(
                    f"{profile.name} is modelled and knows no power of idling, which a meter's joules must be set "
                    f"against. Leave --meter out, or measure a profile: {self._command(place_of(self.bundle))}"
                )
            return None, (f"The joules are modelled, not measured: {profile.name} counts operations and bytes.",)
        try:
            meter = choose_meter(self.meter, self.places)
        except MeterError as error:
            if named:
                raise
            return None, (f"Profile only: clips are charged what {profile.name} says. {error}",)
        if meter.kind != "log" and meter.scope == profile.scope:
            return meter, ()
        found = (
            f"{meter.detail} is read afterwards, and a budget needs a meter that is read meanwhile."
            if meter.kind == "log"
            else f"{meter.detail} measures the {meter.scope}, and {profile.name} is of the {profile.scope}."
        )
        if named:
            raise AdafocusError(f"{found} Leave --meter out, or name the meter that the profile was measured with.")
        return None, (f"Profile only: clips are charged what {profile.name} says. {found}",)

    def _without_profile(self, place: Path) -> str:
        """Return why joules cannot be charged, and what to type."""
        missing = f"A budget in joules needs a profile of this bundle, and there is none at {place}."
        try:
            meter = choose_meter(self.meter, self.places)
        except MeterError as error:
            return (
                f"{missing} {error} Then type: {self._command(place)} - or, to have joules modelled from operations "
                f"and bytes: {self._command(place)} --modelled"
            )
        return f"{missing} {meter.detail} answers here, so measure one: {self._command(place)}"

    def _command(self, place: Path) -> str:
        """Return the command that writes a profile."""
        return f"adafocus energy {shell_word(self.bundle)} CLIPS --out {shell_word(place)}"
