"""Write one section of results from what ``adafocus evaluate`` measured and ``benchmarks.summary`` kept."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import ROOT, Figures, decimals, interval, points, section, source, table

FILE = "accuracy.yaml"
# runs on the planted set
PLANTED = {
    "planted_median": "change from the median of all candidates (`change_from: median`)",
    "planted_previous": "change from the previous candidate",
}
COMMAND = "adafocus evaluate BUNDLE CLIPS.csv --split {split} --out evaluation.yaml"


def is_evaluation(found: Figures) -> bool:
    """Return whether figures are of an evaluation that says what its clips are for, or of several seeds of one."""
    return "protocol" in found or ("runs" in found and all("protocol" in run for run in found["runs"]))


def evaluation_section(found: Figures) -> str:
    """Return the section on one evaluation, or on the seeds of one recipe; the first seed stands for all tables."""
    runs = found.get("runs", [found])
    first = runs[0]
    on = first["measured_on"]
    paragraphs = [
        f"{first['clips']} clips of {first['groups']} groups, {first['classes']} labels, {on['precision']} on "
        f"{on['runtime']}, {on['threads']} thread{'s' if on['threads'] > 1 else ''}. {protocol(first['protocol'])}",
        table(("where the focus looks", "top-1 %", "95 % interval", "ahead by", "GMAC", "ms"), _ways(first)),
        f"Ahead by: points of top-1 by which {first['policy']} is ahead, paired clip by clip. Two best labels are "
        f"equal in {first['ties']['final']} clips.",
    ]
    if len(runs) > 1:
        paragraphs += [table(("where the focus looks", *_seeds(runs), "mean"), _over_seeds(found, runs))]
    against = first["plain"]["against"]
    if against:
        paragraphs += ["The plain network on whole frames, where it costs the same:"]
        paragraphs += [table(("at", "cost", "top-1 %", "plain top-1 %", "ahead by"), map(_against, against))]
    own = [point for point in first["plain"]["points"] if point["frames"]]
    if own:
        paragraphs += ["The plain network by itself, on more and larger frames (`--baseline`):"]
        paragraphs += [table(("frames", "run in", "GMAC", "ms", "top-1 %", "95 % interval"), map(_view, own))]
    if "detection" in first:
        paragraphs += list(_detection(first["detection"]))
    clips = on["clip_list"].rpartition(".")[0] or on["clip_list"]
    picture = f"plots/{on['model']}_{clips}.png"
    if (ROOT / "results" / picture).exists():
        paragraphs += [f"![Accuracy against GMAC and milliseconds, beside the plain network]({picture})"]
    title = f"{on['model']} on {clips}, {on['split']}"
    return section(title, *paragraphs, source(FILE, COMMAND.format(split=on["split"])))


def _view(point: Figures) -> tuple[str, ...]:
    """Return a row on one number and size of frames."""
    return (
        f"{point['frames']} of {point['size_px']} px",
        point["run_in"],
        decimals(point["gmac"], 3),
        decimals(point["ms"]),
        decimals(point["top1_percent"]),
        interval(point["top1_interval"]),
    )


def are_folds(found: Figures) -> bool:
    """Return whether figures are of all folds of one recipe together."""
    return "folds" in found


def folds_section(name: str, found: Figures) -> str:
    """Return the section on all folds of one recipe; ``name`` is its key."""
    ahead = {row["against"]: row for row in found["differences"]}
    rows = [
        (
            f"**{way}**" if way == found["policy"] else way,
            decimals(row["top1_percent"]),
            interval(row.get("top1_interval")),
            decimals(row.get("balanced_percent")),
            _ahead(ahead[way]) if way in ahead else "",
            ", ".join(decimals(value) for value in row["each"]),
            decimals(row["gmac"], 3),
        )
        for way, row in found["ways"].items()
    ]
    on = found["measured_on"]
    return section(
        f"{name.removesuffix('_folds').replace('_', '-')}, in folds",
        f"{found['clips']} clips of {found['groups']} groups in {found['folds']} folds by group, {on['precision']} on "
        f"{on['runtime']}. Every clip is answered by a model whose layers were fitted to the other folds. "
        f"{found['note']}",
        table(
            ("where the focus looks", "top-1 %", "95 % interval", "balanced %", "ahead by", "each fold", "GMAC"), rows
        ),
        f"Ahead by: points of top-1 by which {found['policy']} is ahead, paired clip by clip.",
        source(FILE, "python -m benchmarks.summary results/accuracy.yaml KEY FOLD.yaml ..."),
    )


def planted_section(found: Figures) -> str:
    """Return the section on clips that are planted in busy videos; ``found`` has the runs of one set by their keys."""
    first = next(iter(found.values()))
    ways = [row["row"] for row in first["rows"]]
    rows = [
        (
            f"**{way}**" if way == first["policy"] else way,
            *(cell for one in found.values() for cell in _planted(one, way)),
        )
        for way in ways
    ]
    titles = [cell for key in found for cell in (f"{key.rpartition('_')[2]}, top-1 %", "ahead of centred by")]
    shares = [
        (
            PLANTED[key],
            decimals(one["share_of_oracle_boxes_percent"], 0),
            interval(one["share_of_oracle_boxes_interval"]),
            decimals(one["share_of_oracle_percent"], 0),
            interval(one["share_of_oracle_interval"]),
        )
        for key, one in found.items()
    ]
    looks = first["looks"]
    return section(
        "Clips planted in busy videos",
        f"{first['clips']} clips of {first['groups']} groups, each shown for a while in a part of a longer video of "
        f"four others side by side. The weights of the default model, with {looks['focus_frames']} of "
        f"{looks['candidate_frames']} candidates and boxes of {looks['box_min']:g} of the short side (recipe "
        "`x3d-xs-frame-k400-search.yaml`), int8 on litert. No policy was trained for it.",
        table(("where the focus looks", *titles), rows),
        "The oracle knows where and when the clip is; oracle boxes know where, on frames that are spread evenly. What "
        "a policy gains over centred boxes, in percent of what they gain:",
        table(("policy", "of oracle boxes", "95 % interval", "of the oracle", "95 % interval"), shares),
        source(FILE, first["command"]),
    )


def _planted(found: Figures, way: str) -> tuple[str, str]:
    row = next(row for row in found["rows"] if row["row"] == way)
    ahead = f"{points(row['against_centred'])} ({interval(row['against_centred_interval'], signed=True)})"
    return decimals(row["top1_percent"]), ahead


def protocol(found: Figures) -> str:
    """Say what the clips are for, and of a test when it was run and how often."""
    if found["kind"] != "test":
        return f"These are {found['kind']} clips: recipes and thresholds may have been chosen on them."
    times = "once" if found["by_this_model"] == 1 else f"{found['by_this_model']} times"
    when = f"{found['date']}, commit `{found['commit'][:12]}`"
    return f"A test: nothing was chosen on these clips. Run {times} with this model, {when}."


def _ways(found: Figures) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the first table."""
    ahead = {row["against"]: row for row in found["differences"]}
    for name, way in found["ways"].items():
        yield (
            f"**{name}**" if name == found["policy"] else name,
            decimals(way["top1_percent"]),
            interval(way["top1_interval"]),
            _ahead(ahead[name]) if name in ahead else "",
            decimals(way["gmac"], 3),
            decimals(way["ms"]),
        )


