"""A device whose power is known at every moment, on a clock of its own, and a meter that reads it.

It stands in for a board where there is no meter: what a budget or a benchmark finds out through the meter is set
against what the device really used. Only the device is made up. The meter's samples go through the same integration as
those of any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.meter import SECOND_NS, Kind, Reading, Scope, Trace, Unavailable, Values

RAIL = "input"


class KnownDevice:
    """A device, the meter on its supply, and the meter's session.

    The meter gives the mean power of every period, as chips that average do, with noise of its own.

    Attributes:
        idle_w: power while nothing is done.
        factor: what all power above idle is multiplied by from now on, as by heat or another clock.
        gain: what the meter's readings are multiplied by at moments in s; a drift of the meter.
    """

    name = "known"
    kind: Kind = "sampler"
    scope: Scope = "board input"
    detail = "a device whose power is known"

    def __init__(self, idle_w: float, period_s: float = 0.1, noise_w: float = 0.0, seed: int = 0) -> None:
        """Start at 0 s.

        Args:
            idle_w: power while nothing is done.
            period_s: from sample to sample of the meter.
            noise_w: standard deviation of a sample.
            seed: of the noise.
        """
        self.idle_w, self.factor, self.period_s = idle_w, 1.0, period_s
        self._noise_w, self._rng = noise_w, np.random.default_rng(seed)
        self._moments_s, self._energies_j = [0.0], [0.0]
        self._samples_s: list[float] = []
        self._watts: list[float] = []
        self._killed = False
        # what the meter's readings are multiplied by, at a moment in seconds
        self.gain: Callable[[Values], Values] = np.ones_like

    @property
    def now_s(self) -> float:
        """The present moment."""
        return self._moments_s[-1]

    def work(self, seconds: float, above_idle_w: float = 0.0) -> float:
        """Let time pass at a power; return the joules above idle.

        Args:
            seconds: how long.
            above_idle_w: power above idle.
        """
        above_j = self.factor * above_idle_w * seconds
        self._moments_s.append(self.now_s + seconds)
        self._energies_j.append(self._energies_j[-1] + self.idle_w * seconds + above_j)
        return above_j

    def kill_meter(self) -> None:
        """Let the meter give nothing any more, as one whose cable was pulled."""
        self._sample()
        self._killed = True

    def joules(self, begin_s: float, end_s: float) -> float:
        """Return what the device really used between two moments."""
        before, after = np.interp([begin_s, end_s], self._moments_s, self._energies_j)
        return float(after - before)

    def mark(self) -> int:
        """Return the present moment."""
        return round(self.now_s * SECOND_NS)

    def window(self, begin_ns: int, end_ns: int, wait: bool = True) -> Reading:
        """Return the energy of a window, as any meter would."""
        return integrate(self.trace(), begin_ns, end_ns)

    def trace(self) -> Trace:
        """Return what the meter has recorded."""
        self._sample()
        times = np.round(np.array(self._samples_s) * SECOND_NS).astype(np.int64)
        return Trace(times, {RAIL: np.array(self._watts)}, (RAIL,), False, self.period_s, self.scope)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def available(self) -> Unavailable | None:
        """Return None where the meter gives something."""
        return Unavailable("The meter was killed.", present=True) if self._killed else None

    def open(self, keep_s: float | None = None) -> KnownDevice:
        """Return itself: it records from the start."""
        return self

    def __enter__(self) -> KnownDevice:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _sample(self) -> None:
        """Take the samples that are due: the mean power of each period, at its middle."""
        count = math.floor(self.now_s / self.period_s + 1e-9)
        done = len(self._samples_s)
        if count <= done or self._killed:
            return
        edges = np.arange(done, count + 1) * self.period_s
        middles: Values = (edges[:-1] + self.period_s / 2).astype(np.float64)
        means = np.diff(np.interp(edges, self._moments_s, self._energies_j)) / self.period_s
        noise = self._rng.normal(0.0, self._noise_w, len(means))
        self._samples_s += middles.tolist()
        self._watts += (self.gain(middles) * means + noise).tolist()
