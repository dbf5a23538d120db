"""Workstation verb ``split``."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.calibration.commands import options
from adafocus.edge.commands import options as edge_options
from adafocus.edge.commands.outputs import check_outputs


@click.command()
@click.argument("sources", metavar="CLIPS...", type=options.FILE, nargs=-1, required=True)
@click.option("--val", default=0.2, show_default=True, help="Keep this share of the clips to choose recipes by.")
@click.option("--test", default=0.2, show_default=True, help="Keep this share of the clips for the test.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Draw with this seed.")
@options.groups_within_labels
@click.option("--out", type=options.FILE, required=True, help="Write the clips with their splits to this .csv file.")
def split(sources: tuple[Path, ...], val: float, test: float, seed: int, groups_within_labels: bool, out: Path) -> None:
    """Divide the clips of CLIPS by their groups into train, val and test.

    No group is in two splits, and every label has its share in each as far as groups allow. Splits that CLIPS name are
    left aside. The same clips and seed give the same splits.
    """
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from adafocus.calibration.datasets.clip_sets import read_undivided
    from adafocus.calibration.datasets.csv_list import SUFFIXES, write_list
    from adafocus.calibration.datasets.division import divide
    from adafocus.errors import AdafocusError

    if out.suffix.lower() not in SUFFIXES[:1]:
        raise AdafocusError(f"--out is {out}, expected a name that ends in {SUFFIXES[0]}.")
    options.refuse_folders(out=out)
    clips = read_undivided(sources)
    check_outputs({"--out": out}, (*sources, *(clip.path for clip in clips)))
    divided = divide(clips, val, test, seed, groups_within_labels=groups_within_labels)
    write_list(out, divided, relative=True)
    table = Table("split", "clips", "groups", "labels without a clip")
    labels = {clip.label for clip in divided}
    for name, count in sorted(Counter(clip.split for clip in divided).items()):
        members = [clip for clip in divided if clip.split == name]
        missing = ", ".join(sorted(labels - {clip.label for clip in members}))
        table.add_row(name, str(count), str(len({clip.group for clip in members})), missing)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"wrote {out}", soft_wrap=True)
    edge_options.print_next("train", "RECIPE", "--clips", out)
