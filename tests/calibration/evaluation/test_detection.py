"""Detection of one label against numbers worked out by hand, and scikit-learn's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from adafocus.calibration.evaluation.detection import detection_figures, log_odds, positive_label, recall_at
from adafocus.calibration.evaluation.evaluate import Request, evaluate_bundle
from adafocus.calibration.evaluation.evaluation_input import EvaluationInput
from adafocus.calibration.evaluation.metrics import GroupBootstrap
from adafocus.calibration.predictions.ablations import LEARNED, PLAIN
from adafocus.calibration.predictions.collect import Predictions
from adafocus.calibration.predictions.ground_truth import GroundTruth
from adafocus.edge.bundle.manifest import Exits
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError


@pytest.mark.parametrize(
    ("labels", "asked", "wanted"),
    [
        (("fight", "normal"), None, "fight"),
        (("no fight", "fight"), None, "fight"),
        (("adl", "fall"), None, "fall"),
        (("cat", "dog"), None, "dog"),
        (("fight", "normal"), "normal", "normal"),
        (("a", "b", "c"), None, None),
        (("a", "b", "c"), "b", "b"),
        (("a",), None, None),
    ],
)
def test_of_two_labels_the_one_that_is_no_event_is_not_looked_for(
    labels: tuple[str, ...], asked: str | None, wanted: str | None
) -> None:
    assert positive_label(labels, asked) == wanted


@pytest.mark.parametrize(("labels", "asked"), [(("fight", "normal"), "fall"), (("fight",), "fight")])
def test_a_label_that_is_not_there_or_is_the_only_one_is_refused(labels: tuple[str, ...], asked: str) -> None:
    with pytest.raises(AdafocusError, match="--positive is"):
        positive_label(labels, asked)


def test_log_odds_order_clips_also_where_probabilities_are_one() -> None:
    logits = np.array([[60, 0, 0], [70, 0, 0], [np.log(3), np.log(1), np.log(2)]], np.float32)
    assert log_odds(logits, 0) == pytest.approx([60 - np.log(2), 70 - np.log(2), 0.0], abs=1e-5)


@pytest.mark.parametrize(
    ("hours", "wanted"), [(0.1, 0.25), (1.0, 0.5), (1.9, 0.5), (2.0, 0.75), (3.0, 1.0), (None, None)]
)
def test_in_less_than_an_hour_no_false_alarm_is_allowed(hours: float | None, wanted: float | None) -> None:
    scores = np.array([9.0, 7.0, 5.0, 1.0, 8.0, 6.0, 4.0])
    shown = np.array([True, True, True, True, False, False, False])
    assert recall_at(scores, shown, hours) == wanted
    assert recall_at(scores[:4], shown[:4], hours) is None


def given_of(*, clips: int = 60, seed: int = 0, seconds: float = 60.0) -> EvaluationInput:
    rng = np.random.default_rng(seed)
    targets = (np.arange(clips) % 3 == 0).astype(np.int64)
    truth = GroundTruth(targets, np.eye(2, dtype=bool)[targets])

    def run(strength: float) -> Predictions:
        logits = rng.normal(0, 1, (clips, 2, 2)) + strength * truth.multi_hot[:, None]
        return Predictions(
            (), logits.astype(np.float32), np.array([1, 2]), np.ones((clips, 2)), seconds=np.full(clips, seconds)
        )

    return EvaluationInput(
        LEARNED,
        {LEARNED: (run(2.0),), PLAIN: (run(0.5),), "drawn": (run(1.0), run(1.0))},
        truth,
        Exits(),
        ("normal", "fight"),
        tuple(f"g{number % 12}" for number in range(clips)),
        tuple(map(str, range(clips))),
    )


def test_balanced_accuracy_is_scikit_learn_s_and_differences_are_paired() -> None:
    given = given_of()
    found = detection_figures(given, GroupBootstrap(given.groups))
    assert found is not None
    assert (found["positive"], found["clips"], found["others"]) == ("fight", 20, 40)
    assert (found["hours_of_others"], found["false_alarms_allowed"]) == (0.6667, 0)
    wanted = {
        name: 100 * np.mean([balanced_accuracy_score(given.truth.targets, run.logits[:, -1].argmax(1)) for run in runs])
        for name, runs in given.predictions.items()
    }
    for name, value in wanted.items():
        row = found["ways"][name]
        assert row["balanced_percent"] == pytest.approx(value, abs=0.01)
        assert row["balanced_interval"][0] < row["balanced_percent"] < row["balanced_interval"][1]
        if name != LEARNED:
            assert row["ahead_points"] == pytest.approx(wanted[LEARNED] - value, abs=0.02)
            assert row["ahead_interval"][0] < row["ahead_points"] < row["ahead_interval"][1]
    assert found["ways"][LEARNED]["auc"] > found["ways"]["drawn"]["auc"] > found["ways"][PLAIN]["auc"] > 0.5
    assert found["ways"][LEARNED]["recall_percent"] > found["ways"][PLAIN]["recall_percent"]


def test_clips_of_one_side_have_no_balanced_accuracy_and_unknown_lengths_no_recall() -> None:
    given = given_of()
    alone = replace(given, truth=GroundTruth(np.ones(60, np.int64), np.array([[False, True]] * 60)))
    found = detection_figures(alone, GroupBootstrap(given.groups))
    assert found is not None
    assert found["ways"][LEARNED] == {"recall_percent": None}
    untimed = {
        name: tuple(replace(run, seconds=np.empty(0)) for run in runs) for name, runs in given.predictions.items()
    }
    found = detection_figures(replace(given, predictions=untimed), GroupBootstrap(given.groups))
    assert found is not None
    assert found["hours_of_others"] is None
    assert found["ways"][LEARNED]["recall_percent"] is None
    assert found["ways"][LEARNED]["auc"] > 0.5


def test_a_bundle_of_many_labels_detects_one_where_it_is_asked(recognizer: Recognizer, clip_list: Path) -> None:
    request = Request(clip_list, "val", ablations=False)
    assert "detection" not in evaluate_bundle(recognizer, request).figures
    found = evaluate_bundle(recognizer, replace(request, positive="run")).figures["detection"]
    # it calls every clip run; 3 of 8 clips are of another label, and last 12 frames of 25 a second
    assert found["hours_of_others"] == round(3 * 12 / 25 / 3600, 4)
    assert found["ways"][LEARNED]["balanced_percent"] == 50.0
