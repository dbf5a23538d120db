"""What a stream has done so far, in memory that does not grow."""

from __future__ import annotations

from typing import Any

from adafocus.edge.streaming.answer import Answer
from adafocus.edge.streaming.memory import Growth
from adafocus.edge.streaming.percentiles import Percentiles

STAGES = ("glance", "policy", "focus")


class Tally:
    """Counts answers; gives the summary."""

    def __init__(self) -> None:
        self.answers = self.late = self.switches = 0
        self.latency, self.compute, self.host = Percentiles(), Percentiles(), Percentiles()
        self.memory = Growth()
        self._exits: dict[str, int] = {}
        self._gmac = 0.0
        self._encoded = self._reused = 0
        self._labels: dict[str, int] = {}

    def count(self, answer: Answer) -> None:
        """Take in an answer."""
        self.answers += 1
        self.latency.add(answer.latency_ms)
        self.compute.add(answer.compute_ms)
        spent = answer.timing_ms
        self.host.add(answer.compute_ms - spent.get("decode", 0.0) - sum(spent.get(stage, 0.0) for stage in STAGES))
        self._exits[answer.exit_stage] = self._exits.get(answer.exit_stage, 0) + 1
        self._gmac += answer.gmac
        self._encoded += answer.glance_encoded
        self._reused += answer.glance_reused
        if answer.label is not None:
            self._labels[answer.label] = self._labels.get(answer.label, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """For the ``summary`` event."""
        return {
            "answers": self.answers,
            "late": self.late,
            "switches": self.switches,
            "answers_by_label": dict(sorted(self._labels.items(), key=lambda item: -item[1])),
            "latency_ms": self.latency.as_dict(),
            "compute_ms": self.compute.as_dict(),
            "host_ms": self.host.as_dict(),
            "exits": dict(self._exits),
            "mean_gmac": self._gmac / self.answers if self.answers else None,
            "glance": {"encoded": self._encoded, "reused": self._reused},
            "memory": self.memory.as_dict(),
        }
