"""``adafocus calibrate``: from labelled videos to a bundle whose table a device starts from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from adafocus.calibration.datasets.fingerprints import DIGITS, among
from adafocus.calibration.exits.calibrate import Request, calibrate_bundle
from adafocus.calibration.exits.table import print_calibration
from adafocus.edge.budget.costs import Budget
from adafocus.edge.budget.threshold_curves import CalibratedCurve, curve_of
from adafocus.edge.bundle.archive import MANIFEST
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.exits import NEVER
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError
from tests.fuzzing.kind import small_bundle
from tests.helpers.numpy_bundle import FOCUS_FRAMES, LABELS, NumpyOpener, numpy_bundle
from tests.helpers.program import CallHere


def write_list(path: Path, rows: list[tuple[Path, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "split"])
        writer.writerows([video, label, group, "val"] for video, label, group in rows)
    return path


@pytest.fixture
def grey_list(tmp_path: Path) -> Path:
    """Clips of one grey each, whose glance the numpy bundle is the surer of the brighter they are."""
    rows = []
    for number, level in enumerate(np.linspace(20, 255, 40).astype(int)):
        path = tmp_path / f"{number}.npy"
        np.save(path, np.full((12, 16, 16, 3), level, np.uint8))
        rows.append((path, LABELS[1] if number % 4 else LABELS[0], f"g{number % 8}"))
    return write_list(tmp_path / "grey.csv", rows)


@pytest.mark.parametrize("variant", ["tsm", "long"])
def test_a_table_of_budgets_is_found_with_what_is_expected_of_each(grey_list: Path, variant: str) -> None:
    recognizer = Recognizer(numpy_bundle(variant), "litert", 1, None, NumpyOpener())
    found = calibrate_bundle(recognizer, Request(grey_list, "val", budgets=(Budget(0.0012, "GMAC"),)))
    exits = found.exits
    assert len(exits.budgets) == 10
    assert [row.budget for row in exits.budgets] == sorted(row.budget for row in exits.budgets)
    low, high = recognizer.exit_macs[0] / 1e9, recognizer.exit_macs[-1] / 1e9
    for row, unseen in zip(exits.budgets, found.unseen, strict=True):
        assert low < row.budget < high
        assert len(row.thresholds) == (FOCUS_FRAMES if variant == "long" else 1)
        assert row.expected_error == pytest.approx(unseen.cost / row.budget - 1)
        assert row.expected_accuracy == pytest.approx(0.75)
    if variant == "long":
        # two exits a call: the first of them saves nothing
        assert all(row.thresholds[place] == NEVER for row in exits.budgets for place in (1, 3, 5))
    calibration = exits.calibration
    assert calibration is not None
    assert (calibration.n, calibration.groups, calibration.dataset) == (40, 8, "grey.csv")
    assert found.full == (pytest.approx(high), pytest.approx(0.75))


def test_a_bundle_is_calibrated_where_it_stands_and_the_device_starts_from_its_rows(
    adafocus_here: CallHere, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    folder, stored = small_bundle(shipped_bundle.path, tmp_path / "bundle"), tmp_path / "predictions.npz"
    labels = shipped_bundle.manifest.labels
    clips = write_list(
        tmp_path / "clips.csv", [(video, labels[place], f"g{place}") for place, video in enumerate(real_videos)]
    )
    done = adafocus_here("calibrate", folder, clips, "--predictions", stored, "--budget", "0.6GMAC", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    manifest = Bundle.open(folder).manifest
    assert [row["budget"] for row in told["budgets"]] == [row.budget for row in manifest.exits.budgets]
    assert 0.6 in [row.budget for row in manifest.exits.budgets]
    assert manifest.golden == shipped_bundle.manifest.golden
    ranges = {"GMAC": (0.385178368, 1.210288896)}
    assert isinstance(curve_of(manifest.exits, 1, len(labels), "GMAC", ranges), CalibratedCurve)
    ran = json.loads(adafocus_here("run", folder, real_videos[0], "--budget", "0.6GMAC", "--json").stdout)
    assert ran["budget"]["curve"] == "calibrated in the bundle"

    before = (folder / MANIFEST).read_bytes()
    again = adafocus_here(
        "calibrate", folder, clips, "--predictions", stored, "--out", tmp_path / "other.zip", "--method", "official"
    )
    assert again.returncode == 0, again.stderr
    assert "next: adafocus run" in again.stdout
    assert (folder / MANIFEST).read_bytes() == before
    with Bundle.open(tmp_path / "other.zip") as other:
        assert other.manifest.exits.calibration is not None
        assert other.manifest.exits.calibration.family == "official"
        assert other.manifest.exits.criterion in ("logit", "entropy")


@pytest.mark.parametrize(
    ("request_of", "sentence"),
    [
        (lambda clips: Request(clips, "test"), "no clip of split 'test'"),
        (lambda clips: Request(clips, "val", folds=500), "500 folds need as many groups, found .* groups of clips"),
        (lambda clips: Request(clips, "val", budgets=(Budget(1e-4, "GMAC"),)), "below what the glance alone costs"),
        (lambda clips: Request(clips, "val", budgets=(Budget(9.0, "GMAC"),)), "above what the full path costs"),
        (lambda clips: Request(clips, "val", budgets=(Budget(1e9, "ms"),)), "above what the full path costs on this"),
        (lambda clips: Request(clips, "val", budgets=(Budget(1.0, "J"),)), "no budgets in joules"),
        (lambda clips: Request(clips, "val", criterion="softmax", method="official"), "has no criterion 'softmax'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    grey_list: Path, request_of: Callable[[Path], Request], sentence: str
) -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    with pytest.raises(AdafocusError, match=sentence):
        calibrate_bundle(recognizer, request_of(grey_list))


def test_unknown_labels_and_a_single_group_are_refused(tmp_path: Path, grey_list: Path) -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    unknown = write_list(tmp_path / "unknown.csv", [(tmp_path / "0.npy", "yodel", "g")])
    with pytest.raises(AdafocusError, match=r"yodel.*--label-map"):
        calibrate_bundle(recognizer, Request(unknown, "val"))
    alone = write_list(tmp_path / "alone.csv", [(tmp_path / f"{place}.npy", "run", "g") for place in range(3)])
    with pytest.raises(AdafocusError, match="All clips are of the group 'g'"):
        calibrate_bundle(recognizer, Request(alone, "val"))


def test_clips_of_one_class_are_refused_before_they_are_run(tmp_path: Path, grey_list: Path) -> None:
    opener = NumpyOpener()
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, opener)
    alone = write_list(tmp_path / "alone.csv", [(tmp_path / f"{n}.npy", "run", f"g{n}") for n in range(6)])
    with pytest.raises(AdafocusError, match="All 6 clips show run, expected clips of two or more classes"):
        calibrate_bundle(recognizer, Request(alone, "val"))
    assert not opener.calls


@pytest.mark.parametrize("clips", [2, 3, 8])
def test_a_small_set_gives_a_whole_table(tmp_path: Path, grey_list: Path, clips: int) -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    rows = [(tmp_path / f"{n}.npy", LABELS[n % 2], f"g{n}") for n in range(clips)]
    found = calibrate_bundle(recognizer, Request(write_list(tmp_path / "few.csv", rows), "val"))
    assert len(found.exits.budgets) == len(found.unseen) == 9
    assert all(np.isfinite(row.thresholds[0]) for row in found.exits.budgets)
    assert [row["expected_loss"] for row in found.as_dict()["budgets"]] == pytest.approx([0.0] * 9)


def test_the_clips_of_a_calibration_are_known_again_by_content(tmp_path: Path, grey_list: Path) -> None:
    recognizer = Recognizer(numpy_bundle(), "litert", 1, None, NumpyOpener())
    found = calibrate_bundle(recognizer, Request(grey_list, "val"))
    assert found.exits.calibration is not None
    known = found.exits.calibration.clips or ""
    assert len(known) == 40 * DIGITS
    (tmp_path / "copy.npy").write_bytes((tmp_path / "7.npy").read_bytes())
    (tmp_path / "new.npy").write_bytes(b"another")
    assert among([tmp_path / "new.npy", tmp_path / "copy.npy"], known) == [tmp_path / "copy.npy"]
    assert "clips" not in found.as_dict()["calibration"]


@pytest.mark.parametrize("variant", ["tsm", "long"])
def test_glance_and_focus_are_weighed_where_the_last_exit_is_their_sum(grey_list: Path, variant: str) -> None:
    recognizer = Recognizer(numpy_bundle(variant), "litert", 1, None, NumpyOpener())
    found = calibrate_bundle(recognizer, Request(grey_list, "val"))
    console = Console(width=200, record=True, file=io.StringIO())
    print_calibration(found, console)
    assert ("their sum 75.0 %" in console.export_text()) == (variant == "tsm")
    if found.fusion is not None:
        assert (found.fusion.glance, found.fusion.focus, found.fusion.trained) == (0.75, 0.75, 0.75)
        assert found.as_dict()["fusion"]["never_loses"] == (found.fusion.unseen >= 0.75)


def test_a_place_that_holds_something_else_is_refused_before_the_clips_are_run(
    adafocus_here: CallHere, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    done = adafocus_here("calibrate", tmp_path / "bundle", tmp_path / "clips.csv", "--out", tmp_path / "mine")
    assert done.returncode == 2
    assert "is no bundle, so it is not replaced" in done.stderr
