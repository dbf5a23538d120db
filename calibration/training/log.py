"""The log of a training run: a CSV of its steps, a CSV of its validations, and a picture of both."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from adafocus.edge.bundle.files import replacing_file

STEPS, VALIDATIONS, PICTURE = "steps.csv", "validation.csv", "curves.png"
NUMBER = "step"
SMOOTHED_OVER = 10


class TrainingLog:
    """Rows by step; a resumed run first cuts off the steps that it repeats, so that no step is logged twice."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        """Write into ``folder``, or nothing where another process writes."""
        self._folder, self._writes = folder, writes

    def step(self, number: int, values: dict[str, float]) -> None:
        """Log losses, rate and speed of one step."""
        self._append(STEPS, number, values)

    def validation(self, number: int, values: dict[str, float]) -> None:
        """Log shares of clips that were right, 0 to 1, and draw the picture anew."""
        self._append(VALIDATIONS, number, values)
        if self._writes:
            self.draw()

    def rows(self, name: str) -> list[dict[str, float]]:
        """Read the rows of one of the files; what a killed run left half-written at its end is passed over."""
        path = self._folder / name
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return [row for row in map(_numbers, csv.DictReader(file)) if row is not None]

    def truncate(self, last: int) -> None:
        """Remove every row after a step."""
        if not self._writes:
            return
        for name in (STEPS, VALIDATIONS):
            kept = [row for row in self.rows(name) if row[NUMBER] <= last]
            path = self._folder / name
            path.unlink(missing_ok=True)
            if kept:
                with replacing_file(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, list(kept[0]))
                    writer.writeheader()
                    writer.writerows({**row, NUMBER: int(row[NUMBER])} for row in kept)

    def draw(self) -> None:
        """Draw both files into one picture."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        steps, validations = self.rows(STEPS), self.rows(VALIDATIONS)
        figure, (above, below) = pyplot.subplots(2, 1, figsize=(8, 7), sharex=True, layout="constrained")
        names = [name for name in (steps[0] if steps else {}) if name not in (NUMBER, "learning_rate", "clips_per_s")]
        for name in names:
            values = np.array([row[name] for row in steps])
            width = min(SMOOTHED_OVER, len(values))
            smooth = np.convolve(values, np.full(width, 1 / width), "valid")
            above.plot([row[NUMBER] for row in steps][width - 1 :], smooth, label=name)
        above.set_ylabel(f"loss, mean of {SMOOTHED_OVER} steps")
        above.legend(fontsize="small")
        for name in [name for name in (validations[0] if validations else {}) if name != NUMBER]:
            percent = [100 * row[name] for row in validations]
            below.plot([row[NUMBER] for row in validations], percent, marker="o", label=name)
        below.set_xlabel("step")
        below.set_ylabel("clips right, %")
        if validations:
            below.legend(fontsize="small")
        with replacing_file(self._folder / PICTURE) as beside:
            figure.savefig(beside, format="png", dpi=110)
        pyplot.close(figure)

    def _append(self, name: str, number: int, values: dict[str, float]) -> None:
        if not self._writes:
            return
        path = self._folder / name
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow([NUMBER, *values])
            writer.writerow([number, *(f"{value:.6g}" for value in values.values())])


def _numbers(row: dict[str, str]) -> dict[str, float] | None:
    """Return the numbers of a row; None where it is not whole."""
    try:
        values = {key: float(value) for key, value in row.items()}
    except (TypeError, ValueError):
        return None
    return values if NUMBER in values else None
