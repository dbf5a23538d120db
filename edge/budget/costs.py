"""What a clip may cost on average, and what it does cost: in multiply-accumulates, or in milliseconds here.

The cost of a clip in GMAC is that of the stage calls it took. Its cost in ms is what it made this machine compute:
everything between the decoded frames and the prediction (resizing, pixel tables, stages, selection, crop, Python),
without opening and decoding the video or waiting for frames. Joules are in `adafocus.edge.budget.joules`.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, Protocol

from adafocus.errors import AdafocusError

if TYPE_CHECKING:
    # options of the command line are parsed here, also where OpenCV does not load
    from adafocus.edge.prediction import Prediction
    from adafocus.edge.recognizer import Recognizer
    from adafocus.edge.video.clip import Clip

Unit = Literal["GMAC", "ms", "J"]

UNITS: dict[str, Unit] = {"gmac": "GMAC", "ms": "ms", "j": "J"}
MACS_PER_GMAC = 1e9
WARM_UP_TURNS, TIMED_TURNS = 2, 5
# clips over which the speed of this machine is told: short enough to follow throttling, and a median shrugs off hiccups
SPEED_CLIPS = 9


@dataclass(frozen=True)
class Budget:
    """A mean cost per clip.

    Example:
        >>> Budget.parse("8GMAC")
        Budget(value=8.0, unit='GMAC')
    """

    value: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``8GMAC``, ``120 ms`` or ``0.4J``.

        Raises:
            AdafocusError: anything else.
        """
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-z]+)\s*", text, re.IGNORECASE)
        unit = UNITS.get(found.group(2).lower()) if found else None
        value = float(found.group(1)) if found else 0.0
        if unit is None or not 0.0 < value < math.inf:
            raise AdafocusError(
                f"the budget is {text!r}, expected a number above 0 with its unit, GMAC, ms or J: --budget 1.5GMAC."
            )
        return cls(value, unit)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


class Costs(Protocol):
    """What clips cost in one unit."""

    @property
    def low(self) -> float:
        """A clip that stops after the glance, now."""
        ...

    @property
    def high(self) -> float:
        """A clip that never stops early, now."""
        ...

    def observe(self, prediction: Prediction) -> float:
        """Return the cost of a clip; the range may follow what it shows."""
        ...

    def about(self) -> dict[str, Any]:
        """Return what outputs say of where the costs come from, besides the range."""
        ...


class MacCosts:
    """GMAC; the range is fixed by the bundle."""

    def __init__(self, exit_macs: tuple[int, ...]) -> None:
        self.low, self.high = exit_macs[0] / MACS_PER_GMAC, exit_macs[-1] / MACS_PER_GMAC

    def observe(self, prediction: Prediction) -> float:
        """Return the cost of a clip in GMAC."""
        return prediction.macs / MACS_PER_GMAC

    def about(self) -> dict[str, Any]:
        """Return nothing: the unit says it all."""
        return {}


class TimeCosts:
    """Milliseconds; the range was measured on this machine and moves with the time that the glance takes now."""

    def __init__(self, low: float, high: float, glance: float) -> None:
        self._range, self._glance = (low, high), glance
        self._latest = deque([glance], SPEED_CLIPS)
        self.low, self.high = self._range

    @classmethod
    def measure(cls, recognizer: Recognizer, clip: Clip) -> TimeCosts:
        """Time a clip to the glance and all the way, in turns; the quickest of some, as others may use the machine."""
        kept, recognizer.thresholds = recognizer.thresholds, None
        turns = [
            (recognizer.recognize_clip(clip, stop_after="glance"), recognizer.recognize_clip(clip))
            for _ in range(WARM_UP_TURNS + TIMED_TURNS)
        ][WARM_UP_TURNS:]
        recognizer.thresholds = kept
        low, high = (min(compute_ms(turn[place]) for turn in turns) for place in (0, 1))
        glance = min(prediction.timing_ms["glance"] for turn in turns for prediction in turn)
        return cls(low, max(low, high), glance)

    def observe(self, prediction: Prediction) -> float:
        """Return the cost of a clip in ms."""
        self._latest.append(prediction.timing_ms["glance"])
        slower = median(self._latest) / self._glance
        self.low, self.high = (slower * value for value in self._range)
        return compute_ms(prediction)

    def about(self) -> dict[str, Any]:
        """Return nothing: the unit says it all."""
        return {}


def compute_ms(prediction: Prediction) -> float:
    """Return the time of a clip without opening and decoding the video and waiting for frames."""
    return prediction.timing_ms["total"] - prediction.timing_ms["decode"]


def costs_of(budget: Budget, recognizer: Recognizer, clip: Clip) -> Costs:
    """Return costs in GMAC, or measure those in ms; refuse a budget that lies outside of what clips can cost.

    Args:
        budget: what was asked.
        recognizer: whose clips.
        clip: one of them; a budget in ms times it some turns, which takes as long as about ten clips.

    Raises:
        AdafocusError: the budget lies below the glance or above the full path, or is in joules, of which a profile
            must tell.
    """
    by_macs = MacCosts(recognizer.exit_macs)
    if budget.unit == "J":
        raise AdafocusError(
            f"the budget is {budget}, but nothing says how many joules a clip takes. Read a profile that adafocus "
            "energy has written, costs = EnergyCosts(read_profile(path), recognizer.exit_macs), or give the budget in "
            f"GMAC ({by_macs.low:.3g} to {by_macs.high:.3g} a clip) or in ms: --budget "
            f"{_middle(by_macs.low, by_macs.high)}GMAC."
        )
    costs = by_macs if budget.unit == "GMAC" else TimeCosts.measure(recognizer, clip)
    refuse_out_of_range(budget, costs.low, costs.high)
    return costs


def refuse_out_of_range(budget: Budget, low: float, high: float) -> None:
    """Refuse a budget that no thresholds can meet.

    Args:
        budget: what was asked.
        low: cost of a clip that stops after the glance, in the budget's unit.
        high: cost of a clip that never stops early.

    Raises:
        AdafocusError: it lies below the glance or above the full path.
    """
    if low <= budget.value <= high:
        return
    where = "below what the glance alone costs" if budget.value < low else "above what the full path costs"
    here = " on this machine now" if budget.unit == "ms" else ""
    raise AdafocusError(
        f"the budget is {budget}, {where}{here}: a clip costs {low:.4g} {budget.unit} after the glance and "
        f"{high:.4g} {budget.unit} at most. Choose between: --budget {_middle(low, high)}{budget.unit}."
    )


def _middle(low: float, high: float) -> str:
    """Return a budget to try, in digits that can be typed."""
    return f"{float(f'{(low + high) / 2:.2g}'):g}"
