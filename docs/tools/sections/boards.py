"""Write the sections on boards: the page of a camera, engines, accelerators. From ``results/boards.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, decimals, section, source, table

FILE = "boards.yaml"


def board_sections(found: Figures) -> Iterator[str]:
    """Yield the sections of what was measured."""
    yield _clients(found["clients"])
    yield _engines(found["parser"])
    yield _accelerators(found["accelerators"])


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


def _engines(found: Figures) -> str:
    rows = [
        (
            name,
            row["precision"],
            f"{row['taken']} of {row['nodes']}",
            decimals(row.get("build_s")),
            decimals(row.get("processor_s")),
            decimals(row["engine_bytes"] / 1e6) if "engine_bytes" in row else "",
        )
        for name, row in found["graphs"].items()
    ]
    refused = sorted({sentence.split(". ")[0] for row in found["graphs"].values() for sentence in row["refusals"]})
    return section(
        "Engines",
        f"What NVIDIA's own parser takes of ONNX graphs, and how long its builder needs for an engine for compute "
        f"capability {found['capability']}, which is no Jetson's: {found['library']}, without a graphics processor, on "
        f"2 processors that others worked on (load {found['load'][0]:g}). Nobody has run these engines.",
        table(("graph", "precision", "nodes taken", "build, s", "processor time, s", "engine, MB"), rows),
        f"The usual int8 graphs are refused: {'; '.join(refused)}.",
        source(FILE, found["command"]),
    )


def _accelerators(found: Figures) -> str:
    rows = []
    for name, one in found["bundles"].items():
        for stage, away in one["stages"].items():
            if stage != "policy":
                steps = away["steps"] if "other_integers_percent" in away else ""
                floats = f"{away['relative']:.1e}" if away["relative"] else ""
                rows.append((name, stage, one["precision"], steps, floats, _agreed(one)))
        policy = one["policy_on_the_accelerator"]
        if policy is not None:
            rows.append((name, "policy", "fp32", "", f"{policy['relative']:.1e}", ""))
    places = sorted({place for one in found["bundles"].values() for place in one["ran_on"].values() if place != "CPU"})
    return section(
        "On a graphics processor",
        f"The same files on the accelerator `{found['accelerator']}` of {found['runtime']} and on the processor: "
        f"{'; '.join(places)}. That is a device in software, so nothing is said of time. Each stage got equal inputs; "
        f"labels are those of whole clips of `{found['clip_list']}`, validation split. In use the policy stays on the "
        "processor; here it ran on the accelerator, too.",
        table(("bundle", "stage", "precision", "int8 steps", "floats, relative", "same label"), rows),
        source(FILE, found["command"]),
    )


def _agreed(one: Figures) -> str:
    return f"{one['same_label']} of {one['clips']} clips"
