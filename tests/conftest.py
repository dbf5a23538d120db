"""Fixtures that several rooms share, and the rule that CI skips nothing unexpected."""

from __future__ import annotations

import csv
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from filelock import FileLock

from adafocus.apps.demo.videos import TEST
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import ExitBudget, Exits
from adafocus.edge.cli import run
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import file_runtimes
from tests.helpers import COLLECTED
from tests.helpers.grey_clips import CLIPS
from tests.helpers.numpy_bundle import NumpyOpener, numpy_bundle
from tests.helpers.program import PROGRAM, RUN_LIMIT_S, Call, CallHere, Done

ROOT = Path(__file__).resolve().parent.parent
# the published configuration, with a policy network; most tests are of it
MODEL = ROOT / "tests" / "assets" / "x3d-xs-xs-k400.safetensors"
READY_BUNDLE = ROOT / "bundles" / "x3d-xs-xs-k400-litert.zip"
SHARED = Path(os.environ.get("ADAFOCUS_SHARED", ROOT.parent / "shared"))
IN_CI = os.environ.get("CI", "").lower() == "true"
EXPECTED = "expected in CI: "
# a test has these markers by what it asks for: what is converted, downloaded or read from ../shared
MARKERS_OF_FIXTURES = {"shared": "shared", "shipped_bundle": "slow", "real_videos": "slow"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's background jobs ignore Ctrl-C, and so would every program that the tests start and interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


EXITS = Exits(temperature=2.0, budgets=(ExitBudget(unit="GMAC", budget=0.0012, thresholds=(0.6,)),))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they use, themselves or through other fixtures."""
    for item in items:
        for fixture, marker in MARKERS_OF_FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
    _convert_first(items)
    if items:
        items[0].config.stash[COLLECTED] = tuple(items)


def _convert_first(items: list[pytest.Item]) -> None:
    """Let one file of tests begin with the conversion that many wait for, and put the others that wait last.

    Else all processes soon stand still until it is done.
    """
    waiting = dict.fromkeys(item.path for item in items if "shipped_bundle" in getattr(item, "fixturenames", ()))
    first = next(iter(waiting), None)
    items.sort(key=lambda item: 0 if item.path == first else 1 + (item.path in waiting))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of clips, weights and reference numbers that lies beside the repository."""
    if not SHARED.is_dir():
        # nobody said that it is there
        expected = "" if "ADAFOCUS_SHARED" in os.environ else EXPECTED
        pytest.skip(f"{expected}the shared clips, weights and reference numbers are not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def rules(shared: Path) -> ModuleType:
    """Return the executable form of the reference's weight and input rules."""
    spec = importlib.util.spec_from_file_location("reference_rules", shared / "reference" / "make_weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def model_path() -> Path:
    return MODEL


@pytest.fixture(scope="session")
def real_videos(shared_folder: Path) -> list[Path]:
    with FileLock(shared_folder / "videos.lock"):
        return TEST.fetch()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of one run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bundle", help="a bundle of the shipped model, for all runtimes, instead of converting it anew")


@pytest.fixture(scope="session")
def shipped_bundle(request: pytest.FixtureRequest, shared_folder: Path, real_videos: list[Path]) -> Bundle:
    """Return the shipped model, converted once for all processes and verified on real clips, for every runtime."""
    from adafocus.converters.export import Request, export

    if request.config.getoption("--bundle"):
        return Bundle.open(request.config.getoption("--bundle"))

    place = shared_folder / "shipped"
    place.mkdir(exist_ok=True)
    with FileLock(place / "lock"):
        if not (place / "bundle").exists():
            assert export(Request(MODEL, place / "bundle", "int8", real_videos, 2, file_runtimes())).bundle is not None
    return Bundle.open(place / "bundle")


@pytest.fixture(scope="session")
def ready_bundle(request: pytest.FixtureRequest) -> Bundle:
    """Return a bundle that nobody has to convert: that of the repository, or the one after ``--bundle``."""
    path = Path(request.config.getoption("--bundle") or READY_BUNDLE)
    if not path.exists():
        pytest.skip(f"there is no bundle at {path}")
    return Bundle.open(path)


@pytest.fixture
def adafocus(tmp_path: Path) -> Call:
    """Start the program in an empty folder of its own."""
    folder = tmp_path / "working_folder"
    folder.mkdir()

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_LIMIT_S,
        )

    return call


@pytest.fixture
def adafocus_here(capsys: pytest.CaptureFixture[str]) -> CallHere:
    """Run the program within this process."""

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def bundle_copy(shipped_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_bundle.path, tmp_path / "copied_bundle"))


@pytest.fixture
def clip_list(tmp_path: Path) -> Path:
    place = tmp_path / "clips"
    place.mkdir()
    rows = []
    for number, (level, label, group) in enumerate(CLIPS):
        np.save(place / f"{number}.npy", np.full((12, 16, 16, 3), level, np.uint8))
        rows.append([f"{number}.npy", label, group, "val"])
    with (place / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "split"], *rows])
    return place / "clips.csv"


@pytest.fixture
def opener() -> NumpyOpener:
    return NumpyOpener()


@pytest.fixture
def recognizer(opener: NumpyOpener) -> Recognizer:
    return Recognizer(numpy_bundle("tsm", EXITS), "litert", 1, None, opener)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped in CI, where everything can be installed, unless the reason says that it is expected."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if EXPECTED not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where nothing may be skipped: {reason}"
    return report
