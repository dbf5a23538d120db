"""What every action is, and the thread that does it: a bounded queue, a time limit, and failures that are counted."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from adafocus.errors import AdafocusError

WAITING = 16
Event = Mapping[str, Any]


class Action(Protocol):
    """Does something with an event of the stream.

    Attributes:
        name: for people.
        kinds: of events that it is given.
        limit_s: how long it may take; an action ends by itself at this time.
    """

    name: str
    kinds: frozenset[str]
    limit_s: float

    def check(self, labels: Sequence[str]) -> None:
        """Look whether it can be done with a model of these labels.

        Raises:
            AdafocusError: it cannot.
        """
        ...

    def act(self, event: Event) -> None:
        """Do it.

        Raises:
            AdafocusError: it failed, or took too long.
        """
        ...

    def close(self) -> None:
        """Leave everything as if nothing were recognized."""
        ...


class Worker:
    """Does one action in a thread. Where it is slow the oldest events are dropped, because the newest counts."""

    def __init__(self, action: Action, warn: Callable[[str], None]) -> None:
        """Start the thread.

        Args:
            action: what to do.
            warn: is given the sentence of the first failure, and of every first one after a success.
        """
        self.action, self._warn = action, warn
        self._waiting: deque[Event] = deque(maxlen=WAITING)
        self._changed = threading.Condition()
        self._ended = self._failing = False
        self._began_s: float | None = None
        self._counts = {"done": 0, "failed": 0, "dropped": 0}
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name=action.name, daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Take an event, if it is of a kind that is acted on; never waits for the action."""
        if event["event"] not in self.action.kinds:
            return
        with self._changed:
            self._counts["dropped"] += len(self._waiting) == WAITING
            self._waiting.append(event)
            self._changed.notify()

    def state(self) -> dict[str, Any]:
        """Return what was done, what failed, and why it failed last."""
        began_s = self._began_s
        hangs = began_s is not None and time.monotonic() - began_s > 2 * self.action.limit_s
        reason = f"{self.action.name} hangs." if hangs else self._reason
        return {"name": self.action.name, **self._counts, "reason": reason}

    def close(self) -> None:
        """Do what waits, within the time limit of one action, and end."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(self.action.limit_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                event = self._waiting.popleft() if self._waiting else None
            if event is None:
                break
            self._do(event)
        self.action.close()

    def _do(self, event: Event) -> None:
        self._began_s = time.monotonic()
        try:
            self.action.act(event)
        except AdafocusError as error:
            self._counts["failed"] += 1
            self._reason = str(error)
            if not self._failing:
                self._warn(self._reason)
            self._failing = True
        else:
            self._counts["done"] += 1
            self._failing, self._reason = False, ""
        self._began_s = None
