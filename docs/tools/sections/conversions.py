"""Write the section on converted files: from ``results/conversions.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import NOTHING, Figures, decimals, section, source, table

FILE = "conversions.yaml"
RUNTIMES = {
    "litert": "LiteRT",
    "onnx": "ONNX Runtime",
    "executorch": "ExecuTorch",
    "coreml": "Core ML (evaluator)",
}
AS_TYPED = ("run", "quantize", "--version", "import adafocus")
STAGES = ("glance", "policy", "focus")
SHIPPED = "x3d-xs-xs-k400"
# how the benchmark begins what it says of a file that there was no time for
NOT_TRIED = "not tried"


def conversion_sections(figures: Figures) -> Iterator[str]:
    """Yield the sections on converted files."""
    yield _every_network(figures)
    yield _shipped(figures["files"])
    yield _commands(figures["commands"])


def _commands(found: Figures) -> str:
    rows = [
        (
            f"`{name}`" if name in AS_TYPED else name,
            decimals(row["before_s"], 2),
            decimals(row["now_s"], 2),
            f"{row['before_s'] / row['now_s']:.2f}",
            str(row.get("now_peak_mb", "")),
        )
        for name, row in found["commands"].items()
    ]
    return section(
        "Whole commands",
        f"Seconds from the start of the process to its end, `{found['model']}` for LiteRT, "
        f"{found['machine']['processors']} cores of an x86-64 machine that does nothing else, by the version of today "
        "and by one before. Both exports were a run of their own beside an older version, on a day when the machine "
        "took half as long again. An export converts and verifies; "
        "stages that did not change since an earlier one are taken from its cache. `quantize` calibrates scales on "
        f"{found['calibration_clips']} clips and compares on the same. `run` recognizes one video of 7 s. Memory is "
        "the most that all processes of a command hold at once.",
        table(("command", "before, s", "now, s", "ratio", "MB"), rows),
        source(FILE, found["command"]),
    )


def _every_network(figures: Figures) -> str:
    files: dict[tuple[str, str], list[Figures]] = {}
    for file in figures["files"]:
        files.setdefault((file["preset"], file["asked"]), []).append(file)
    clips: dict[tuple[str, str], list[Figures]] = {}
    for row in figures["agreement"]:
        clips.setdefault((row["preset"], row["precision"]), []).append(row)
    rows = [
        (
            preset,
            precision,
            *(_difference([one for one in group if one["runtime"] == runtime], precision) for runtime in RUNTIMES),
            _delegates([one for one in group if one["runtime"] == "litert"]),
            _agreement(clips[preset, precision]),
        )
        for (preset, precision), group in sorted(files.items())
    ]
    return section(
        "Every network in every runtime",
        "The largest difference between a runtime's files and the trained program, on real clips. `int8`: steps of the "
        "output's scale. `fp32`: relative to the largest value. The policies of these int8 bundles were float32. Core "
        "ML does not run on Linux: an evaluator computes its package, operation by operation.",
        table(
            ("network", "type", *RUNTIMES.values(), "LiteRT delegates a stage", "clips with the same label and frames"),
            rows,
        ),
        "Networks without trained weights have random ones. Some rows were measured before the policy took fewer "
        "multiplications, and before products and means got scales without exact halves.",
        source(FILE, "python -m benchmarks.matrix --clips CLIPS.csv --model MODEL --out results/conversions.yaml"),
    )


def _difference(files: list[Figures], precision: str) -> str:
    if not files or any(file["state"] == "failed" for file in files):
        return "failed" if files else ""
    if precision == "int8":
        steps = max(file["steps"] for file in files if file["steps"] is not None)
        return f"{steps} steps"
    return f"{max(file['relative'] for file in files):.0e}"


def _delegates(files: list[Figures]) -> str:
    by_stage = {file["stage"]: file["delegates"] for file in files}
    return ", ".join(str(by_stage[stage]) for stage in STAGES)


def _agreement(rows: list[Figures]) -> str:
    clips = min(row["clips"] for row in rows)
    same = min(min(row["same_label"], row["same_frames"]) for row in rows)
    return f"{same} of {clips}"


def _shipped(files: list[Figures]) -> str:
    rows = [
        (
            stage,
            file["precision"],
            f"{file['bytes'] / 1e6:.2f}",
            f"{file['gmac']:.3f}",
            file["delegates"],
            f"{100 * file['delegated_macs']:.0f} %",
            file["ms_1"],
            file["ms_2"],
        )
        for stage in STAGES
        for file in files
        if (file["preset"], file["asked"], file["runtime"], file["stage"]) == (SHIPPED, "int8", "litert", stage)
    ]
    return section(
        "The shipped model in LiteRT, stage by stage",
        table(("stage", "type", "MB", "GMAC", "delegates", "GMAC inside", "ms, 1 thread", "ms, 2 threads"), rows),
        source(FILE),
    )


def peers_section(found: Figures) -> str:
    """Return the section on files of stock converters and published models, from ``results/peers.yaml``."""
    tried = [one for one in found["rows"] if not one["said"].startswith(NOT_TRIED)]
    order = [one["network"] for one in tried]
    rows = [
        (
            one["network"],
            one["by"],
            one["precision"],
            decimals(one["ms"]),
            decimals(one["times_ours"], 2),
            decimals(one["mb"]),
            decimals(one["top1_percent"]),
            NOTHING if one["same_label"] is None else one["same_label"],
            _missing(one),
        )
        for one in sorted(tried, key=lambda one: (order.index(one["network"]), one["ms"] or float("inf")))
    ]
    head = ("network", "made by", "precision", "ms", "over ours", "MB", "top-1 %", "label of float", "what is missing")
    load, stock = found["load"], [one for one in tried if one["kind"] == "stock"]
    left = len(found["rows"]) - len(tried)
    return section(
        "Beside stock converters and published models",
        f"Threads: {found['threads']}, of an {found['machine']['processor']}. Everything takes turns in one run; the "
        f"load of the machine was {load['before']:.1f} before and {load['after']:.1f} after. Where that is above 1, "
        "read ratios, not milliseconds. Times are of a clip whose input is ready, from there to the logits; of the "
        "whole bundle, from decoded frames to the prediction; of MoViNet, of one frame.",
        f"Top-1 is over 400 labels on the {found['clips']} validation clips of `{found['clip_list']}`. Every form of "
        "X3D-XS has the same published weights and sees the same 4 frames, the centre square of each; all int8 forms "
        f"were calibrated on the same {found['calibration_clips']} training clips. The bundle is another model: its "
        "X3D-XS was trained further, and its settings were chosen on these clips. Label of float is the number of "
        "clips that get the label of the float network in PyTorch.",
        table(head, rows),
        *(_against_stock(name, stock) for name in dict.fromkeys(one["network"] for one in stock)),
        *([f"{left} more files were not tried, as the time of this run was over."] if left else []),
        source("peers.yaml", found["command"]),
    )


def _missing(one: Figures) -> str:
    said = one["said"].replace("|", "/")
    return said if one["ms"] is not None else f"Not measured: {said}."


def _against_stock(network: str, stock: list[Figures]) -> str:
    """Say how many stock files of a network run, and how long they take beside ours."""
    asked = [one for one in stock if one["network"] == network]
    run = [one for one in asked if one["ms"] is not None]
    ratios = [(one["precision"], one["times_ours"]) for one in run if one["times_ours"] is not None]
    fastest = (
        f"the fastest in {precision} takes {min(ratio for kind, ratio in ratios if kind == precision):.2f} times as "
        "long as ours in int8"
        for precision in dict.fromkeys(kind for kind, _ in ratios)
    )
    return f"{network}: {'; '.join((f'{len(run)} of {len(asked)} stock files run', *fastest))}."
