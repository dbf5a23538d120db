"""The audience of the stream: brings what happens to the page, the actions and the service manager."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from adafocus.apps.camera.actions import Action, Worker
from adafocus.apps.camera.pictures import Pictures
from adafocus.apps.camera.service import Service
from adafocus.apps.camera.story import Story
from adafocus.edge.prediction import Prediction
from adafocus.edge.sources.source import Frame
from adafocus.edge.streaming.audience import Audience, Running
from adafocus.edge.streaming.result import Result
from adafocus.edge.video.clip import Clip

COUNTS_S = 1.0


class Show(Audience):
    """What the stream's threads call; each call is short, and what takes long is done by other threads."""

    def __init__(self, story: Story, pictures: Pictures, service: Service, actions: Sequence[Action]) -> None:
        """Start the threads of the actions.

        Args:
            story: of the page.
            pictures: of the page.
            service: is told that the loop is alive.
            actions: on predictions.
        """
        self._story, self._pictures, self._service = story, pictures, service
        self._workers = [Worker(action, self._failed) for action in actions]
        self._chosen_ago_s: tuple[float, ...] = ()
        self._late, self._counted_s, self._reason = 0, 0.0, ""

    def begin(self, stream: Running) -> None:
        """Tell the page what runs, and the service manager that it does."""
        manifest = stream.recognizer.bundle.manifest
        for worker in self._workers:
            worker.action.check(manifest.labels)
        geometry = manifest.geometry
        self._pictures.boxes_lie_in(geometry.boxes_in == "square")
        self._story.know(
            model=manifest.name,
            labels=len(manifest.labels),
            source=stream.source,
            window_s=stream.window_s,
            candidates=geometry.candidate_frames,
            focus_frames=geometry.focus_frames,
        )
        self._service.ready()

    def hear(self, event: Mapping[str, Any]) -> None:
        """Hand an event on."""
        kind = event["event"]
        if kind == "answer":
            self._story.answer(event, self._chosen_ago_s)
        elif kind == "switched":
            self._story.change(event)
            self._service.status(f"label: {event['to'] or 'none'}")
        elif kind == "late":
            self._late = event["total"]
        elif kind == "warning":
            self._story.warn(event["text"])
        elif kind == "source":
            self._source(event)
        for worker in self._workers:
            worker.put(event)

    def picture_due_in_s(self, now_s: float) -> float:
        """Return when the page wants a frame."""
        return self._pictures.due_in_s(now_s)

    def see(self, frame: Frame) -> None:
        """Hand a frame on."""
        self._pictures.see(frame)

    def study(self, clip: Clip, prediction: Prediction, result: Result) -> None:
        """Draw what was chosen, where somebody looks."""
        self._chosen_ago_s = self._pictures.study(clip, prediction, result)

    def tick(self, counts: Mapping[str, int]) -> None:
        """Feed the watchdog, and tell the counts now and then."""
        self._service.alive()
        now_s = time.monotonic()
        if now_s - self._counted_s >= COUNTS_S:
            self._counted_s = now_s
            self._story.tell(
                "counts",
                {
                    **counts,
                    "late": self._late,
                    "answers": self._story.answers,
                    "actions": [worker.state() for worker in self._workers],
                },
            )

    def close(self) -> None:
        """End the actions in order."""
        for worker in self._workers:
            worker.close()

    def _source(self, event: Mapping[str, Any]) -> None:
        """Tell what the source does; why it does nothing is also said to whoever started the program, once."""
        reason = event.get("reason", "")
        self._story.tell("source", {"state": event["state"], "reason": reason})
        if reason and reason != self._reason:
            click.echo(f"adafocus: {reason}", err=True)
            sys.stderr.flush()
        self._reason = reason or self._reason
        self._service.status(reason or f"source: {event['state']}")

    def _failed(self, sentence: str) -> None:
        """Tell that an action failed."""
        self._story.warn(sentence)
        click.echo(f"adafocus: {sentence}", err=True)
