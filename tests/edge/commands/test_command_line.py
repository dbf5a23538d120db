"""The program as a user starts it: a process, its output, its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adafocus.edge.bundle.bundle import Bundle
from tests.helpers.program import Call, assert_one_sentence, edit_manifest
from tests.helpers.videos import write_video


def test_a_real_video_is_recognized_and_drawn(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    picture = tmp_path / "answer.png"
    done = adafocus("run", shipped_bundle.path, real_videos[0], "--picture", picture)
    assert done.returncode == 0, done.stderr
    assert "driving car" in done.stdout
    assert "next: adafocus bench" in done.stdout
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] > 1000
    assert pixels.shape[0] > 500
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


def test_json_is_one_object_with_every_answer(adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path]) -> None:
    content = json.loads(adafocus("run", shipped_bundle.path, *real_videos, "--json", "--top", 3).stdout)
    assert content["runtime"] == "litert"
    assert [Path(answer["video"]).name for answer in content["videos"]] == [path.name for path in real_videos]
    geometry = shipped_bundle.manifest.geometry
    for answer in content["videos"]:
        assert len(answer["top"]) == 3
        assert answer["top"][0] == {"label": answer["label"], "score": answer["score"]}
        assert len(answer["frame_indices"]) == len(answer["boxes"]) == geometry.focus_frames
        assert sorted(set(answer["frame_indices"])) == answer["frame_indices"]
        for top, left, height, width in answer["boxes"]:
            assert min(top, left) >= 0
            assert max(top + height, left + width) <= 1 + 1e-5
        assert answer["timing_ms"]["total"] >= answer["timing_ms"]["focus"] > 0


def test_a_video_that_lies_on_its_side_is_drawn_upright(
    adafocus: Call, shipped_bundle: Bundle, shared: Path, tmp_path: Path
) -> None:
    """A stored-sideways video and the same video stored upright give the same picture and the same answer."""
    from adafocus.edge.video.clip import read_clip, sample_video

    source = shared / "smoke" / "rotated_90.mov"
    upright = sample_video(source, 1, lambda frame: frame)[0]
    assert upright.shape[0] > upright.shape[1]
    clip = read_clip(source, shipped_bundle.manifest.geometry)
    size = clip.candidates[0].shape[0]
    middle = clip.candidates[len(clip.candidates) // 2].astype(float)
    from adafocus.edge.video.preprocess import fit_frame

    wanted = fit_frame(upright, size, shipped_bundle.manifest.geometry.short_side)[:, :, ::-1].astype(float)
    turned = [np.abs(middle - np.rot90(wanted, turns)).mean() for turns in range(4)]
    assert int(np.argmin(turned)) == 0
    done = adafocus("run", shipped_bundle.path, source, "--picture", tmp_path / "upright.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "upright.png").is_file()


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_very_short_videos_are_answered(adafocus: Call, shipped_bundle: Bundle, tmp_path: Path, frames: int) -> None:
    video = write_video(tmp_path / "short.mp4", frames)
    content = json.loads(adafocus("run", shipped_bundle.path, video, "--json").stdout)
    assert max(content["videos"][0]["frame_indices"]) < frames


@pytest.mark.parametrize(
    ("name", "size", "codec", "pixels"),
    [
        ("odd.avi", (101, 57), "ffv1", "yuv444p"),
        ("grey.mkv", (96, 64), "ffv1", "gray"),
        ("ten_bit.mp4", (96, 64), "libx264", "yuv420p10le"),
        ("narrow.avi", (16, 200), "ffv1", "yuv444p"),
    ],
)
def test_odd_content_is_answered(
    adafocus: Call, shipped_bundle: Bundle, tmp_path: Path, name: str, size: tuple[int, int], codec: str, pixels: str
) -> None:
    video = write_video(tmp_path / name, 12, size, codec, pixels)
    done = adafocus("run", shipped_bundle.path, video, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["videos"][0]["label"] in shipped_bundle.manifest.labels


def make_text(path: Path) -> None:
    path.write_text("this is no video\n" * 50)


def make_empty(path: Path) -> None:
    path.touch()


def make_zero_frames(path: Path) -> None:
    write_video(path, 0)


@pytest.mark.parametrize(
    ("name", "make", "word"),
    [
        ("missing.mp4", lambda path: None, "no video at"),
        ("empty.mp4", make_empty, "is empty"),
        ("text.mp4", make_text, "no video that can be decoded"),
        ("zero.mp4", make_zero_frames, "zero.mp4"),
        ("folder.mp4", Path.mkdir, "not a file"),
    ],
)
def test_what_is_no_video_ends_in_one_sentence(
    adafocus: Call, shipped_bundle: Bundle, tmp_path: Path, name: str, make: Callable[[Path], None], word: str
) -> None:
    video, pictures = tmp_path / name, tmp_path / "pictures"
    pictures.mkdir()
    make(video)
    done = adafocus("run", shipped_bundle.path, video, "--picture", pictures / "out.png")
    assert_one_sentence(done, name, word)
    assert list(pictures.iterdir()) == []


def test_a_damaged_video_is_answered_with_a_warning(adafocus: Call, shipped_bundle: Bundle, shared: Path) -> None:
    done = adafocus("run", shipped_bundle.path, shared / "smoke" / "corrupted.mp4", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["videos"][0]
    assert "can be decoded" in answer["warnings"][0]
    assert answer["label"] in shipped_bundle.manifest.labels


def test_a_graph_with_one_changed_byte_is_refused(adafocus: Call, bundle_copy: Path, real_videos: list[Path]) -> None:
    graph = next((bundle_copy / "graphs").glob("focus.*"))
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    assert_one_sentence(adafocus("run", bundle_copy, real_videos[0]), graph.name, "was changed")
    assert_one_sentence(adafocus("selftest", bundle_copy), graph.name, "was changed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda manifest: manifest.update(colour="red"), ("colour", "unknown key")),
        (lambda manifest: manifest["geometry"].update(depth=3), ("geometry.depth", "unknown key")),
        (lambda manifest: manifest.update(schema_version=7), ("schema version 7", "version 1")),
        (lambda manifest: manifest.pop("labels"), ("labels", "missing")),
        (lambda manifest: manifest["stages"].pop("focus"), ("focus",)),
        (lambda manifest: manifest["stages"]["glance"]["litert"].update(file="../x"), ("../x", "outside")),
        (lambda manifest: manifest["stages"]["glance"]["litert"].update(file="/etc/passwd"), ("passwd", "outside")),
        (lambda manifest: manifest["geometry"].update(focus_frames=0), ("geometry.focus_frames", "0")),
        (lambda manifest: manifest["geometry"].update(focus_frames=99), ("focus_frames", "99")),
        (lambda manifest: manifest["labels"].pop(), ("399 labels", "400")),
        (lambda manifest: manifest["geometry"].update(patch_size=112), ("patch_size", "112")),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(
    adafocus: Call,
    bundle_copy: Path,
    real_videos: list[Path],
    change: Callable[[dict], None],
    words: tuple[str, ...],
) -> None:
    edit_manifest(bundle_copy, change)
    assert_one_sentence(adafocus("run", bundle_copy, real_videos[0]), *words)


def test_a_manifest_that_is_no_json_is_refused(adafocus: Call, bundle_copy: Path, real_videos: list[Path]) -> None:
    (bundle_copy / "manifest.json").write_text("{")
    assert_one_sentence(adafocus("run", bundle_copy, real_videos[0]), "not valid JSON")
    (bundle_copy / "manifest.json").write_bytes(b"\xff\xfe\x00")
    assert_one_sentence(adafocus("run", bundle_copy, real_videos[0]), "manifest.json")


def test_a_bundle_that_is_none_is_refused(
    adafocus: Call, bundle_copy: Path, real_videos: list[Path], tmp_path: Path
) -> None:
    assert_one_sentence(adafocus("run", tmp_path / "nothing", real_videos[0]), "no bundle")
    (bundle_copy / "golden" / "clip.npz").unlink()
    assert_one_sentence(adafocus("inspect", bundle_copy), "clip.npz", "missing")


@pytest.mark.parametrize("runtime", ["tflite", "coreml", "abacus"])
def test_a_runtime_that_is_not_here_is_named(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path], runtime: str
) -> None:
    done = adafocus("run", shipped_bundle.path, real_videos[0], "--runtime", runtime)
    assert_one_sentence(done, runtime, "pip install" if runtime == "tflite" else "litert")


def test_options_that_cannot_be_are_refused(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path], tmp_path: Path
) -> None:
    bundle, video = shipped_bundle.path, real_videos[0]
    assert_one_sentence(adafocus("run", bundle, video, "--threads", 0), "threads is 0")
    assert_one_sentence(adafocus("run", bundle, video, "--threads", 9999, "--runtime", "onnx"), "threads is 9999")
    assert_one_sentence(adafocus("run", bundle, video, "--picture", "out.jpeg"), "out.jpeg", ".png")
    assert_one_sentence(adafocus("run", bundle, video, video, "--picture", "out.png"), "one video")
    blocked = tmp_path / "file"
    blocked.touch()
    assert_one_sentence(adafocus("run", bundle, video, "--picture", blocked / "out.png"), "out.png")
    assert_one_sentence(adafocus("bench", bundle), "0 videos")
    unknown = adafocus("run", bundle, video, "--colour")
    assert unknown.returncode == 2
    assert "--colour" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_another_runtime_gives_the_same_frames_and_the_same_integers(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    answers = [
        json.loads(adafocus("run", shipped_bundle.path, *real_videos, "--json", "--runtime", runtime).stdout)["videos"]
        for runtime in ("litert", "onnx")
    ]
    for one, other in zip(*answers, strict=True):
        assert one["frame_indices"] == other["frame_indices"]
        assert one["top"] == other["top"]
    assert adafocus("selftest", shipped_bundle.path, "--runtime", "onnx").returncode == 0


def test_selftest_passes_and_finds_another_answer(adafocus: Call, bundle_copy: Path) -> None:
    done = adafocus("selftest", bundle_copy, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    answers = bundle_copy / "golden" / "answers.npz"
    with np.load(answers) as stored:
        arrays = dict(stored)
    arrays["focus.logits"] = arrays["focus.logits"].copy()
    arrays["focus.logits"].flat[0] ^= 1
    np.savez_compressed(answers, **arrays)
    from adafocus.edge.bundle.bundle import file_record

    record = file_record(bundle_copy, "golden/answers.npz").model_dump()
    edit_manifest(bundle_copy, lambda manifest: manifest["golden"].update(answers=record))
    # other runtimes may be a step away from the golden outputs, and are shown
    assert_one_sentence(adafocus("selftest", bundle_copy, "--runtime", "litert"), "focus.logits")


def test_inspect_bench_and_doctor_print_what_they_are_asked_for(
    adafocus: Call, shipped_bundle: Bundle, real_videos: list[Path]
) -> None:
    shown = adafocus("inspect", shipped_bundle.path)
    assert shown.returncode == 0, shown.stderr
    assert "glance" in shown.stdout
    assert "100.0 %" in shown.stdout
    report = json.loads(
        adafocus("bench", shipped_bundle.path, real_videos[0], "--clips", 2, "--seconds", 0, "--json").stdout
    )
    medians = report["median_ms"][f"{shipped_bundle.path} litert"]
    assert report["clips"] == 2
    assert {"decode", "host", "glance", "policy", "focus", "total"} <= set(medians)
    assert medians["total"] >= medians["focus"] > 0
    facts = json.loads(adafocus("doctor", "--json").stdout)
    assert "pip install" in facts["runtimes"]["tflite"]
    assert facts["runtimes"]["litert"][0].isdigit()
