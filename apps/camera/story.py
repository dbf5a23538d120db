"""What the page tells, as messages: who the device is, what it predicted, how it is. All in memory that does not grow.

Those who listen get the messages since their last one. Whoever falls behind gets the whole again, from the beginning.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

HISTORY, CHANGES, MESSAGES, WARNINGS = 600, 60, 64, 5
# of an answer's event, what the page shows
SHOWN = ("number", "label", "score", "best", "raw", "exit_stage", "gmac", "latency_ms", "joules", "window")


class Story:
    """Keeps what was told, and hands it to those who listen."""

    def __init__(self, device: Mapping[str, Any]) -> None:
        """Begin.

        Args:
            device: what does not change while the program runs.
        """
        self._told = threading.Condition()
        self._messages: deque[tuple[int, str, str]] = deque(maxlen=MESSAGES)
        self._number = 0
        self._device = dict(device)
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self._changes: deque[dict[str, Any]] = deque(maxlen=CHANGES)
        self._warnings: deque[str] = deque(maxlen=WARNINGS)
        self._newest: dict[str, dict[str, Any]] = {}
        self.answers = 0
        self.late = 0

    def know(self, **more: Any) -> None:
        """Add to what is known of the device."""
        with self._told:
            self._device.update(more)
        self.tell("device", self._device)

    def answer(self, event: Mapping[str, Any], chosen_ago_s: tuple[float, ...]) -> None:
        """Take an ``answer`` event.

        Args:
            event: as it was written.
            chosen_ago_s: of every chosen frame, seconds before the end of the window.
        """
        shown = {name: event[name] for name in SHOWN} | {
            "time_s": round(time.time(), 1),
            "compute_ms": event["compute_ms"]["total"],
            "budget": event["budget"],
            "chosen_ago_s": chosen_ago_s,
        }
        point = {name: shown[name] for name in ("time_s", "label", "score", "exit_stage")}
        with self._told:
            self.answers += 1
            self._history.append(point)
        self.tell("answer", shown)

    def change(self, event: Mapping[str, Any]) -> None:
        """Take a ``switched`` event."""
        change = {
            "time_s": round(time.time(), 1),
            "label": event["to"],
            "before": event["from"],
            "score": event["score"],
        }
        with self._told:
            self._changes.append(change)
        self.tell("change", change)

    def warn(self, sentence: str) -> None:
        """Take a warning."""
        with self._told:
            self._warnings.append(sentence)
        self.tell("warning", {"text": sentence})

    def tell(self, kind: str, content: Mapping[str, Any]) -> None:
        """Tell something; the newest of its kind is told to those who come later, too."""
        with self._told:
            self._number += 1
            self._newest[kind] = dict(content)
            self._messages.append((self._number, kind, json.dumps(content, ensure_ascii=False, allow_nan=False)))
            self._told.notify_all()

    def whole(self) -> tuple[int, dict[str, Any]]:
        """Return all that is known, and the number of the message after which it holds."""
        with self._told:
            newest = {kind: self._newest.get(kind) for kind in ("answer", "source", "vitals", "counts")}
            return self._number, {
                "device": dict(self._device),
                **newest,
                "history": list(self._history),
                "changes": list(self._changes),
                "warnings": list(self._warnings),
            }

    def after(self, number: int, timeout_s: float) -> list[tuple[int, str, str]] | None:
        """Wait for messages after one.

        Returns:
            Their numbers, kinds and contents as JSON; empty where none came in time; None where some are gone already.
        """
        with self._told:
            self._told.wait_for(lambda: self._number > number, timeout_s)
            if self._messages and self._messages[0][0] > number + 1:
                return None
            return [message for message in self._messages if message[0] > number]
