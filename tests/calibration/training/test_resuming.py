"""A run resumes only from what it was started with; what differs is said, and what is damaged is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from adafocus.calibration.commands.train import train
from adafocus.calibration.training.log import STEPS, VALIDATIONS, TrainingLog
from adafocus.calibration.training.trainer import CHECKPOINT
from adafocus.errors import AdafocusError
from tests.helpers.training_run import write_clips, write_recipe

CLASSIFIER = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 40}
RECIPE = {"preset": "", "overrides": {}, "classifier": CLASSIFIER, "cached_frames": 2, "epochs": 1, "batch": 2}


def run(folder: Path, *more: str, clips: str = "clips.csv", **changes: object) -> Result:
    """Train in the folder's work folder with a recipe of a second."""
    recipe = write_recipe(folder, **{**RECIPE, **changes})
    out = folder / "out.safetensors"
    places = ["--work", str(folder / "work"), "--cache", str(folder / "cache"), "--out", str(out)]
    return CliRunner().invoke(train, [str(recipe), "--clips", str(folder / clips), *places, *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with clips, a run that has ended, and what it wrote."""
    folder = tmp_path_factory.mktemp("run")
    write_clips(folder, 4, 2)
    save_file({"a": torch.ones(1)}, folder / "other.safetensors")
    result = run(folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a copy of that folder, in which nothing may change."""
    place = tmp_path / "run"
    shutil.copytree(finished, place)
    before = {name: (place / "work" / name).read_bytes() for name in (CHECKPOINT, STEPS)}
    (place / "out.safetensors").unlink()
    yield place
    assert not (place / "out.safetensors").exists()
    assert before[STEPS] == (place / "work" / STEPS).read_bytes()


def refused(result: Result, *said: str) -> None:
    assert isinstance(result.exception, AdafocusError), result.exception
    assert all(text in str(result.exception) for text in (*said, "--work")), result.exception


def replaced(folder: Path, **texts: str) -> str:
    """Write the clip list again with other texts in place of some; return its name."""
    content = (folder / "clips.csv").read_text()
    for old, new in texts.items():
        content = content.replace(old, new)
    (folder / "other.csv").write_text(content)
    return "other.csv"


def test_the_same_run_goes_on_where_its_files_lie_elsewhere(finished: Path, tmp_path: Path) -> None:
    place = tmp_path / "moved"
    shutil.copytree(finished, place)
    (place / "clips.csv").rename(place / "list.csv")
    result = run(place, clips="list.csv")
    assert result.exit_code == 0, result.output
    first, second = (load_file(where / "out.safetensors") for where in (finished, place))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_other_class_names_are_refused(folder: Path) -> None:
    refused(
        run(folder, clips=replaced(folder, bright="x", dark="y")), "other class names", "bright, dark there", "x, y"
    )


def test_a_third_class_is_refused(folder: Path) -> None:
    more = replaced(folder, **{"0.avi,bright": "0.avi,third"})
    refused(run(folder, clips=more), "other class names", "bright, dark, third here")


def test_class_names_in_another_order_are_refused(folder: Path) -> None:
    (folder / "labels.txt").write_text("dark\nbright\n")
    refused(run(folder, "--labels", str(folder / "labels.txt")), "other class names", "dark, bright here")


def test_other_labels_of_the_same_clips_are_refused(folder: Path) -> None:
    swapped = replaced(folder, **{"0.avi,bright": "0.avi,dark", "1.avi,dark": "1.avi,bright"})
    refused(run(folder, clips=swapped), "other clips to train on", "same videos with other labels")


def test_fewer_clips_are_refused(folder: Path) -> None:
    lines = (folder / "clips.csv").read_text().splitlines()
    (folder / "fewer.csv").write_text("\n".join(line for line in lines if not line.startswith("1.avi")))
    refused(run(folder, clips="fewer.csv"), "other clips to train on (4 there, 3 here)")


def test_another_video_under_the_same_name_is_refused(folder: Path) -> None:
    write_clips(folder / "cache", 8, 0)
    shutil.copy(folder / "cache" / "6.avi", folder / "2.avi")
    refused(run(folder), "other clips to train on (4 of other content")


def test_other_clips_to_validate_on_are_refused(folder: Path) -> None:
    refused(run(folder, "--val-split", "none"), "other clips to validate on (2 there, 0 here)")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0.5}, "another recipe (learning_rate is 0.01 there, 0.5 here)"),
        ({"epochs": 3}, "another recipe (epochs is 1 there, 3 here)"),
        ({"seed": 7, "flip": False, "batch": 4, "label_smoothing": 0.1}, ", and 1 more)"),
    ],
)
def test_another_recipe_is_refused(folder: Path, changes: dict[str, Any], said: str) -> None:
    refused(run(folder, **changes), said)


