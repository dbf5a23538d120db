"""Write what the host costs, and what the policy saves against full frames, from ``results/device.yaml``."""

from __future__ import annotations

from docs.tools.table import Figures, decimals, section, source, table

PARTS_OF_POLICY = ("resize", "pixels", "glance", "policy", "select", "crop", "focus", "other")


def host_section(found: Figures) -> str:
    """Return the section on the share of the host in the shipped bundles."""
    rows = [
        (
            bundle["bundle"],
            decimals(bundle["full_ms"]),
            decimals(bundle["exit_ms"]),
            decimals(bundle["exit_over_glance_percent"]),
            decimals(100 * bundle["host_share"]),
            decimals(100 * bundle["host_share_with_resizing"]),
        )
        for bundle in found["bundles"]
    ]
    titles = ("bundle", "ms", "ms of an exit", "exit over glance, %", "host, %", "host with resizing, %")
    return section(
        "What the host costs in the shipped bundles",
        f"One run on a machine that does nothing else, {found['bundles'][0]['clips']} clips, {found['threads']} "
        "threads. The wish is 2 % over the glance, 5 % for the host and 10 % with resizing.",
        table(titles, rows),
        source("device.yaml", "python -m benchmarks.exit_curve BUNDLE ... --clips ucf6.csv"),
    )


def full_frame_section(runs: list[Figures], sizes: Figures) -> str:
    """Return the section on the same networks on full frames; ``runs`` are of a large and of a small glance."""
    presets = [f"`{run['preset']}`" for run in runs]
    rows = [
        (
            form,
            *(cell for run in runs for cell in (decimals(run["gmac"].get(form), 2), decimals(run["median_ms"][form]))),
        )
        for form in runs[0]["median_ms"]
    ]
    ratios = [(name, *(decimals(run["ratios"][name], 2) for run in runs)) for name in runs[0]["ratios"]]
    lost = [(name, *(decimals(run["lost"][name]) for run in runs)) for name in runs[0]["lost"]]
    parts = [(part, *(decimals(run["parts_ms"]["policy, int8"][part], 2) for run in runs)) for part in PARTS_OF_POLICY]
    return section(
        "Against the same two networks on full frames",
        f"{' and '.join(presets)}, whose glance sees 224 and 160 px, random weights, {runs[0]['threads']} threads, "
        "from decoded frames to the prediction. The pair on full frames sees 224 px twice.",
        table(("form", *(f"{preset}, {unit}" for preset in presets for unit in ("GMAC", "ms"))), rows),
        table(("ratio", *presets), ratios),
        "Milliseconds of the form with a policy, by part, and where the time goes that the ratio of GMAC promises:",
        table(("part", *presets), parts),
        table(("milliseconds", *presets), lost),
        "What a glance of 160 px costs in accuracy: "
        f"{sizes['note']} Percent of the clips right whose group was left out:",
        table(
            ("clips", "classes", "of", "160 px", "224 px"),
            [(of["clips"], of["classes"], of["set"], decimals(of["160"]), decimals(of["224"])) for of in sizes["sets"]],
        ),
        source("device.yaml", runs[0]["command"]),
    )
