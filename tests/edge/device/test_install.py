"""The line that installs a runtime, for interpreters and systems that are not this one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adafocus.edge.device.install import OPENCV, Interpreter, how_to_install, opencv, runtime_states, version_of
from adafocus.edge.runtime_table import RUNTIMES

PI = Interpreter("Linux", "/usr/bin/python3", False, 2)
BUILD = """  Video I/O:
    FFMPEG:                      YES
    GStreamer:                   YES (1.22.0)
    v4l/v4l2:                    YES (linux/videodev2.h)
"""


def test_the_extras_of_the_project_are_those_of_the_table() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("expected in CI: tomllib is there from Python 3.11 on")
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    others = {"energy", "gpio", "mqtt", "workstation", "dev", "docs"}
    assert set(extras) == {spec.extra for spec in RUNTIMES.values()} | others
    for spec in RUNTIMES.values():
        pinned = [package for package in extras[spec.extra] if package.startswith(f"{spec.distribution}==")]
        # JetPack's own TensorRT is not in the package index
        assert len(pinned) == (spec.name != "tensorrt"), spec.name
        for package in spec.install_first:
            assert package in extras["workstation"]
        if spec.numpy is not None:
            assert f"numpy<{spec.numpy + 1}" in extras[spec.extra]


@pytest.mark.parametrize("runtime", ["litert", "onnx", "executorch"])
def test_a_raspberry_pi_with_bookworm_can_have_most_of_them(runtime: str) -> None:
    line = how_to_install(runtime, PI)
    assert f'/usr/bin/python3 -m pip install "adafocus-edge[{runtime}]"' in line
    assert ("torch==2.13.0" in line) == (runtime == "executorch")


def test_numpy_2_sends_tflite_into_an_environment_of_its_own() -> None:
    line = how_to_install("tflite", PI)
    assert "-m venv ~/adafocus-tflite && ~/adafocus-tflite/bin/pip install" in line
    assert "needs Python 3.11 or older, numpy 1; numpy here is 2" in line
    assert '/usr/bin/python3 -m pip install "adafocus-edge[tflite]"' in how_to_install("tflite", replace(PI, numpy=1))


@pytest.mark.parametrize(("system", "shown"), [("Linux", "Linux"), ("FreeBSD", "FreeBSD")])
def test_a_runtime_of_another_system_says_what_was_found_and_what_there_is(system: str, shown: str) -> None:
    sentence = how_to_install("coreml", replace(PI, system=system))
    assert f"exists on macOS only, this is {shown}" in sentence
    assert "--runtime litert" in sentence
    assert "pip install" not in sentence
    assert "pip install" in how_to_install("coreml", replace(PI, system="Darwin"))


@pytest.mark.parametrize("name", [name for name, spec in RUNTIMES.items() if not spec.systems])
def test_every_other_runtime_is_left_to_pip_wherever_it_is_asked_for(name: str) -> None:
    """Which files there are for a machine changes with every release, and pip says so itself."""
    for system in ("Linux", "Windows", "FreeBSD"):
        assert f'pip install "adafocus-edge[{name}]"' in how_to_install(name, replace(PI, system=system, numpy=1))


def test_a_managed_python_is_given_an_environment_that_sees_the_camera() -> None:
    managed = replace(PI, managed=True)
    line = how_to_install("litert", managed)
    assert "/usr/bin/python3 -m venv --system-site-packages ~/adafocus" in line
    assert '~/adafocus/bin/pip install "adafocus-edge[litert]"' in line
    both = how_to_install("executorch", managed)
    assert both.count("-m venv") == 1
    assert both.index("torch==2.13.0") < both.index("adafocus-edge[executorch]")


def test_an_interpreter_in_a_folder_with_a_space_is_quoted() -> None:
    assert "'/home/me/my env/python' -m pip" in how_to_install("litert", replace(PI, program="/home/me/my env/python"))


@pytest.mark.slow
def test_here_every_runtime_has_a_version_or_a_sentence() -> None:
    for name, state in runtime_states().items():
        assert (state.version is None) != (state.missing is None)
        assert state.text[0].isdigit() or name in state.text


@pytest.mark.parametrize(
    ("installed", "source"),
    [
        ({"opencv-python": "5.0.0"}, "opencv-python 5.0.0"),
        ({"opencv-python-headless": "5.0.0"}, "opencv-python-headless 5.0.0"),
        ({}, "of the system"),
    ],
)
def test_opencv_is_named_by_the_package_that_holds_it(installed: dict[str, str], source: str) -> None:
    found = opencv(installed.get, BUILD)
    assert source in found.text
    assert found.back_ends == {"FFmpeg": True, "GStreamer": True, "V4L2": True}
    assert found.note is None


def test_two_packages_of_opencv_at_once_are_trouble() -> None:
    note = opencv(dict.fromkeys(OPENCV[:2], "5.0.0").get, BUILD).note
    assert note is not None
    assert "pip uninstall opencv-python opencv-python-headless" in note


def test_opencv_without_ffmpeg_reads_few_files() -> None:
    found = opencv(lambda _: None, BUILD.replace("FFMPEG:                      YES", "FFMPEG:                      NO"))
    assert found.back_ends["FFmpeg"] is False
    assert found.note is not None
    assert "FFmpeg" in found.note


def test_a_missing_distribution_has_no_version() -> None:
    assert version_of("no-such-distribution-at-all") is None
    assert version_of("numpy")
