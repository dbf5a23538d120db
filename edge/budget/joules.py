"""What clips cost in joules: from a profile of this device, corrected by a meter where one is at work.

One clip is too short to be metered: it takes some 20 ms, and meters are read every 100 ms. So a clip is charged what a
profile says for its multiply-accumulates, and every window of many clips says by what the profile is wrong now. All
joules are those above idle: what the clips add to a device that does nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

from adafocus.edge.meters.meter import SECOND_NS, Meter, Reading, Scope, Session
from adafocus.edge.prediction import Prediction
from adafocus.errors import AdafocusError

Origin = Literal["measured", "modelled"]
# ``measured`` here means that the meter has corrected the profile; ``profile`` that nothing does
Source = Literal["measured", "profile", "modelled"]

# a window of the meter lasts as long as one of `adafocus energy`, so that its joules are as certain
MIN_WINDOW_S, MIN_WINDOW_CLIPS, MIN_WINDOW_SAMPLES = 10.0, 30, 100
# unless clips come so rarely that the device would have changed meanwhile
MAX_WINDOW_S = 300.0
# windows over which the correction is told: a median shrugs off one in which another program was at work
REMEMBERED_WINDOWS = 3


@dataclass(frozen=True)
class EnergyProfile:
    """What clips of one bundle cost on one device.

    Attributes:
        decode_j: joules above idle of a clip that is only decoded; 0 where decoding is not known.
        glance_j: of a clip that stops after the glance.
        full_j: of a clip that never stops early.
        idle_w: power of the device that does nothing; None where it was not measured.
        origin: where the joules come from.
        scope: what they are of; None where nothing was measured.
        name: of the file, for sentences.
    """

    decode_j: float
    glance_j: float
    full_j: float
    idle_w: float | None = None
    origin: Origin = "measured"
    scope: Scope | None = None
    name: str = "the profile"

    def check(self) -> None:
        """Refuse figures that no device can have.

        Raises:
            AdafocusError: a full clip costs no more than one that stops, or something is no positive number.
        """
        figures = (self.decode_j, self.glance_j, self.full_j)
        if not all(map(math.isfinite, figures)) or not 0.0 < self.glance_j < self.full_j or self.decode_j < 0.0:
            raise AdafocusError(
                f"{self.name} says {self.decode_j:.4g} J for decoding a clip, {self.glance_j:.4g} J for one that stops "
                f"after the glance and {self.full_j:.4g} J for a full one, expected numbers above 0 that rise. Was "
                "another program at work? Measure again: adafocus energy BUNDLE CLIPS"
            )


class EnergyCosts:
    """Joules above idle; the range comes from a profile and moves with what a meter says now.

    Attributes:
        profile: what clips cost without a correction.
        notes: sentences on what the joules hold for.

    Example:
        >>> costs = EnergyCosts(EnergyProfile(0.0, 0.1, 0.5), (1_000_000, 3_000_000))
        >>> costs.low, costs.high, costs.source
        (0.1, 0.5, 'profile')
    """

    def __init__(
        self,
        profile: EnergyProfile,
        exit_macs: tuple[int, ...],
        meter: Meter | None = None,
        session: Session | None = None,
        warn: Callable[[str], None] = lambda sentence: None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Charge what the profile says.

        Args:
            profile: of this bundle on this device.
            exit_macs: multiply-accumulates of a clip that stops at each exit.
            meter: what ``session`` is of; the profile must hold the idle power in the same scope.
            session: a meter at work; None where there is none.
            warn: gets a sentence once, where the meter fails.
            notes: sentences on what the joules hold for.

        Raises:
            AdafocusError: the profile holds figures that no device can have.
        """
        profile.check()
        self.profile, self.notes = profile, notes
        self._meter, self._session, self._warn = meter, session, warn
        self._macs = (0.0, float(exit_macs[0]), float(exit_macs[-1]))
        self._joules = (profile.decode_j, profile.glance_j, profile.full_j)
        self._window_s = MIN_WINDOW_S if meter is None else max(MIN_WINDOW_S, MIN_WINDOW_SAMPLES * meter.period_s)
        self._latest: deque[float] = deque(maxlen=REMEMBERED_WINDOWS)
        self._begun_ns: int | None = None
        self._clips, self._charged_j = 0, 0.0
        self._metered_clips, self._metered_j = 0, 0.0
        self._windows = self._lost = 0
        self._answers = False

    @property
    def correction(self) -> float:
        """What the profile is multiplied by now."""
        return median(self._latest) if self._latest else 1.0

    @property
    def low(self) -> float:
        """Joules of a clip that stops after the glance, now."""
        return self.correction * self.profile.glance_j

    @property
    def high(self) -> float:
        """Joules of a clip that never stops early, now."""
        return self.correction * self.profile.full_j

    @property
    def source(self) -> Source:
        """Where the joules of clips come from now."""
        if self.profile.origin == "modelled":
            return "modelled"
        return "measured" if self._answers else "profile"

    def observe(self, prediction: Prediction) -> float:
        """Return the joules of a clip; a window of the meter that ends with it corrects those of the next."""
        joules = float(np.interp(prediction.macs, self._macs, self._joules))
        corrected = self.correction * joules
        if self._session is not None:
            self._follow(self._session, joules)
        return corrected

    def about(self) -> dict[str, Any]:
        """Return where the joules come from, for outputs."""
        return {
            "energy": {
                "source": self.source,
                "profile": self.profile.name,
                "meter": None if self._meter is None else self._meter.detail,
                "scope": self.profile.scope,
                "correction": self.correction,
                "windows": self._windows,
                "lost_windows": self._lost,
                "metered_mean": self._metered_j / self._metered_clips if self._metered_clips else None,
            }
        }

    def _follow(self, session: Session, joules: float) -> None:
        """Count a clip into the window of the meter, and end the window where it is long enough."""
        now = session.mark()
        if self._begun_ns is None:
            # windows lie between the ends of clips, and the first clip's begin is not known
            self._begun_ns = now
            return
        self._clips += 1
        self._charged_j += joules
        seconds = (now - self._begun_ns) / SECOND_NS
        few = self._clips < MIN_WINDOW_CLIPS and seconds < MAX_WINDOW_S
        if few or seconds < self._window_s:
            return
        # nothing waits for the next sample: the last power is held for the part of a period that is left
        self._correct(session.window(self._begun_ns, now, wait=False))
        self._begun_ns, self._clips, self._charged_j = now, 0, 0.0

    def _correct(self, reading: Reading) -> None:
        """Take in what the meter says of a window."""
        idle_w = self.profile.idle_w or 0.0
        above_j = None if reading.joules is None else reading.joules - idle_w * reading.seconds
        if above_j is not None and above_j > 0.0:
            self._answers = True
            self._windows += 1
            self._metered_clips += self._clips
            self._metered_j += above_j
            self._latest.append(above_j / self._charged_j)
            return
        self._answers = False
        if not self._lost:
            self._warn(self._loss(reading, idle_w))
        self._lost += 1

    def _loss(self, reading: Reading, idle_w: float) -> str:
        """Return why a window does not count."""
        if reading.joules is None:
            reason = reading.reason
        else:
            reason = (
                f"The device drew {reading.watts:.4g} W, no more than the {idle_w:.4g} W of its idle power in "
                f"{self.profile.name}. Measure the profile again: adafocus energy BUNDLE CLIPS"
            )
        return (
            f"The meter gave no joules for {reading.seconds:.3g} s, so the budget goes on from the profile alone, "
            f"times {self.correction:.3g}. {reason}"
        )
