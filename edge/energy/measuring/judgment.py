"""Whether a measurement may be published: sentences on what spoils it, and on what its figures hold for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from adafocus.edge.bench.report import DISTURBED
from adafocus.edge.device.host import GOVERNOR_COMMAND, Facts, State
from adafocus.edge.device.install import version_of
from adafocus.edge.energy.facts import DeviceFacts, Workload
from adafocus.edge.energy.measuring.run import Run
from adafocus.edge.energy.report import PerClip, Window

MIN_WINDOWS = 5
MIN_WINDOW_S = 10.0
MIN_WINDOW_CLIPS = 30
MIN_IDLE_S = 60.0
MIN_WARM_UP_S = 60.0
# of the power of idling before and after, of the larger
MAX_IDLE_DRIFT = 0.05
# of the power of all workloads over the rounds
MAX_DRIFT = 0.03
# of mean clocks from window to window
MAX_CLOCK_SPREAD = 0.05
# governors under which clocks stay where they are
STEADY = ("performance", "userspace")
NOT_FOR_PUBLICATION = "Not for publication:"


def device_of(facts: Facts, state: State) -> DeviceFacts:
    """Return what a report says of the device."""
    versions = {name: version_of(name) for name in ("adafocus-edge", "numpy")}
    return DeviceFacts(
        model=facts.board or facts.processor or facts.architecture,
        os=facts.distribution,
        kernel=facts.system,
        architecture=facts.architecture,
        cpu=facts.processor,
        cores=facts.processors,
        memory_bytes=facts.memory_bytes,
        governor=state.governor,
        clocks_fixed=all(name in STEADY for name in state.governor) if state.governor else None,
        power_mode=state.power_mode,
        throttled_before=state.throttled_before or (),
        versions={
            "python": facts.python,
            "opencv": cv2.__version__,
            **{name: found for name, found in versions.items() if found},
        },
    )


def judge(
    run: Run,
    windows: Sequence[Window],
    idle: Sequence[tuple[float, float]],
    per_clip: Mapping[Workload, PerClip],
    drift: float,
) -> tuple[list[str], bool]:
    """Return sentences on a measurement, and whether it may be published.

    Args:
        run: what happened when.
        windows: with their joules.
        idle: moments and power of idling.
        per_clip: figures.
        drift: share by which the power of all workloads rose.
    """
    spoiled = [*_short(run, per_clip), *_lost(windows), *_slowed(run, windows)]
    if run.others_share is not None and run.others_share > DISTURBED:
        spoiled.append(f"other processes used {100 * run.others_share:.0f} % of the processors.")
    sentences = [f"{NOT_FOR_PUBLICATION} {sentence}" for sentence in spoiled]
    return [*sentences, *_notes(run, windows, idle, drift), *run.warnings], not spoiled


def _short(run: Run, per_clip: Mapping[Workload, PerClip]) -> list[str]:
    """Return what was measured for less long, or less often, than the protocol asks for."""
    protocol, found = run.protocol, []
    if protocol.window_s < MIN_WINDOW_S or protocol.window_clips < MIN_WINDOW_CLIPS:
        found.append(
            f"windows of {protocol.window_s:g} s and {protocol.window_clips} clips, expected at least "
            f"{MIN_WINDOW_S:g} s and {MIN_WINDOW_CLIPS} clips."
        )
    if protocol.idle_s < MIN_IDLE_S:
        found.append(f"{protocol.idle_s:g} s of idling before and after, expected {MIN_IDLE_S:g} s.")
    if protocol.warm_up_s < MIN_WARM_UP_S:
        found.append(f"a warm-up of {protocol.warm_up_s:.0f} s, expected at least {MIN_WARM_UP_S:g} s.")
    few = {name: figures.windows for name, figures in per_clip.items() if figures.windows < MIN_WINDOWS}
    if few:
        listed = ", ".join(f"{name} {count}" for name, count in few.items())
        found.append(f"too few windows with joules ({listed}), expected at least {MIN_WINDOWS} of each workload.")
    if any(figures.net_j is None for figures in per_clip.values()):
        found.append("the power of idling is not known, so that there are no net joules.")
    return found


def _lost(windows: Sequence[Window]) -> list[str]:
    """Return a sentence where windows have no joules."""
    asked = [window for window in windows if window.round is not None or window.workload == "idle"]
    lost = [window for window in asked if window.joules is None]
    if not lost:
        return []
    return [f"{len(lost)} of {len(asked)} windows have no joules. The last one: {lost[-1].reason}"]


def _slowed(run: Run, windows: Sequence[Window]) -> list[str]:
    """Return a sentence where the device was slowed down in a window."""
    slowed = [window for window in windows if window.throttled]
    if not slowed:
        return []
    words = ", ".join(dict.fromkeys(word for window in slowed for word in window.throttled or ()))
    return [f"the device was slowed down in {len(slowed)} windows ({words}). Cool it, or give it a stronger supply."]


def _notes(run: Run, windows: Sequence[Window], idle: Sequence[tuple[float, float]], drift: float) -> list[str]:
    """Return what the figures hold for, and what a reader should know."""
    found = []
    watts = [power for _, power in idle]
    if len(watts) == 2 and abs(watts[1] - watts[0]) > MAX_IDLE_DRIFT * max(watts):
        found.append(
            f"Idling took {watts[0]:.3g} W before and {watts[1]:.3g} W after: net joules were taken off a line between."
        )
    if abs(drift) > MAX_DRIFT:
        found.append(
            f"The power of all workloads changed by {100 * drift:+.1f} % from the first window to the last: joules are "
            "those of the middle."
        )
    if False in run.settled:
        found.append("The temperature had not settled when the first window began.")
    if None in run.settled:
        found.append("Nothing tells the temperature of this device.")
    if all(window.throttled is None for window in windows if window.round is not None):
        found.append("Nothing tells whether this device is slowed down by heat or supply.")
    clocks = np.array([window.mhz for window in windows if window.round is not None and window.mhz])
    if len(clocks) and clocks.max() - clocks.min() > MAX_CLOCK_SPREAD * clocks.max():
        found.append(f"Clocks moved between windows, {clocks.min():.0f} to {clocks.max():.0f} MHz.")
    if run.device.clocks_fixed is False:
        found.append(f"The clock governor is {', '.join(run.device.governor)}. Fix the clocks: {GOVERNOR_COMMAND}")
    if run.device.throttled_before:
        found.append(f"Since the device was started it has seen: {', '.join(run.device.throttled_before)}.")
    return found