def _seeds(runs: list[Figures]) -> list[str]:
    """Name the runs."""
    return [f"seed {number + 1}" for number in range(len(runs))]


def _over_seeds(found: Figures, runs: list[Figures]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table over seeds."""
    for name, over in found["top1_percent_over_runs"].items():
        each = [decimals(run["ways"][name]["top1_percent"]) for run in runs]
        yield (name, *each, f"{decimals(over['mean'])} ({interval(over['interval_over_groups'])})")


def _against(row: Figures) -> tuple[str, ...]:
    """Return one row of the table against the plain network."""
    return (
        row["at"],
        f"{row['cost']:.4g} {row['unit']}",
        decimals(row["top1_percent"]),
        decimals(row["plain_percent"]),
        _ahead(row),
    )


def _ahead(row: Figures) -> str:
    """Return a difference with its interval."""
    ends = interval(row["interval"], signed=True)
    return f"{points(row['points'])} ({ends})" if ends else points(row["points"])


def _detection(found: Figures) -> Iterator[str]:
    """Yield the table of detecting one label, and what its last column rests on."""
    rows = [
        (
            name,
            decimals(row.get("balanced_percent")),
            interval(row.get("balanced_interval")),
            decimals(row.get("auc"), 3),
            decimals(row["recall_percent"]),
        )
        for name, row in found["ways"].items()
    ]
    titles = ("where the focus looks", "balanced accuracy %", "95 % interval", "ROC AUC", "recall % at 1 false alarm/h")
    yield f"Detecting {found['positive']}, every clip one decision:"
    yield table(titles, rows)
    hours, allowed = found["hours_of_others"], found["false_alarms_allowed"]
    if hours is not None:
        yield f"The clips without {found['positive']} last {decimals(hours, 2)} h, which allow {allowed} false alarms."
