"""``adafocus inspect``: say what a bundle, a model file, a checkpoint or a preset is."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.bundle.bundle import MANIFEST, Bundle, is_bundle
from adafocus.edge.bundle.manifest import Geometry
from adafocus.edge.commands import options
from adafocus.edge.runtimes import unavailable
from adafocus.errors import WORKSTATION_INSTALL, AdafocusError

DESCRIBERS = "adafocus.describers"
# how a bundle looks where it does not look as the published model does, by the fields of its geometry
LOOKING = {
    "boxes_in": {"square": "boxes in the centre square", "frame": "boxes in the whole frame"},
    "glance_fit": {
        "square": "the glance sees the centre square",
        "squeezed": "the glance sees the whole frame, squeezed",
        "padded": "the glance sees the whole frame, padded",
    },
    "policy": {"network": "a policy network", "motion": "no policy network: it looks where pixels change"},
    "focus_span": {
        "weights": "frames by their weights",
        "spread": "frames spread evenly",
        "densest": "frames from the run in which most changes",
    },
    "change_from": {"previous": "change from frame to frame", "median": "change from what is usual at a place"},
}


@click.command()
@click.argument("target")
@options.as_json
def inspect(target: str, as_json: bool) -> None:
    """Say what a bundle, a model file, a checkpoint or a preset is.

    TARGET is the path of a bundle, a model file or a checkpoint, or the name of a preset such as x3d-xs-xs.
    """
    path = Path(target)
    if path.is_dir() or path.name == MANIFEST or is_bundle(path):
        _inspect_bundle(path.parent if path.name == MANIFEST else path, as_json)
        return
    found = describe(target)
    if as_json:
        options.print_json(found)
    else:
        _show(found)


def describe(target: str) -> dict[str, Any]:
    """Ask the packages of the workstation, one after the other, what a target is.

    Raises:
        AdafocusError: none of them knows it, or they are not installed.
    """
    missing = None
    for point in entry_points(group=DESCRIBERS):
        try:
            found = point.load()(target)
        except ModuleNotFoundError as error:
            missing = error.name
            continue
        if found is not None:
            return found
    if missing is not None:
        raise AdafocusError(
            f"{target} is no bundle. Presets and checkpoints are described on a workstation, and the package "
            f"{missing!r} is not installed here: {WORKSTATION_INSTALL}"
        )
    raise AdafocusError(
        f"{target} is no bundle folder, no checkpoint or model file, and no preset. Give the path of one, or a name "
        "such as x3d-xs-xs."
    )


def _inspect_bundle(path: Path, as_json: bool) -> None:
    opened = Bundle.open(path)
    manifest = opened.manifest
    if as_json:
        options.print_json(manifest.model_dump())
        return
    console = Console(highlight=False)
    geometry = manifest.geometry
    console.print(f"[bold]{manifest.name}[/bold], preset {manifest.preset}, {len(manifest.labels)} labels")
    console.print(
        f"glance {geometry.glance_frames} x {geometry.glance_size} px, focus {geometry.focus_frames} of "
        f"{geometry.candidate_frames} frames x {geometry.patch_size} px"
    )
    if geometry.model_dump().keys() & LOOKING.keys():
        console.print(_looking(geometry), soft_wrap=True)
    table = Table("stage", "runtime", "type", "MB", "GMAC", "delegates", "delegated", "verified by")
    for stage, runtimes in (*manifest.stages.items(), *manifest.incremental.items()):
        for runtime, graph in runtimes.items():
            share = "-" if graph.delegated_share is None else f"{100 * graph.delegated_share:.1f} %"
            delegates = "-" if graph.delegates is None else str(graph.delegates)
            gmac = f"{graph.macs / 1e9:.3f}"
            row = (stage, runtime, graph.precision, f"{graph.bytes / 1e6:.2f}", gmac, delegates, share, graph.proved_by)
            table.add_row(*row)
    console.print(table)
    console.print("delegated: share of the GMAC in delegates, or in integer kernels", style="dim")
    if manifest.incremental:
        console.print("encode, join: the glance frame by frame, for streams, whose windows share frames", style="dim")
    for runtime in opened.runtimes():
        size = sum(manifest.stages[stage][runtime].bytes for stage in geometry.stage_names)
        state = unavailable(runtime) or "runs here"
        console.print(f"{runtime}: {size / 1e6:.1f} MB, {escape(state)}", soft_wrap=True)
    exits = manifest.exits
    budgets = ", ".join(f"{budget.budget:g} {budget.unit}" for budget in exits.budgets) or "no budget calibrated"
    console.print(f"exits: {exits.criterion}, temperature {exits.temperature:.4g}, {budgets}", soft_wrap=True)
    if exits.calibration is not None:
        fitted = exits.calibration
        console.print(
            f"thresholds: {fitted.family}, fitted to {fitted.n} clips of {fitted.groups} groups ({fitted.dataset}, "
            f"{fitted.split}) in {fitted.runtime}",
            soft_wrap=True,
        )
    console.print(f"golden clip: {manifest.golden.source}, outputs of {manifest.golden.runtime}")
    for figure in manifest.measured:
        console.print(f"{figure.dataset} {figure.split}: {figure.metric} {figure.value:.4g} (n = {figure.n})")
    provenance = manifest.provenance
    made = f"made from {provenance.model} (SHA-256 {provenance.model_sha256[:12]}...)"
    console.print(made + (f", {provenance.created}" if provenance.created else ""), style="dim")
    console.print(", ".join(f"{name} {number}" for name, number in provenance.packages.items()), style="dim")
    options.print_next("selftest", path)


def _looking(geometry: Geometry) -> str:
    """Return what the glance sees and what decides where the focus looks, in one line."""
    return ", ".join(words[getattr(geometry, field)] for field, words in LOOKING.items())


def _show(found: dict[str, Any]) -> None:
    """Single values as lines, lists of records as tables."""
    console = Console(highlight=False)
    for key, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            table = Table(*(name.replace("_", " ") for name in value[0]), title=key)
            for record in value:
                table.add_row(*(_text(entry) for entry in record.values()))
            console.print(table)
        else:
            console.print(f"{key.replace('_', ' ')}: {escape(_text(value))}", soft_wrap=True)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, bool) or not isinstance(value, int):
        return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
    return f"{value:,}"
