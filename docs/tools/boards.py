"""Write the section on the page of a camera: from ``results/boards.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, decimals, section, source, table

FILE = "boards.yaml"


def board_sections(found: Figures) -> Iterator[str]:
    """Yield the sections of what was measured."""
    yield _clients(found["clients"])


def _clients(found: Figures) -> str:
    looked, memory = found["clients"], found["memory"]
    times = [
        (
            title,
            f"{found['seconds'][key]:.0f} s",
            one["answers"],
            one["late"],
            *(decimals(one["latency_ms"][name]) for name in ("p50", "p90", "p99", "max")),
        )
        for key, title in (("nobody_looks", "nobody looks"), ("three_clients", "three look, one takes nothing"))
        for one in (found["answers"][key],)
    ]
    first, last, most = (decimals(value) for value in memory["resident_mb_first_last_most"])
    pictures = " and ".join(decimals(value) for value in looked["pictures_a_second"])
    gaps = " and ".join(decimals(value, 2) for value in looked["longest_without_picture_s"])
    rows = [
        ("wanted frames missed", found["frames"]["missed"]),
        ("memory after the first minute: first, last, most", f"{first}, {last}, {most} MB"),
        ("its slope", f"{memory['slope_kb_a_minute']:.0f} kB a minute"),
        ("threads: first, last, most", "{}, {}, {}".format(*memory["threads_first_last_most"])),
        ("open files: first, last, most", "{}, {}, {}".format(*memory["open_files_first_last_most"])),
        ("pictures a second, of the two who take them", pictures),
        ("longest time without a picture", f"{gaps} s"),
        ("connections of the one who takes nothing", looked["stalled_connections"]),
        ("from SIGTERM to the end; exit code", f"{found['sigterm']['took_s']:.2f} s; {found['sigterm']['exit_code']}"),
    ]
    return section(
        "Three look, one takes nothing",
        f"The program of a Raspberry Pi, with `{found['source']['clip']}` served as a network camera at "
        f"{found['source']['fps']:g} frames/s, on 2 processors of an x86-64 machine that others worked on (load "
        f"{found['load_before'][0]:g} before and {found['load_after'][0]:g} after). Latency is the time from a frame's "
        "arrival to the answer, in ms.",
        table(("", "length", "answers", "late", "p50", "p90", "p99", "most"), times),
        table(("", "measured"), rows),
        source(FILE, found["command"]),
    )
