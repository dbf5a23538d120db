"""Write the sections on accuracy: from ``results/other_groups.yaml`` and ``results/accuracy.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

from docs.tools.sections.evaluation import (
    FILE,
    PLANTED,
    are_folds,
    evaluation_section,
    folds_section,
    is_evaluation,
    planted_section,
)
from docs.tools.table import Figures, decimals, interval, points, section, source, table

# rows of the tables, by the names that adafocus evaluate gives them
ABLATIONS = {
    "glance alone": "glance alone",
    "learned policy": "glance and focus, learned policy",
    "centred and uniform": "centered boxes, uniform frames",
    "centred boxes": "centered boxes, learned frames",
    "random boxes": "random boxes, learned frames",
    "fixed boxes": "boxes of the patch's own size",
    "whole frames": "whole frames in place of boxes",
    "uniform frames": "learned boxes, uniform frames",
    "random frames": "learned boxes, random frames",
}
LEARNED, BASELINE = "learned policy", "float on whole frames"
TODAY = "top-1 % today"
BEFORE = (
    "Today the device puts boxes on whole pixels. All columns that do not say so were measured before that, with boxes "
    "on 1/512 of the frame and a policy of 0.02 to 0.06 GMAC more. The learned policy moved by no more than one clip."
)
UCF6 = "ucf6_x3d_xs_xs_k400"
JHMDB = "jhmdb_x3d_xs_xs"
SEEDS = (1, 2, 3)
BESIDE_FLOAT = ("float32 top-1 %", "int8 top-1 %", "same label %", "divergence, nats")


def accuracy_sections(figures: Figures, elsewhere: Figures) -> Iterator[str]:
    """Yield the sections on accuracy."""
    today = {run["of"]: run for run in figures["boxes_of_whole_pixels"]["runs"]}
    yield other_groups(elsewhere)
    yield from (evaluation_section(found) for found in figures.values() if is_evaluation(found))
    yield from (folds_section(key, found) for key, found in figures.items() if are_folds(found))
    yield planted_section({key: figures[key] for key in PLANTED})
    yield _ucf6(figures[UCF6], today[UCF6])
    yield _int8(figures[f"{UCF6}_int8_against_float"], today)
    yield _symmetric(figures["x3d_xs_frame_k400_symmetric_grids"])
    yield _trained(figures["x3d_xs_frame_k400_trained_in_int8"])
    yield _jhmdb(figures[JHMDB], [today[f"{JHMDB} seed {seed}"] for seed in SEEDS])
    yield _exits(figures[f"{JHMDB}_exits_on_unseen_groups"])
    yield _what_counts(figures)
    yield _mobilenet(figures["jhmdb_tsm_mbv2_mbv2"], today["jhmdb_tsm_mbv2_mbv2"])


def other_groups(found: Figures) -> str:
    """Return the section on clips that nobody tuned on."""
    rows = [(row["network"], decimals(row["top1_percent"]), f"{row['gmac']:g}") for row in found["rows"]]
    return section(
        "On clips of other groups: the policy does not pay yet",
        f"{found['clips']} clips of {found['classes_shown']}, {found['labels']} labels to choose from. The groups are "
        f"{found['groups']}. The figures were {found['note']}.",
        table(("network", "top-1 %", "GMAC"), rows),
        "At equal cost the plain network on whole frames is better than the shipped model with its learned policy.",
        source("other_groups.yaml"),
    )


def _ucf6(found: Figures, today: Figures) -> str:
    right = today["top1_percent"]
    against = {row["against"]: row for row in found["differences"]}
    titles = {**ABLATIONS, BASELINE: "X3D-XS, float32, 16 whole frames at 160 px"}
    rows = [
        (
            title,
            decimals(right.get(name)),
            decimals(found["ways"][name]["top1_percent"]),
            interval(found["ways"][name]["top1_interval"]),
            _ahead(against, name),
            _gmac(found, name),
        )
        for name, title in titles.items()
    ]
    ahead = today["ahead_of_centred_and_uniform"]
    return section(
        "x3d-xs-xs-k400 on six classes of UCF-101",
        f"{found['clips']} clips of {found['groups']} source videos, {found['classes']} labels, int8 on LiteRT. Other "
        "videos of these six classes were among the training clips, without their labels, so these figures flatter the "
        "policy. The last row is the teacher.",
        table(
            ("ablation", TODAY, "top-1 % before", "95 % interval", "learned policy ahead by", "GMAC"),
            rows,
        ),
        f"{BEFORE} Differences are in points, paired clip by clip, with their 95 % interval. Today the learned "
        f"policy is {points(ahead['points'])} points ahead of centered boxes and uniform frames "
        f"({interval(ahead['interval'], signed=True)}).",
        "![Accuracy against GMAC and milliseconds](plots/accuracy_ucf6.png)",
        source(FILE, "adafocus evaluate BUNDLE CLIPS.csv --out evaluation.yaml"),
    )


def _ahead(against: dict[str, Figures], name: str) -> str:
    row = against.get(name)
    return "" if row is None else f"{points(row['points'])} ({interval(row['interval'], signed=True)})"


def _gmac(found: Figures, name: str) -> str:
    return decimals(found["ways"][name]["gmac"], 3)


def _int8(found: Figures, today: dict[str, Figures]) -> str:
    rows = []
    for of, run in today.items():
        other = run["int8_against_float"]
        rows.append(
            (
                of.replace("_", "-").replace("ucf6-", "UCF-6, ").replace("jhmdb-", "J-HMDB, "),
                decimals(run["float_top1_percent"]),
                decimals(run["top1_percent"][LEARNED]),
                f"{points(other['points'])} ({interval(other['interval'], signed=True)})",
                decimals(other["same_label_percent"]),
                decimals(other["same_frames_percent"]),
            )
        )
    near = found["frames_within_one_candidate_percent"]["shipped"]
    trained = found["trained_in_int8"]["top1_percent"][LEARNED]
    return section(
        "What int8 costs",
        "The same checkpoint as a float32 bundle and as an int8 bundle, clip by clip.",
        table(
            ("model", "float32 top-1 %", "int8 top-1 %", "int8 ahead by", "same label %", "same frames %"),
            rows,
        ),
        f"Where the shipped model chooses another frame, it is nearly always the candidate beside it: {near} % "
        "of its frames are at most one candidate away. The same checkpoint trained 80 steps in int8 reaches "
        f"{decimals(trained)} % on UCF-6. It is not shipped: other videos of these classes were among its training "
        "clips, and elsewhere it is no nearer to float32.",
        source(FILE, "adafocus evaluate INT8_BUNDLE CLIPS.csv --compare float.yaml"),
    )


def _symmetric(found: Figures) -> str:
    rows = [_beside_float(grids, run) for grids, run in found["grids"].items()]
    clips, device = found["grids"]["symmetric"]["clips"], found["on_the_device"]
    return section(
        "Symmetric int8",
        "TensorRT takes int8 files whose zero points are 0, which `--grids symmetric` makes. The default model's "
        f"float32 network, quantized both ways with the same 60 clips, on {clips} validation clips of six classes.",
        table(("grids", *BESIDE_FLOAT), rows),
        f"A clip is {decimals(100 / clips, 2)} points. Symmetric grids cost nothing that these clips could show. Their "
        "predictions are a little further from those of float32. By the code of the device, in ONNX Runtime, the "
        f"symmetric model has {decimals(device['top1_percent']['both stages'])} %, and the shipped one, with "
        f"scales from other clips as well, {decimals(device['shipped_top1_percent']['both stages'])} % in LiteRT.",
        source(
            FILE, "adafocus quantize CHECKPOINT --clips CLIPS.csv --calibration-clips 60 --bound 100 --grids symmetric"
        ),
    )


def _trained(found: Figures) -> str:
    before, after = found["post_training"], found["quantization_aware"]
    return section(
        "Training in int8",
        f"The default model's float32 network, quantized with scales from {found['calibration_clips']} clips, and "
        f"trained {found['steps']} steps of {found['batch']} clips after that, in int8, towards its own float32 "
        f"predictions; on {before['clips']} validation clips of six classes.",
        table(
            ("int8", *BESIDE_FLOAT),
            [_beside_float("scales alone", before), _beside_float("trained in int8", after)],
        ),
        f"A clip is {decimals(100 / before['clips'], 2)} points. {found['note']}",
        source(FILE, "adafocus quantize CHECKPOINT --clips CLIPS.csv --calibration-clips 60 --bound 100 --steps 60"),
    )


def _beside_float(name: str, run: Figures) -> tuple[str, ...]:
    """Return a row on an int8 network beside its float32 one."""
    return (
        name,
        decimals(100 * run["float_right"]),
        decimals(100 * run["int8_right"]),
        decimals(100 * run["same_label"]),
        decimals(run["divergence"], 3),
    )


def _jhmdb(found: Figures, today: list[Figures]) -> str:
    runs, over = found["runs"], found["top1_percent_over_runs"]

    def row(name: str, title: str) -> tuple[str, ...]:
        each = [run["top1_percent"].get(name) for run in today]
        mean = None if None in each else sum(each) / len(each)
        before = over.get(name, {})
        ends = interval(before.get("interval_over_groups"))
        return (title, *map(decimals, each), decimals(mean), decimals(before.get("mean")), ends, _gmac(runs[0], name))

    rows = [row(*pair) for pair in ABLATIONS.items()]
    rows.append(row(BASELINE, "X3D-XS, float32, 8 whole frames at 160 px"))
    policy = next(row for row in found["differences_over_runs"] if row["against"] == "centred and uniform")
    looks = found["runs"][0]["looks"]
    return section(
        "x3d-xs-xs-jhmdb on J-HMDB",
        f"21 actions, {found['runs'][0]['clips']} clips of {found['runs'][0]['groups']} groups that no network was "
        "trained on. Three seeds of the recipes, int8 on LiteRT; seed 1 is the model that is shipped. The recipes were "
        "found by looking at these same clips, after about a dozen earlier runs. Expect somewhat less on other clips.",
        table(
            ("ablation", *(f"seed {seed}" for seed in SEEDS), "mean today", "mean before", "95 % interval", "GMAC"),
            rows,
        ),
        BEFORE,
        f"Against centered boxes and uniform frames the policy is worth {decimals(policy['points'])} points "
        f"(paired, {interval(policy['interval'], signed=True)}). Its box is the same for every clip and nearly "
        f"as large as it may be ({looks['sides_percent']} % of the frame's sides). These clips last a second, are cut "
        "to their action, and the actor fills them: there is nothing to leave out.",
        "![Accuracy against GMAC and milliseconds](plots/accuracy_jhmdb.png)",
        source(FILE, "adafocus evaluate BUNDLE CLIPS.csv --out evaluation.yaml"),
    )


def _exits(found: Figures) -> str:
    lost = found["points_lost_by_budget_of_each_seed_and_mean"]
    rows = [(budget, *(points(-value) for value in values)) for budget, values in lost.items()]
    return section(
        "Exits on groups that were left out",
        "What the J-HMDB models gain or lose, in points, when thresholds hold a mean budget. Thresholds were fitted "
        "without the groups they are measured on. The first budget is half the cost of the full path.",
        table(("budget", *(f"seed {seed}" for seed in SEEDS), "mean"), rows),
        source(FILE, "adafocus calibrate BUNDLE CLIPS.csv --split val --budget 1.291GMAC --json"),
    )


def _what_counts(figures: Figures) -> str:
    linear = figures["jhmdb_linear_classifiers"]
    whole = [(f"whole frames, {size}", value) for size, value in linear["whole_frames"].items()]
    boxes = [(f"centered box, {size}", value) for size, value in linear["centred_box_of_256_px"].items()]
    sums = [(f"both: {name}", value) for name, value in linear["sums"].items()]
    views = figures["jhmdb_x3d_xs_views"]["top1_percent"]
    return section(
        "Pixels count more than places on J-HMDB",
        "Linear classifiers on frozen features of the published X3D-XS, 645 clips, five folds by group:",
        table(("what the network sees", "top-1 %"), [*whole, *boxes, *sums]),
        "The trained baseline under other views than it was trained for, two seeds and the sum of both:",
        table(
            ("view", "seeds", "sum"),
            [(view, ", ".join(map(str, row["seeds"])), row["sum"]) for view, row in views.items()],
        ),
        source(FILE),
    )


def _mobilenet(found: Figures, today: Figures) -> str:
    titles = {**ABLATIONS, BASELINE: "MobileNetV2-TSM, float32, 8 whole frames"}
    rows = [
        (
            title,
            decimals(today["top1_percent"].get(name)),
            decimals(found["ways"][name]["top1_percent"]),
            interval(found["ways"][name]["top1_interval"]),
            _gmac(found, name),
        )
        for name, title in titles.items()
    ]
    return section(
        "tsm-mbv2-mbv2-jhmdb on J-HMDB",
        "The same clips, two MobileNetV2 with temporal shifts, for phones without X3D's layers. ImageNet features of "
        "single frames and 503 clips carry no further.",
        table(("ablation", TODAY, "top-1 % before", "95 % interval", "GMAC"), rows),
        BEFORE,
        source(FILE),
    )
