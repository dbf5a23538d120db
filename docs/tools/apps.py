"""Write the sections on the apps: from ``results/web.yaml`` and ``results/apps.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, decimals, section, source, table

WEB, KOTLIN = "web.yaml", "apps.yaml"


def web_sections(found: Figures) -> Iterator[str]:
    """Yield the section of what the page in a browser gave and took, a row for each bundle."""
    rows = [
        (
            f"`{name}`",
            f"{one['answers']['equal']} of {one['answers']['videos']}",
            *(decimals(one["networks_of_a_clip"][key]["min_ms"]) for key in TIMED),
            decimals(one["networks_of_a_clip"]["page_over_native"], 2),
            f"{100 * one['networks_of_a_clip']['two_threads_over_one']:.0f} %",
            decimals(one["eight_patches"]["typescript"]["min_ms"], 2),
            decimals(one["eight_patches"]["python"]["min_ms"], 2),
        )
        for name, one in found.items()
    ]
    others = {name: of for one in found.values() for name, of in one["answers"]["others"].items()}
    yield section(
        "A page in a browser",
        "Videos are opened by the page. An answer is equal where label, frames, boxes, the pixels of the patches and "
        "all logits are those of Python. Times are the smallest of many turns, for the networks of one clip; the last "
        f"two columns are for cutting eight patches. {next(iter(found.values()))['browser']}. The answers "
        "were taken on a shared machine, the times on one with nothing else to do.",
        table(
            (
                "bundle", "equal answers", "LiteRT, 1 thread, ms", "page, 1 thread, ms", "page, 2 threads, ms",
                "page over LiteRT", "two threads of one", "patches, ms", "in Python, ms",
            ),
            rows,
        ),
        f"Other answers: {'; '.join(f'`{name}`, {_why(of)}' for name, of in others.items())}.",
        source(WEB, "python -m benchmarks.apps.web BUNDLE VIDEO ... --out results/web.yaml"),
    )  # fmt: skip


TIMED = ("native_1_thread", "page_1_thread", "page_2_threads")


def _why(other: Figures | str) -> str:
    """Say in what an answer differs, or that the page gave none."""
    return "refused in a sentence" if isinstance(other, str) else f"other {', '.join(other['differs'])}"


def kotlin_sections(found: Figures) -> Iterator[str]:
    """Yield the section of how long Kotlin takes for patches."""
    one = found["kotlin"]
    rows = [
        (name, decimals(one[key]["min_ms"], 2), decimals(one[key]["median_ms"], 2))
        for name, key in (("Kotlin on Java", "kotlin"), ("Python, before", "python_before"), ("after", "python_after"))
    ]
    yield section(
        "Patches in Kotlin",
        f"{one['patches']} patches of {one['patch_px']} pixels, cut in one run. The bytes are "
        f"{'the same' if one['same_bytes'] else 'not the same'}. Nobody has timed a phone.",
        table(("", "smallest, ms", "median, ms"), rows),
        source(KOTLIN, one["command"]),
    )
