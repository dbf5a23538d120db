"""``adafocus doctor``: what it says of this device, and of a bundle on it."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adafocus.edge import selftest as trial
from adafocus.edge.bundle.bundle import Bundle, file_record
from adafocus.edge.commands.doctor import Diagnosis, show
from adafocus.edge.device.cameras import Finding, cameras
from adafocus.edge.device.host import State, read_facts, read_state
from adafocus.edge.device.install import OpenCV, RuntimeState
from adafocus.edge.device.meters import meters
from adafocus.edge.meters import Places
from adafocus.edge.selftest import Trial, try_bundle
from tests.helpers.machines import Programs, jetson_sys, pi_sys, proc, read_by_psutil
from tests.helpers.program import Call, assert_one_sentence, edit_manifest

HERE, MISSING = RuntimeState("2.3.0", None), RuntimeState(None, 'Install it: pip install "adafocus-edge[onnx]"')
OPENCV = OpenCV("5.0.0", ("opencv-python-headless 5.0.0",), {"FFmpeg": True, "GStreamer": False, "V4L2": True}, None)


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diagnosis:
    """Return what is found on a Raspberry Pi that runs hot."""
    programs = Programs(vcgencmd_get_throttled="throttled=0x50004")
    sys = pi_sys(tmp_path / "sys")
    read_by_psutil(monkeypatch, proc(tmp_path / "proc"))
    return Diagnosis(
        facts=read_facts(tmp_path),
        state=read_state(sys, programs),
        opencv=OPENCV,
        runtimes={"litert": HERE, "onnx": MISSING},
        cameras=cameras(sys, tmp_path, tmp_path, lambda name: name == "picamera2"),
        meters=meters(Places(jetson_sys(tmp_path / "jetson"), vcgencmd="none", powermetrics="none")),
        disk_free_bytes=12_300_000_000,
        bundle=None,
    )


def shown(found: Diagnosis, bundle: Path | None = None) -> str:
    console = Console(width=300, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    show(found, bundle, console)
    return console.export_text()


def test_a_hot_pi_is_told_its_clock_heat_throttling_and_memory(pi: Diagnosis) -> None:
    text = shown(pi)
    for words in (
        "Raspberry Pi 5 Model B Rev 1.0",
        "2250 MHz, governor ondemand",
        "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        "cpu-thermal 61.2 °C",
        "throttled, since the start: under-voltage and throttled",
        "6.3 GB free of 8.4 GB, swap 0.3 GB free of 0.5 GB",
        "12.3 GB free",
        "opencv-python-headless 5.0.0",
        "back ends: FFmpeg, V4L2",
        'pip install "adafocus-edge[onnx]"',
        "Picamera2",
        "VDD_IN; besides it VDD_CPU_GPU_CV",
        "next: adafocus selftest BUNDLE",
    ):
        assert words in text, words


def test_what_a_machine_does_not_say_is_unknown(pi: Diagnosis) -> None:
    text = shown(replace(pi, state=State(), cameras=[]))
    assert text.count("unknown") >= 4
    assert "0.0 GB free of 8.4" not in text


@pytest.mark.parametrize(
    ("runtimes", "trials", "can_run", "following"),
    [
        ({"litert": HERE}, None, True, "adafocus selftest BUNDLE"),
        ({"litert": MISSING}, None, False, "install a runtime"),
        ({"litert": HERE}, [Trial("litert", True)], True, "adafocus run b VIDEO"),
        ({"litert": HERE}, [Trial("litert", False, "no")], False, "adafocus selftest b"),
        ({"litert": HERE, "onnx": HERE}, [Trial("litert", False, "no"), Trial("onnx", True)], True, "--runtime onnx"),
        ({"litert": HERE}, [], False, "adafocus selftest b"),
    ],
)
def test_it_can_run_where_one_runtime_is_here_and_the_bundle_answers_in_one(
    pi: Diagnosis,
    runtimes: dict[str, RuntimeState],
    trials: list[Trial] | None,
    can_run: bool,
    following: str,
) -> None:
    found = replace(pi, runtimes=runtimes, bundle=trials)
    assert found.can_run is can_run
    assert following in shown(found, None if trials is None else Path("b"))


def test_too_little_memory_is_told(pi: Diagnosis) -> None:
    found = replace(pi, bundle=[Trial("litert", True, peak_memory_bytes=9_000_000_000)])
    assert "needs 9.0 GB of memory, and 6.3 GB is free" in shown(found, Path("b"))


def test_a_camera_and_a_meter_that_are_shut_say_how_to_open_them(pi: Diagnosis) -> None:
    shut = Finding("/dev/video0", "present but not readable", "USB camera; allow it: sudo usermod -aG video $USER")
    assert "allow it: sudo usermod -aG video" in shown(replace(pi, cameras=[shut]))


@pytest.mark.slow
def test_json_tells_everything_of_this_device(adafocus: Call) -> None:
    done = adafocus("doctor", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["runtimes"]["litert"][0].isdigit()
    assert "pip install" in facts["runtimes"]["tflite"]
    assert facts["opencv"]["version"]
    assert {meter["name"] for meter in facts["meters"]} >= {"RAPL", "INA3221 (Jetson)"}
    assert facts["memory_bytes"] > facts["state"]["memory_available_bytes"] > 0
    assert facts["can_run"] is True
    assert facts["trials"] is None


def test_a_bundle_is_tried_in_every_runtime_it_holds(adafocus: Call, shipped_bundle: Bundle) -> None:
    done = adafocus("doctor", shipped_bundle.path, "--json")
    assert done.returncode == 0, done.stderr
    trials = {found["runtime"]: found for found in json.loads(done.stdout)["trials"]}
    for name in ("litert", "onnx", "executorch"):
        assert trials[name]["answers"] is True, trials[name]
        assert trials[name]["peak_memory_bytes"] > 50e6
    assert "pip install" in trials["tflite"]["problem"]
    assert "macOS" in trials["coreml"]["problem"]


def test_a_bundle_that_answers_otherwise_is_told_and_ends_with_1(adafocus: Call, bundle_copy: Path) -> None:
    """Only the graphs of one runtime are left, and one of them is no graph any more."""
    name = Bundle.open(bundle_copy).manifest.stages["focus"]["litert"].file
    (bundle_copy / name).write_bytes(b"no graph at all, but the manifest was changed with it")
    record = file_record(bundle_copy, name).model_dump()

    def change(manifest: dict) -> None:
        manifest["stages"] = {stage: {"litert": graphs["litert"]} for stage, graphs in manifest["stages"].items()}
        manifest["stages"]["focus"]["litert"].update(record)

    edit_manifest(bundle_copy, change)
    done = adafocus("doctor", bundle_copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cannot be opened by the runtime" in done.stdout.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_a_damaged_bundle_ends_in_one_sentence(adafocus: Call, bundle_copy: Path, tmp_path: Path) -> None:
    (bundle_copy / "golden" / "clip.npz").unlink()
    assert_one_sentence(adafocus("doctor", bundle_copy), "clip.npz", "missing")
    assert_one_sentence(adafocus("doctor", tmp_path / "nothing"), "no bundle")


def crash(answer: object, path: str, runtime: str, threads: int, accelerator: str | None) -> None:
    os.kill(os.getpid(), signal.SIGSEGV if runtime == "litert" else signal.SIGKILL)


def hang(answer: object, path: str, runtime: str, threads: int, accelerator: str | None) -> None:
    signal.pause()


def give_up(answer: object, path: str, runtime: str, threads: int, accelerator: str | None) -> None:
    os._exit(7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("child", "runtime", "words"),
    [
        (crash, "litert", "crashed with SIGSEGV"),
        (crash, "onnx", "memory was full"),
        (give_up, "litert", "code 7"),
        (hang, "litert", "did not answer within 5 s"),
    ],
)
def test_a_library_that_crashes_or_hangs_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, child: object, runtime: str, words: str
) -> None:
    monkeypatch.setattr(trial, "_child", child)
    found = try_bundle(Path("anything"), runtime, limit_s=5 if child is hang else 120)
    assert not found.answers
    assert words in found.text


def test_where_no_process_can_be_started_it_is_tried_in_this_one(
    monkeypatch: pytest.MonkeyPatch, shipped_bundle: Bundle
) -> None:
    """As in an emulator whose processes cannot start others."""

    def refuse(self: object) -> None:
        raise OSError(8, "Exec format error")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    assert try_bundle(shipped_bundle.path, "litert").answers
