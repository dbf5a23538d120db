"""``adafocus predict``: answers are those of the network, computed once, and never half-written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adafocus import networks
from adafocus.calibration.datasets.augmentation import normalize
from adafocus.calibration.datasets.cache_entry import content_key
from adafocus.calibration.teachers.answers import read_answers, write_answers
from adafocus.calibration.teachers.dense_clips import DenseClips
from adafocus.calibration.teachers.loading import load_teacher, open_teacher
from adafocus.calibration.teachers.predict import Request, answer, mean_probability, predict
from adafocus.calibration.training.recipe import Classifier
from adafocus.calibration.training.tasks import classifier_config
from adafocus.edge.video.clip import sample_video
from adafocus.edge.video.preprocess import fit_frame
from adafocus.errors import AdafocusError
from tests.calibration.teachers.conftest import write_teacher
from tests.helpers.program import CallHere
from tests.helpers.training_run import CLASSES


def request(teacher: Path, clips: Path, out: Path, **changes: Any) -> Request:
    return replace(Request(teacher, [clips], None, out), **changes)


def test_answers_are_those_of_the_network_by_the_content_of_the_clip(
    clips: Path, teacher: Path, tmp_path: Path, adafocus_here: CallHere
) -> None:
    out = tmp_path / "answers.npz"
    done = adafocus_here("predict", teacher, "--clips", clips, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "train: " in done.stdout
    assert "% of 8 clips right" in done.stdout
    assert f"next: adafocus probe {out}" in done.stdout
    found, net = read_answers(out), load_teacher(teacher)
    assert (len(found.rows), found.labels, found.seen) == (12, CLASSES, {"0" * 12})
    config = classifier_config(Classifier("mobilenet_v2", 2, 32, 40))
    frames = sample_video(clips.parent / "3.avi", 2, lambda frame: fit_frame(frame, 32, 40))
    with torch.no_grad():
        logits = net(normalize(frames, config)[None])[0].numpy()
    stored, features = found.rows[content_key(clips.parent / "3.avi")]
    # the frame is made smaller in two steps
    assert np.abs(stored - logits).max() < 0.1 * np.abs(logits).max()
    assert np.allclose(net.head.fc(torch.from_numpy(features)).detach().numpy(), stored, atol=1e-4)


def test_what_is_stored_is_not_computed_again(clips: Path, teacher: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.npz"
    first = predict(request(teacher, clips, out, split="val"))
    assert len(first.rows) == 4
    marked = {key: (logits + 1000, features) for key, (logits, features) in first.rows.items()}
    write_answers(out, replace(first, rows=marked))
    both = read_answers(out) and predict(request(teacher, clips, out))
    assert len(both.rows) == len(read_answers(out).rows) == 12
    assert sum(float(logits.min()) > 500 for logits, _ in both.rows.values()) == 4
    with pytest.raises(AdafocusError, match="views is 1 there, 2 here"):
        predict(request(teacher, clips, out, views=2))


def test_a_run_that_ends_early_leaves_what_it_has(clips: Path, teacher: Path, tmp_path: Path) -> None:
    lines = ["path,label,group,split", *(f"{clips.parent / f'{n}.avi'},{CLASSES[n % 2]},g{n},train" for n in range(2))]
    (tmp_path / "broken.avi").write_bytes(b"no video")
    (tmp_path / "clips.csv").write_text("\n".join([*lines, f"broken.avi,{CLASSES[0]},g9,train", ""]))
    out = tmp_path / "answers.npz"
    with pytest.raises(AdafocusError, match=r"1 of 3 clips cannot be read.*broken\.avi"):
        predict(request(teacher, tmp_path / "clips.csv", out))
    assert len(read_answers(out).rows) == 2
    (tmp_path / "clips.csv").write_text("\n".join([*lines, "gone.avi,dark,g9,train", ""]))
    with pytest.raises(AdafocusError, match=r"Cannot read the clip .*gone\.avi"):
        predict(request(teacher, tmp_path / "clips.csv", tmp_path / "others.npz"))
    assert not (tmp_path / "others.npz").exists()


def test_views_and_mirror_images_are_averaged(clips: Path, teacher: Path) -> None:
    opened, video = open_teacher(teacher), clips.parent / "0.avi"
    views = opened.clips.read(video, 3)
    assert len(views) == 3
    with torch.no_grad():
        each = [opened.net(part[None])[0] for (view,) in views for part in (view, view.flip(-1))]
    logits, features = answer(opened, video, 3, mirror=True)
    assert np.allclose(logits, torch.stack(each).mean(0), atol=1e-4)
    assert np.allclose(opened.net.head.fc(torch.from_numpy(features)).detach(), logits, atol=1e-4)
    assert not np.allclose(answer(opened, video)[0], logits, atol=1e-4)


def test_parts_of_a_frame_are_seen_side_by_side(clips: Path, teacher: Path) -> None:
    video = clips.parent / "0.avi"
    whole, motion = (open_teacher(teacher, views=(name,)) for name in ("whole", "motion"))
    both = open_teacher(teacher, views=("whole", "motion"))
    rows = [answer(opened, video) for opened in (whole, motion)]
    logits, features = answer(both, video)
    assert np.allclose(features, np.concatenate([row[1] for row in rows]), atol=1e-5)
    probabilities = torch.stack([torch.from_numpy(row[0]).softmax(0) for row in rows]).mean(0)
    assert np.allclose(np.exp(logits), probabilities, atol=1e-5)


def test_the_mean_of_several_is_that_of_their_probabilities() -> None:
    loud, quiet = torch.tensor([0.0, 200.0]), torch.tensor([1.0, 0.0])
    assert torch.equal(mean_probability(quiet[None]).softmax(0), quiet.softmax(0))
    mean = mean_probability(torch.stack((loud, quiet))).exp()
    assert mean.tolist() == pytest.approx([float(quiet.softmax(0)[0]) / 2, 1 - float(quiet.softmax(0)[0]) / 2])


def test_a_checkpoint_says_how_it_sees_clips_and_options_change_that(teacher: Path, tmp_path: Path) -> None:
    shape = open_teacher(teacher).clips.as_dict()
    assert (shape["frames"], shape["size"], shape["short_side_px"]) == (2, 32, 40)
    larger = open_teacher(teacher, frames=4, size=64, views=("motion",)).clips.as_dict()
    assert (larger["frames"], larger["size"], larger["short_side_px"]) == (4, 64, 80)
    assert larger["views"] == ["motion"]


def test_the_command_that_makes_answers_is_kept(clips: Path, teacher: Path, tmp_path: Path) -> None:
    given = request(teacher, clips, tmp_path / "a.npz", views=3, mirror=True, size=48, see=("whole", "motion"))
    words = f"adafocus predict {teacher} --size 48 --views 3 --mirror --see whole --see motion"
    assert " ".join(given.command) == words


def test_what_is_no_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match="There is no teacher at"):
        open_teacher(tmp_path / "net.pth")
    torch.save(networks.build("tsm-mbv2-mbv2", num_classes=3).state_dict(), tmp_path / "net.pth")
    with pytest.raises(AdafocusError, match=r"net\.pth is no teacher: expected a classifier of adafocus train"):
        open_teacher(tmp_path / "net.pth")


def test_published_weights_say_which_network_they_are_of(shared: Path) -> None:
    x3d = open_teacher(shared / "weights" / "x3d_xs_k400.safetensors", frames=8)
    assert x3d.clips.as_dict()["frames"] == 8
    labels = (shared / "weights" / "kinetics400_labels.txt").read_text().splitlines()
    i3d = open_teacher(shared / "weights" / "i3d_rgb_k400.safetensors", labels)
    assert i3d.clips == DenseClips()
    logits, features = answer(i3d, shared / "smoke" / "archery.mp4")
    assert labels[int(logits.argmax())] == "archery"
    assert (len(logits), len(features)) == (400, 1024)
    with pytest.raises(AdafocusError, match="400 classes, but --labels names 2"):
        open_teacher(shared / "weights" / "i3d_rgb_k400.safetensors", labels[:2])
    with pytest.raises(AdafocusError, match="Leave --see out"):
        open_teacher(shared / "weights" / "i3d_rgb_k400.safetensors", views=("motion",))


def test_a_teacher_of_other_classes_is_not_counted(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = write_teacher(tmp_path / "other.safetensors", labels=("one", "two", "three"))
    predict(request(other, clips, tmp_path / "answers.npz"))
    assert "clips right" not in capsys.readouterr().out
