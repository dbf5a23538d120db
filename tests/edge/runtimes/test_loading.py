"""A native library that does not load: one sentence with the install line, and ``doctor`` tells the truth."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.device.install import library_state, load_problem_apart, opencv, runtime_states
from adafocus.edge.runtime_table import RUNTIMES, RuntimeSpec
from adafocus.edge.runtimes import unavailable
from adafocus.edge.runtimes.loading import again, load_problem, load_sentence
from tests.helpers.program import Call, assert_one_sentence

GIVEN_UP = {
    "libGL.so.1: cannot open shared object file": "raise ImportError('libGL.so.1: cannot open shared object file')",
    "version GLIBCXX_3.4.30 not found": "raise OSError('libstdc++.so.6: version GLIBCXX_3.4.30 not found')",
    "AttributeError: _ARRAY_API not found": "raise AttributeError('_ARRAY_API not found')",
    "No module named 'of_its_own'": "import of_its_own",
}
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
Break = Callable[[str, str], None]


@pytest.fixture
def break_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Break]:
    """Put a module before the installed one, for processes that are started; here only what nobody else imports."""
    place = tmp_path / "broken"
    place.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.setattr(sys, "path", [str(place), *sys.path])

    def broken(module: str, code: str) -> None:
        *packages, last = module.split(".")
        folder = place
        for package in packages:
            folder = folder / package
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / f"{last}.py").write_text(code)
        invalidate_caches()

    before = set(sys.modules)
    yield broken
    for name in set(sys.modules) - before:
        # packages that were made up here
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(place)):
            del sys.modules[name]


@pytest.mark.parametrize(("said", "code"), GIVEN_UP.items())
@pytest.mark.parametrize("module", ["native_toy", "toy_package.native", "toy_package.deep.native"])
def test_a_runtime_that_does_not_load_is_unavailable(
    break_library: Break, monkeypatch: pytest.MonkeyPatch, module: str, said: str, code: str
) -> None:
    spec = RuntimeSpec("toy", "adafocus.edge.runtimes.litert:open_litert", (module,), "numpy", "toy")
    monkeypatch.setitem(RUNTIMES, "toy", spec)
    assert "The runtime toy is not installed" in str(unavailable("toy"))
    break_library(module, code)
    sentence = unavailable("toy")
    assert sentence is not None
    assert said in sentence
    assert f"The package {module.partition('.')[0]} is installed, but does not load here" in sentence
    assert 'pip install --force-reinstall "adafocus-edge[toy]"' in sentence


@pytest.mark.parametrize(("said", "code"), GIVEN_UP.items())
@pytest.mark.parametrize("module", ["some_library", "other_library.native"])
def test_what_a_library_raised_when_it_was_loaded_is_a_sentence(
    break_library: Break, module: str, said: str, code: str
) -> None:
    break_library(module, code)
    assert said in str(load_problem((module,)))
    error = None
    try:
        exec(compile(f"import {module}", "program", "exec"), {"__name__": "adafocus.edge.somewhere"})
    except Exception as raised:
        error = raised
    assert error is not None
    sentence = load_sentence(error)
    assert sentence is not None
    assert said in sentence
    assert f"The package {module.partition('.')[0]} is installed, but does not load" in sentence
    assert "pip install --force-reinstall" in sentence


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("cv2", "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless"),
        ("av", "pip install --force-reinstall av"),
        ("ai_edge_litert", 'pip install --force-reinstall "adafocus-edge[litert]"'),
        ("onnxruntime", 'pip install --force-reinstall "adafocus-edge[onnx]"'),
        ("coremltools", 'pip install --force-reinstall "adafocus-edge[coreml]"'),
        ("executorch", 'pip install --force-reinstall "adafocus-edge[executorch]"'),
        ("torchao", 'pip install --force-reinstall "adafocus-edge[workstation]"'),
    ],
)
def test_every_library_has_a_line_that_installs_it_again(module: str, line: str) -> None:
    assert again(module).endswith(line)


@pytest.mark.parametrize("module", ["cv2", "av", "psutil"])
def test_a_library_that_is_not_there_is_not_said_to_be_one_of_workstations(module: str) -> None:
    sentence = load_sentence(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert sentence is not None
    assert "Install it: pip install" in sentence
    assert "workstation" not in sentence
    assert "workstation" in str(load_sentence(ModuleNotFoundError("No module named 'torch'", name="torch")))


@pytest.mark.parametrize("error", [OSError("no space"), ValueError("x"), ImportError("x", name="adafocus.edge.y")])
def test_other_errors_are_none_of_loading(error: Exception) -> None:
    assert load_sentence(error) is None


@pytest.mark.slow
def test_a_library_for_another_processor_does_not_end_the_one_who_asks(break_library: Break) -> None:
    for module in ("cv2", "av", "ai_edge_litert.interpreter"):
        break_library(module, CRASH)
        assert "crashed with SIGILL" in str(load_problem_apart((module,)))
    assert "crashed with SIGILL" in str(opencv().problem)
    assert "crashed with SIGILL" in library_state("av", "av").text
    assert "crashed with SIGILL" in runtime_states()["litert"].text


@pytest.mark.slow
@pytest.mark.parametrize("said", list(GIVEN_UP)[:3])
def test_without_opencv_some_verbs_work_and_the_others_say_how_to_install_it(
    adafocus: Call, break_library: Break, ready_bundle: Bundle, said: str
) -> None:
    break_library("cv2", GIVEN_UP[said])
    assert adafocus("--version").returncode == 0
    assert adafocus("inspect", ready_bundle.path).returncode == 0
    done = adafocus("doctor", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert said in found["opencv"]["problem"]
    assert found["can_run"] is False
    for words in (
        ("run", ready_bundle.path, "clip.mp4"),
        ("stream", ready_bundle.path, "clip.mp4"),
        ("bench", "a", "b"),
    ):
        assert_one_sentence(adafocus(*words), said, "opencv-python-headless")


@pytest.mark.slow
@pytest.mark.parametrize("said", list(GIVEN_UP)[:3])
def test_with_a_runtime_that_does_not_load_every_verb_says_so(
    adafocus: Call, break_library: Break, ready_bundle: Bundle, tmp_path: Path, said: str
) -> None:
    break_library("ai_edge_litert.interpreter", GIVEN_UP[said])
    bundle = ready_bundle.path
    line = "adafocus-edge[litert]"
    found = json.loads(adafocus("doctor", "--json").stdout)
    assert said in found["runtimes"]["litert"]
    assert line in found["runtimes"]["litert"]
    done = adafocus("inspect", bundle)
    assert said in done.stdout
    assert "Traceback" not in done.stderr
    assert_one_sentence(adafocus("selftest", bundle, "--runtime", "litert"), said, line)
    for words in (("run", bundle, "clip.mp4"), ("stream", bundle, "clip.mp4"), ("bench", bundle, "clip.mp4")):
        assert_one_sentence(adafocus(*words), said, line)
