"""From a window to a result: recognize, keep the budget, smooth, report."""

from __future__ import annotations

import time
from typing import Any, Protocol

from adafocus.edge.budget.controller import Controller
from adafocus.edge.budget.costs import Budget, Costs
from adafocus.edge.exits import softmax
from adafocus.edge.incremental import FeatureStore
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.streaming.audience import Audience
from adafocus.edge.streaming.events import EventLog
from adafocus.edge.streaming.result import Result
from adafocus.edge.streaming.smoothing import Smoothed, Smoother
from adafocus.edge.streaming.statistics import Statistics
from adafocus.edge.streaming.window import Span
from adafocus.edge.video.clip import Clip


class View(Protocol):
    """Shows results."""

    def update(self, result: Result) -> None:
        """Show a result."""
        ...


class Analyzer:
    """Recognizes windows one after the other, and reports to the log and the views."""

    def __init__(
        self,
        recognizer: Recognizer,
        smoother: Smoother,
        log: EventLog,
        views: tuple[View, ...] = (),
        budget: Budget | None = None,
        costs: Costs | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Start without a result.

        Args:
            recognizer: an opened bundle.
            smoother: of its predictions.
            log: gets ``answer`` and ``switched`` events.
            views: show every result.
            budget: mean cost of a window; None: the recognizer's own thresholds.
            costs: of windows, where the budget cannot find them out by itself.
            audience: is given every prediction with its clip.
        """
        self._recognizer, self._smoother, self._log, self._views = recognizer, smoother, log, views
        self._budget, self._costs, self._audience = budget, costs, audience
        self._controller: Controller | None = None
        self._features = FeatureStore()
        self.statistics = Statistics()

    @property
    def budget_state(self) -> dict[str, Any] | None:
        """State of the controller; None without a budget, or before the first window."""
        return None if self._controller is None else self._controller.state()

    def analyze(self, clip: Clip, span: Span, captured_s: float, zero_s: float) -> Result:
        """Recognize a window.

        Args:
            clip: its frames; they are not kept, but the glance features of each are, where it runs frame by frame.
            span: what it covers.
            captured_s: on the monotonic clock, when its newest frame was captured, or read from a file.
            zero_s: moment on the source's clock that the times of events are counted from.

        Raises:
            AdafocusError: the first window shows that the budget cannot be met.
        """
        recognizer = self._recognizer
        if self._budget is not None:
            if self._controller is None:
                self._controller = Controller.start(self._budget, recognizer, clip, self._costs)
                # a budget in milliseconds was tried out on this window, which is no part of its latency
                captured_s = max(captured_s, time.monotonic())
            recognizer.thresholds = self._controller.thresholds
        self._features.drop_before(span.oldest)
        prediction = recognizer.recognize_clip(clip, glance_features=self._features)
        joules = None
        if self._controller is not None:
            cost = self._controller.observe(prediction)
            joules = cost if self._controller.budget.unit == "J" else None
        smoothed = self._smoother.update(softmax(prediction.logits), span.end_s)
        labels = prediction.labels
        result = Result(
            number=self.statistics.results,
            span=span,
            raw_label=prediction.label,
            raw_score=prediction.score,
            label=None if smoothed.label is None else labels[smoothed.label],
            score=smoothed.score,
            best=labels[smoothed.best],
            exit_stage=prediction.exit_stage,
            gmac=prediction.macs / 1e9,
            frames=prediction.frame_indices,
            boxes=prediction.boxes,
            latency_ms=1e3 * (time.monotonic() - captured_s),
            timing_ms=prediction.timing_ms,
            budget=self.budget_state,
            joules=joules,
            glance_encoded=prediction.glance_encoded,
            glance_reused=len(clip.glance) - prediction.glance_encoded,
        )
        if self._audience is not None:
            self._audience.study(clip, prediction, result)
        self._report(result, smoothed, zero_s)
        return result

    def reset(self, at_s: float) -> None:
        """Take the label back after an outage, and forget the predictions before it; calling it twice is allowed.

        Args:
            at_s: moment, counted as in the events.
        """
        before = self._smoother.reset()
        if before is not None:
            self.statistics.switches += 1
            self._log.write("switched", **self._switch(before, None, 0.0, at_s))

    def _report(self, result: Result, smoothed: Smoothed, zero_s: float) -> None:
        self.statistics.add(result)
        self._log.write("answer", **result.as_event(zero_s))
        if smoothed.switched:
            self.statistics.switches += 1
            at_s = result.span.end_s - zero_s
            self._log.write("switched", **self._switch(smoothed.switched_from, smoothed.label, smoothed.score, at_s))
        for view in self._views:
            view.update(result)

    def _switch(self, before: int | None, after: int | None, score: float, at_s: float) -> dict[str, Any]:
        labels = self._recognizer.bundle.manifest.labels
        named = {name: None if index is None else labels[index] for name, index in (("from", before), ("to", after))}
        return {**named, "score": score, "window_end_s": at_s}
