"""The plain network's own curve: what no cheaper one is as good as, and mixes of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adafocus.calibration.datasets import LabeledClip
from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.evaluation.plain import PlainPoint, frontier, hits_at_cost
from adafocus.calibration.predictions.ablations import PLAIN
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.helpers.numpy_bundle import LABELS, MACS, NumpyOpener, numpy_bundle


def point(gmac: float, *hits: float) -> PlainPoint:
    share = 100 * float(np.mean(hits))
    return PlainPoint({"gmac": gmac, "ms": 10 * gmac, "top1_percent": share}, np.array(hits))


POINTS = [
    point(2.0, 1, 1, 1, 0),
    point(0.5, 1, 0, 0, 0),
    point(1.0, 0, 0, 0, 0),
    point(1.5, 0, 1, 1, 0),
    point(4.0, 1, 1, 1, 0),
]


def test_what_a_cheaper_network_is_as_good_as_is_not_on_the_curve() -> None:
    assert frontier([one.row for one in POINTS], "gmac") == [1, 3, 0]
    assert frontier([one.row for one in POINTS], "ms") == [1, 3, 0]
    assert frontier([], "gmac") == []


@pytest.mark.parametrize(
    ("cost", "wanted"),
    [
        (0.5, [1, 0, 0, 0]),
        (1.0, [0.5, 0.5, 0.5, 0]),
        (1.5, [0, 1, 1, 0]),
        (1.75, [0.5, 1, 1, 0]),
        (2.0, [1, 1, 1, 0]),
        (9.0, [1, 1, 1, 0]),
        (0.49, None),
    ],
)
def test_between_two_networks_lies_their_mix_and_beyond_the_last_the_curve_is_level(
    cost: float, wanted: list[float] | None
) -> None:
    found = hits_at_cost(POINTS, "gmac", cost)
    assert (found if found is None else found.tolist()) == wanted


def test_without_a_single_network_there_is_nothing_to_compare_with() -> None:
    assert hits_at_cost([], "gmac", 1.0) is None


def test_the_bundle_s_own_networks_are_the_plain_curve_by_default(recognizer: Recognizer, clip_list: Path) -> None:
    plain = evaluate_bundle(recognizer, Request(clip_list, "val", ablations=False)).figures["plain"]
    assert [(row["name"], row["on_device"], row["run_in"]) for row in plain["points"]] == [
        ("glance alone", True, "litert, fp32"),
        (PLAIN, True, "litert, fp32"),
    ]
    assert plain["points"][1]["gmac"] == round(sum(MACS.values()) / 1e9, 4)
    rows = {(row["at"], row["unit"]): row for row in plain["against"]}
    # both ends of the sweep are the two plain networks themselves
    assert plain["least_ahead_points"]["GMAC"] <= 0.0
    full = rows["without exits", "GMAC"]
    assert (full["cost"], full["top1_percent"], full["plain_percent"], full["points"]) == (0.0015, 62.5, 62.5, 0.0)
    budget = rows["0.0012 GMAC", "GMAC"]
    # on the way from 50 % after the glance to 62.5 % at the end
    share = (budget["cost"] - 0.001) / 0.0005
    assert budget["plain_percent"] == pytest.approx(50 + 12.5 * share, abs=0.5)
    assert budget["points"] == pytest.approx(budget["top1_percent"] - budget["plain_percent"], abs=0.011)


def test_the_glance_of_another_bundle_is_a_plain_network_of_the_device(
    recognizer: Recognizer, clip_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    monkeypatch.setattr(Recognizer, "open", classmethod(lambda *_, **__: other))
    request = Request(clip_list, "val", ablations=False, plain=(Path("plain"),))
    figures = evaluate_bundle(recognizer, request).figures
    last = figures["plain"]["points"][-1]
    assert (last["name"], last["frames"], last["size_px"]) == ("numpy, 4 x 16 px", 4, 16)
    assert (last["gmac"], last["top1_percent"], last["on_device"]) == (0.001, 50.0, True)
    assert last["ms"] > 0
    assert figures["measured_on"]["plain"] == ["plain"]
    manifest = other.bundle.manifest.model_copy(update={"labels": ("walk", "run", "jump", "fly")})
    other.bundle = replace(other.bundle, manifest=manifest)
    with pytest.raises(AdafocusError, match="differ in the label 'fly'"):
        evaluate_bundle(recognizer, request)


def test_a_classifier_in_float_counts_at_equal_gmac_and_not_at_equal_ms(
    recognizer: Recognizer, clip_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adafocus.calibration.evaluation import baseline
    from adafocus.calibration.evaluation.evaluation_input import BASELINE, PlainNetwork

    class Perfect:
        """Is right about every clip, at the cost of the glance."""

        view = baseline.View(4, 160)

        def predict(self, clips: list[LabeledClip], views: tuple[baseline.View, ...]) -> list[PlainNetwork]:
            assert views == (self.view, baseline.View(8, 128))
            logits = np.array([[name == clip.label for name in LABELS] for clip in clips], np.float32)
            right = PlainNetwork(BASELINE, 4, 160, logits, 1_000_000, 0.001, "PyTorch, float32", False)
            return [right, replace(right, name="more", macs=1_200_000)]

    monkeypatch.setattr(baseline, "WholeFrameClassifier", lambda *_: Perfect())
    request = Request(clip_list, "val", ablations=False, baseline=Path("x"), view=("8x128",))
    figures = evaluate_bundle(recognizer, request).figures
    assert [row["name"] for row in figures["plain"]["points"]][2:] == ["more", BASELINE]
    at = {(row["at"], row["unit"]): row["plain_percent"] for row in figures["plain"]["against"]}
    assert at["0.0012 GMAC", "GMAC"] == 100.0
    # where the device's own are as quick: how long they take differs from run to run
    assert max([percent for (_, unit), percent in at.items() if unit == "ms"], default=0.0) <= 62.5
    assert BASELINE in figures["ways"]
    assert "more" not in figures["ways"]
    with pytest.raises(AdafocusError, match="--view is '8', expected frames x pixels"):
        evaluate_bundle(recognizer, replace(request, view=("8",)))
