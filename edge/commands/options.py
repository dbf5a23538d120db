"""Options that several verbs share, and durations on the command line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adafocus.edge.budget.costs import Budget
from adafocus.edge.runtime_table import DEFAULT_RUNTIME, RUNTIMES
from adafocus.edge.runtimes.accelerators import names as accelerator_names
from adafocus.errors import AdafocusError, shell_word

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from adafocus.edge.energy.costs import EnergySource

ACCELERATORS = accelerator_names()
SOFTWARE = "software"
DECODERS = (SOFTWARE, "auto", "h264_v4l2m2m", "nvv4l2decoder", "videotoolbox")
T = TypeVar("T", bound="DataclassInstance")


def _parsed_budget(context: click.Context, parameter: click.Parameter, text: str | None) -> Budget | None:
    return None if text is None else Budget.parse(text)


def _checked_decoder(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if text == SOFTWARE:
        return text
    # commands that read no video do without the libraries for that
    from adafocus.edge.sources.decoders.choice import Decoder

    return Decoder(text).asked


runtime = click.option(
    "--runtime",
    default=DEFAULT_RUNTIME,
    show_default=True,
    help=f"Run the graphs with this runtime: {', '.join(RUNTIMES)}.",
)
accelerator = click.option(
    "--accelerator",
    help=f"Run the glance and the focus on this: {', '.join(ACCELERATORS)}. Nothing falls back to another processor "
    "silently; the policy stays on the CPU.  [default: the runtime's usual processor]",
)
threads = click.option("--threads", default=2, show_default=True, help="Give the runtime this many CPU threads.")
exit_threshold = click.option(
    "--exit-threshold", type=float, help="Leave at the first exit with at least this confidence."
)
budget = click.option(
    "--budget",
    callback=_parsed_budget,
    help="Spend this much on a clip on average, such as 8GMAC, 120ms or 0.4J; it sets the exit thresholds.",
)
energy_profile = click.option(
    "--energy-profile",
    type=click.Path(path_type=Path),
    help="Charge a budget in J from this file of adafocus energy, not from BUNDLE.energy.json beside the bundle.",
)
meter = click.option("--meter", help="Correct a budget in J with this meter, not with whichever answers.")
decoder = click.option(
    "--decoder",
    default=SOFTWARE,
    show_default=True,
    callback=_checked_decoder,
    help=f"Decode video with this: {', '.join(DECODERS)}. Where that does not work, software does, and it is said.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def only_one_of(exit_threshold: float | None, budget: Budget | None) -> None:
    """Refuse a threshold next to a budget.

    Raises:
        AdafocusError: both are given.
    """
    if exit_threshold is not None and budget is not None:
        raise AdafocusError(
            f"Found --exit-threshold {exit_threshold:g} and --budget {budget}, expected one of the two: a budget sets "
            "the thresholds itself. Leave --exit-threshold out."
        )


def energy_of(bundle: Path, budget: Budget | None, profile: Path | None, meter: str | None) -> EnergySource | None:
    """Return where the joules of a budget come from; None where it is in another unit.

    Args:
        bundle: path as it was typed.
        budget: what was asked.
        profile: of ``--energy-profile``.
        meter: of ``--meter``.

    Raises:
        AdafocusError: a profile or a meter is named, and no budget is in joules.
    """
    if budget is not None and budget.unit == "J":
        from adafocus.edge.energy.costs import EnergySource
        from adafocus.edge.meters import AUTO

        return EnergySource(bundle, profile, AUTO if meter is None else meter)
    named = {"--energy-profile": profile, "--meter": meter}
    given = next((option for option, value in named.items() if value is not None), None)
    if given is not None:
        raise AdafocusError(f"{given} is for budgets in joules, and there is none. Add one: --budget 0.4J")
    return None


def build(kind: type[T], asked: dict[str, Any]) -> T:
    """Make a dataclass of those options that are named like its fields."""
    return kind(**{field.name: asked[field.name] for field in fields(kind)})


def print_json(content: dict[str, Any]) -> None:
    """Print one object."""
    click.echo(json.dumps(content, indent=1))


def print_next(*words: str | Path) -> None:
    """Print the command to type next; paths are quoted for the shell, and everything stays on one line."""
    click.secho(f"\nnext: {command(*words)}", dim=True)


def command(*words: str | Path) -> str:
    """Return a command of this program; words are taken as they are, and paths as a shell has to see them."""
    return " ".join(("adafocus", *(shell_word(word) if isinstance(word, Path) else word for word in words)))


def raise_broken(broken: Mapping[Path, str], count: int) -> None:
    """End with what could not be read, once everything else was done.

    Args:
        broken: a sentence for each input that could not be used.
        count: of all inputs; 0 where nobody counted them.

    Raises:
        AdafocusError: there is one at least; of the only input it is its own sentence.
    """
    if not broken:
        return
    if count == 1:
        raise AdafocusError(next(iter(broken.values())))
    for path, sentence in broken.items():
        named = sentence if str(path) in sentence else f"{path}: {sentence}"
        click.echo(f"adafocus: {named}", err=True)
    names = ", ".join(map(str, broken))
    shown = f"{len(broken)} of {count} videos" if count else "Videos"
    raise AdafocusError(f"{shown} cannot be used: {names}. Repair them, or leave them out.")


SECONDS = {"ms": 1e-3, "": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_S = 366 * 86400.0


class Duration(click.ParamType):
    """Parses to seconds, as a float."""

    name = "duration"

    def __init__(self, least_s: float = 0.0, most_s: float = LONGEST_S) -> None:
        """Accept durations in a range."""
        self.least_s, self.most_s = least_s, most_s

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds.

        Raises:
            AdafocusError: the text is no duration, or out of range.
        """
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(ms|s|min|h|)\s*", str(value))
        seconds = float(found.group(1)) * SECONDS[found.group(2)] if found else math.nan
        if not self.least_s <= seconds <= self.most_s:
            option = param.opts[0] if param else "The duration"
            raise AdafocusError(
                f"{option} is {value!r}, expected a number with ms, s, min or h, such as 2s, between "
                f"{self.least_s:g} s and {self.most_s / 3600:g} h."
            )
        return seconds
