"""A checkpoint knows which videos it was made with, and so does what is made of it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from adafocus.calibration.commands.train import train
from adafocus.calibration.datasets.fingerprints import fingerprint, in_history, joined, parted
from adafocus.calibration.training.checkpoint import load_checkpoint, seen_by
from tests.helpers.training_run import write_clips, write_recipe

CLASSIFIER = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 40}
RECIPE = {"preset": "", "overrides": {}, "classifier": CLASSIFIER, "cached_frames": 2, "epochs": 1, "batch": 2}


def trained(folder: Path, clips: Path, *more: str) -> Path:
    folder.mkdir()
    recipe, out = write_recipe(folder, **RECIPE), folder / "out.safetensors"
    places = ["--work", str(folder / "work"), "--cache", str(folder / "cache"), "--out", str(out)]
    done = CliRunner().invoke(train, [str(recipe), "--clips", str(clips), *places, *more])
    assert done.exit_code == 0, done.output
    return out


def test_fingerprints_are_written_once_and_read_back(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).write_bytes(bytes([number]))
    known = [fingerprint(tmp_path / str(number)) for number in (0, 1, 2, 1)]
    assert parted(joined(known)) == set(known)
    assert len(joined(known)) == 36
    assert fingerprint(tmp_path / "missing") == ""
    assert parted(joined([""])) == set()


def test_a_history_tells_what_it_was_made_with_at_every_step() -> None:
    history = {"seen": "a" * 12, "training": {"seen": "b" * 12 + "a" * 12}, "steps": 3}
    assert in_history(history) == {"a" * 12, "b" * 12}
    assert in_history({"steps": 0}) == set()


def test_training_and_validation_clips_stand_in_the_checkpoint_and_in_what_starts_from_it(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for number, place in enumerate(places):
        place.mkdir()
        write_clips(place, 4, 2)
        # the second set holds other videos
        for video in place.glob("*.avi") if number else ():
            video.write_bytes(video.read_bytes() + b"more")
    first = trained(tmp_path / "first", places[0] / "clips.csv")
    videos = {fingerprint(video) for video in places[0].glob("*.avi")}
    assert parted(load_checkpoint(first).history["seen"]) == seen_by(first) == videos
    second = trained(tmp_path / "second", places[1] / "clips.csv", "--start", str(first))
    assert seen_by(second) == videos | {fingerprint(video) for video in places[1].glob("*.avi")}
    assert seen_by(places[0] / "0.avi") == set()
