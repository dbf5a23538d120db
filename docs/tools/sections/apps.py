"""Write the sections on the apps: from ``results/web.yaml`` and ``results/apps.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.table import Figures, decimals, section, source, table

WEB, APPS = "web.yaml", "apps.yaml"


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


def patch_sections(found: Figures) -> Iterator[str]:
    """Yield the section of how long the languages of phones take for patches, each beside Python in one run."""
    rows = [
        (
            shown,
            *(decimals(found[name][key][figure], 2) for key in (name, *PYTHON) for figure in ("min_ms", "median_ms")),
        )
        for name, shown in LANGUAGES.items()
        if name in found
    ]
    one = found["kotlin"]
    same = all(of["same_bytes"] for of in found.values())
    yield section(
        "Patches in Kotlin and Swift",
        f"{one['patches']} patches of {one['patch_px']} pixels, cut in one run with Python before and after, in ms: "
        f"the smallest time and the median. The bytes are {'the same' if same else 'not the same'}. Nobody has timed a "
        "phone.",
        table(("", "smallest", "median", "Python before", "median", "Python after", "median"), rows),
        source(APPS, "; ".join(found[name]["command"] for name in LANGUAGES if name in found)),
    )


LANGUAGES = {"kotlin": "Kotlin on Java", "swift": "Swift on Linux"}
PYTHON = ("python_before", "python_after")
