"""The one line on a terminal: label, score, latency, drops, exit."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from adafocus.edge.streaming.result import Result

BAR_CHARACTERS = 20
# counts change with every frame
REFRESH_S = 0.5


class TerminalView:
    """One line that changes; where the output is no terminal, one line per result."""

    def __init__(self, console: Console | None = None) -> None:
        """Show on standard output, or on another console."""
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._status, self._shown_s = "", -REFRESH_S
        self._text = "waiting for the first frames"
        if self._console.is_terminal:
            self._live.start()
            self._refresh()

    def update(self, result: Result) -> None:
        """Show a result."""
        shown = result.label if result.label is not None else f"no label ({result.best}?)"
        length = round(min(1.0, result.score) * BAR_CHARACTERS)
        bar = "█" * length + "░" * (BAR_CHARACTERS - length)
        parts = [
            f"{result.span.end_s:8.1f} s" if not self._console.is_terminal else "",
            f"[bold]{escape(shown)}[/bold]",
            f"{bar} {100 * result.score:3.0f} %",
            f"[dim]{result.exit_stage}, {result.gmac:.2f} GMAC, {result.latency_ms:.0f} ms[/dim]",
        ]
        if result.budget is not None:
            mean = result.budget["running_mean"] or 0.0
            source = f" ({result.budget['energy']['source']})" if "energy" in result.budget else ""
            parts.append(f"[dim]budget {mean:.3g} of {result.budget['asked']:g} {result.budget['unit']}{source}[/dim]")
        self._text = "  ".join(part for part in parts if part)
        if self._console.is_terminal:
            self._refresh()
        else:
            self._console.print(self._text, soft_wrap=True)

    def status(self, text: str) -> None:
        """Show the state of the source and its drops beside the result."""
        if text != self._status and time.monotonic() - self._shown_s >= REFRESH_S:
            self._status, self._shown_s = text, time.monotonic()
            self._refresh()

    def warn(self, sentence: str) -> None:
        """Print a sentence above the line."""
        self._console.print(escape(sentence), style="yellow", soft_wrap=True)

    def close(self) -> None:
        """Take the line away."""
        self._live.stop()

    def summary(self, content: dict[str, Any]) -> None:
        """Print the summary."""
        frames, latency = content["frames"], content["latency_ms"]
        counts = ", ".join(f"{value} {name}" for name, value in frames.items() if value is not None)
        lines = [
            f"[bold]{content['seconds']:.1f} s[/bold] of {escape(content['source'])}: "
            f"{content['answers']} predictions, {content['switches']} label changes, {content['late']} late",
            f"frames: {counts}",
        ]
        if latency:
            percentiles = ", ".join(f"{name} {latency[name]:.0f}" for name in ("p50", "p90", "p99", "max"))
            exits = ", ".join(f"{name} {count}" for name, count in content["exits"].items())
            lines.append(f"latency in ms: {percentiles}; exits: {exits}; {content['mean_gmac']:.2f} GMAC a window")
        if content["interruptions"] or content["outages"]:
            lines.append(f"interruptions: {content['interruptions']}; longer than a window: {content['outages']}")
        grown = content["memory"]["growth_bytes"]
        if grown is not None:
            lines.append(f"memory grew by {grown / 2**20:.1f} MB after the first minute")
        if content.get("annotated"):
            lines.append(f"annotated video: {escape(content['annotated']['path'])}")
        for line in lines:
            self._console.print(line, soft_wrap=True)

    def _refresh(self) -> None:
        if self._console.is_terminal:
            line = Text.from_markup(f"{self._text}  [dim]{escape(self._status)}[/dim]", overflow="ellipsis")
            line.no_wrap = True
            self._live.update(line, refresh=True)
