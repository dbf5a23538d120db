"""``adafocus selftest``: the golden clip through every stage, compared number by number."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from edge.bundle import Bundle
from edge.clip import Clip
from edge.commands import options
from edge.errors import BundleError
from edge.recognizer import Recognizer
from edge.sampling import uniform_indices

FLOAT_TOLERANCE = 1e-5


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@options.runtime
@options.threads
@options.as_json
def selftest(bundle: Path, runtime: str, threads: int, as_json: bool) -> None:
    """Run BUNDLE's golden clip and compare every stage's answer with what the bundle says."""
    opened = Bundle.open(bundle)
    checks = compare_golden(opened, runtime, threads)
    wrong = [name for name, same in checks.items() if not same]
    if as_json:
        options.print_json({"bundle": str(bundle), "runtime": runtime, "checks": checks, "passed": not wrong})
    if wrong:
        raise BundleError(
            f"{bundle} answers its golden clip differently with {runtime}: {', '.join(wrong)}. Expected the numbers "
            "in golden/. Copy the bundle again, or install the runtime version it was made with (adafocus inspect)."
        )
    if not as_json:
        console = Console(highlight=False)
        console.print(f"{len(checks)} tensors of the golden clip agree ({opened.manifest.golden.source}, {runtime}).")
        console.print(f"\nnext: adafocus run {bundle} VIDEO", style="dim")


def golden_clip(bundle: Bundle) -> Clip:
    """The golden frames as a clip."""
    frames = bundle.golden_frames()
    glance, candidates = frames["glance"], frames["candidates"]
    count = len(candidates)
    return Clip(glance, candidates, uniform_indices(count, len(glance)), np.arange(count), count, 1.0)


def compare_golden(bundle: Bundle, runtime: str, threads: int) -> dict[str, bool]:
    """Which of the golden answers this runtime gives: integers exactly, floats within 1e-5 of the largest."""
    prediction = Recognizer.open(bundle, runtime, threads).recognize_clip(golden_clip(bundle))
    given = {**prediction.outputs, "frame_indices": np.array(prediction.candidate_indices)}
    return {name: _same(given.get(name), wanted) for name, wanted in bundle.golden_answers().items()}


def _same(given: NDArray[np.generic] | None, wanted: NDArray[np.generic]) -> bool:
    if given is None or given.shape != wanted.shape:
        return False
    if np.issubdtype(wanted.dtype, np.floating):
        real = wanted.astype(np.float64)
        return bool(np.abs(given.astype(np.float64) - real).max() <= FLOAT_TOLERANCE * np.abs(real).max())
    return bool(np.array_equal(given, wanted))