def test_other_start_weights_are_refused(folder: Path) -> None:
    refused(run(folder, "--start", str(folder / "other.safetensors")), "other start weights (all is none there, ")


def test_all_that_differs_is_said_at_once(folder: Path) -> None:
    found = run(folder, clips=replaced(folder, bright="x"), seed=3)
    refused(found, "another recipe (seed is 1 there, 3 here)", "other class names")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"\x80\x02}q\x00", bytes(1000), b"<html>", b"PK\x03\x04", bytes(range(256)) * 9]
)
def test_a_checkpoint_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "work" / CHECKPOINT).write_bytes(content)
    refused(run(folder), "is damaged or no checkpoint of a run", "Delete it")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.9999])
def test_a_checkpoint_that_is_cut_short_is_refused(folder: Path, share: float) -> None:
    path = folder / "work" / CHECKPOINT
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(run(folder), "is damaged or no checkpoint of a run", "Delete it")


@pytest.mark.parametrize("what", ["other file", "list", "tensors", "state", "folder", "step"])
def test_a_file_that_no_run_wrote_is_refused(folder: Path, what: str) -> None:
    path = folder / "work" / CHECKPOINT
    state = torch.load(path, weights_only=True)
    if what == "folder":
        path.unlink()
        path.mkdir()
    else:
        other = {
            "other file": {"model": {}, "epoch": 3},
            "list": [1, 2],
            "tensors": {"a": torch.ones(1)},
            "state": {**state, "net": {"a": torch.ones(1)}},
            "step": {**state, "step": "many"},
        }
        torch.save(other[what], path)
    refused(run(folder), "is damaged or no checkpoint of a run")


def test_a_run_of_an_earlier_version_is_refused(folder: Path) -> None:
    path = folder / "work" / CHECKPOINT
    state = torch.load(path, weights_only=True)
    del state["made_from"]
    torch.save(state, path)
    refused(run(folder), "does not say what it was started with")


@pytest.mark.parametrize("end", ["5", "5,", "5,0.1", "5,0.1,0.2", "5,0.1,x\n", "\x00\x00", "5,1,2,3,4,5\n", "é"])
@pytest.mark.parametrize("name", [STEPS, VALIDATIONS])
def test_a_log_whose_last_row_is_half_written_is_read_without_it(tmp_path: Path, name: str, end: str) -> None:
    log = TrainingLog(tmp_path)
    (tmp_path / name).write_text("step,total,rate,speed\n1,0.5,0.1,3\n2,0.4,0.1,3\n" + end)
    assert [row["step"] for row in log.rows(name)] == [1, 2]
    log.truncate(1)
    assert [row["step"] for row in log.rows(name)] == [1]


@pytest.mark.parametrize("content", ["", "st", "step,tot", "\n"])
def test_a_log_whose_head_is_half_written_is_begun_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / STEPS).write_text(content)
    log = TrainingLog(tmp_path)
    log.truncate(0)
    log.step(1, {"total": 0.5})
    assert log.rows(STEPS) == [{"step": 1.0, "total": 0.5}]
