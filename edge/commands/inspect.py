"""``adafocus inspect``: everything a person wants to know about a bundle."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from edge.bundle import Bundle
from edge.commands import options


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@options.as_json
def inspect(bundle: Path, as_json: bool) -> None:
    """Check BUNDLE and print what it holds."""
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    if as_json:
        options.print_json(manifest.model_dump())
        return
    console = Console()
    geometry = manifest.geometry
    console.print(f"[bold]{manifest.name}[/bold], preset {manifest.preset}, {len(manifest.labels)} labels")
    console.print(
        f"glance {geometry.glance_frames} x {geometry.glance_size} px, focus {geometry.focus_frames} of "
        f"{geometry.candidate_frames} frames x {geometry.patch_size} px"
    )
    table = Table("stage", "runtime", "precision", "bytes", "GMAC", "delegates", "delegated")
    for stage, runtimes in manifest.stages.items():
        for runtime, graph in runtimes.items():
            share = "-" if graph.delegated_share is None else f"{100 * graph.delegated_share:.1f} %"
            delegates = "-" if graph.delegates is None else str(graph.delegates)
            gmac = f"{graph.macs / 1e9:.3f}"
            table.add_row(stage, runtime, graph.precision, f"{graph.bytes:,}", gmac, delegates, share)
    console.print(table)
    for figure in manifest.measured:
        console.print(f"{figure.dataset} {figure.split}: {figure.metric} {figure.value:.4g} (n = {figure.n})")
    provenance = manifest.provenance
    console.print(f"made from {provenance.model}, {provenance.created}", style="dim", highlight=False)
    console.print(f"\nnext: adafocus selftest {bundle}", style="dim", highlight=False)
