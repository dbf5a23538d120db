"""Write the section on converted files: from ``results/conversions.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, section, source, table

FILE = "conversions.yaml"
RUNTIMES = {
    "litert": "LiteRT",
    "onnx": "ONNX Runtime",
    "executorch": "ExecuTorch",
    "coreml": "Core ML (evaluator)",
}
STAGES = ("glance", "policy", "focus")
SHIPPED = "x3d-xs-xs-k400"


def conversion_sections(figures: Figures) -> Iterator[str]:
    """Yield the sections on converted files."""
    yield _every_network(figures)
    yield _shipped(figures["files"])


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
