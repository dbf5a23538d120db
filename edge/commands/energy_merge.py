"""``adafocus energy --merge``: the reports of many devices in one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adafocus.edge.commands import options
from adafocus.edge.commands.outputs import check_outputs
from adafocus.edge.energy.merge import Group, as_csv, as_dict, merged
from adafocus.edge.energy.page import write_text
from adafocus.edge.energy.page.merged_page import group_table, group_title, render_merged
from adafocus.edge.energy.page.words import unit_of
from adafocus.edge.energy.report import read_report
from adafocus.errors import AdafocusError

FORMS = {
    ".html": render_merged,
    ".csv": as_csv,
    ".json": lambda groups: json.dumps(as_dict(groups), indent=1) + "\n",
}


def merge_reports(reports: Sequence[Path], out: Path | None, as_json: bool) -> None:
    """Print the reports of many devices beside each other, and write them where a file is named.

    Reports of other scopes, bundles, clips or thresholds stand in groups of their own, with the reason.

    Args:
        reports: JSON files that ``adafocus energy`` wrote.
        out: a page (.html), .csv or .json; the files with the other two endings are written beside it.
        as_json: print JSON.

    Raises:
        AdafocusError: a file is no report, no two can be compared, or ``out`` cannot be written; nothing is written.
    """
    if out is not None and out.suffix.lower() not in FORMS:
        raise AdafocusError(f"--out is {out}, expected a name that ends in {', '.join(FORMS)}. Choose another one.")
    places = [] if out is None else [out.with_suffix(ending) for ending in FORMS]
    check_outputs({f"--out {place}": place for place in places}, reports)
    groups = merged([(path, read_report(path)) for path in reports])
    for place in places:
        write_text(place, FORMS[place.suffix](groups))
    if as_json:
        options.print_json(as_dict(groups))
        return
    show(groups, Console(highlight=False))
    for place in places:
        click.echo(f"wrote {place}")


def show(groups: Sequence[Group], console: Console) -> None:
    """Print the table of every group."""
    for number, group in enumerate(groups, 1):
        console.print(escape(group_title(number, group)), style="bold")
        if group.apart:
            console.print(escape(group.apart), style="yellow", soft_wrap=True)
        (_, *head), cells = group_table(group, unit_of(*(entry.report for entry in group.entries)))
        for entry in group.entries:
            spoiled = group.first.meter is not None and not entry.report.publishable
            console.print(f"\n{escape(entry.device)}{' [red](not for publication)[/]' if spoiled else ''}")
            table = Table(*head, box=None, pad_edge=False)
            for device, *row in cells:
                if device == entry.device:
                    table.add_row(*map(escape, row))
            console.print(table)
        console.print()
