"""What is installed elsewhere: the wheel and the source distribution, built from a copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("edge", "networks", "calibration", "converters", "apps")
OTHER_FILES = ("pyproject.toml", "README.md", "LICENSE")
DATA = {"calibration": ("*.yaml", "*.html"), "apps/camera/page": ("*.*",)}
BUILD_LIMIT_S = 300

pytestmark = pytest.mark.slow


def build(kind: str, source: Path, out: Path) -> Path:
    """Build a wheel or an sdist with what is installed here, and return the file."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_LIMIT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is packed; to build in the tree itself would leave files there."""
    place = tmp_path_factory.mktemp("tree")
    for folder in ("src", *ROOMS):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, place / folder, symlinks=True, ignore=ignored)
    for name in OTHER_FILES:
        shutil.copy(ROOT / name, place / name)
    # neither belongs into a wheel
    for folder in ("tests", "benchmarks"):
        (place / folder).mkdir()
        (place / folder / "__init__.py").touch()
    return place


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tree, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked_sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sdist, place = build("sdist", tree, tmp_path_factory.mktemp("sdist")), tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (folder,) = place.iterdir()
    return folder


def files_in(wheel: Path) -> set[str]:
    """Return the files of a wheel without those that describe it."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if not name.partition("/")[0].endswith(".dist-info")}


def files_of_the_tree() -> set[str]:
    """Return what a wheel must hold, as the tree has it: modules, recipes, labels, and pages."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    paths += [path for place, kinds in DATA.items() for kind in kinds for path in (ROOT / place).rglob(kind)]
    top = {path.name for path in (ROOT / "src" / "adafocus").glob("*.py")} | {"py.typed"}
    return {f"adafocus/{name}" for name in top | {path.relative_to(ROOT).as_posix() for path in paths}}


def test_the_wheel_holds_the_rooms_under_one_name_and_nothing_else(wheel: Path) -> None:
    found = files_in(wheel)
    assert {name.partition("/")[0] for name in found} == {"adafocus"}
    assert found == files_of_the_tree()
    for name in (
        "adafocus/py.typed",
        "adafocus/calibration/recipes/x3d-xs-xs-k400.yaml",
        "adafocus/calibration/labels/ucf6_to_kinetics400.yaml",
        "adafocus/calibration/evaluation/report/report.html",
        "adafocus/apps/camera/page/page.html",
    ):
        assert name in found


def test_folders_of_the_user_do_not_hide_the_package(wheel: Path, tmp_path: Path) -> None:
    installed, work = tmp_path / "installed", tmp_path / "work"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    for room in ROOMS:
        (work / room).mkdir(parents=True)
        (work / room / "__init__.py").write_text("raise ImportError('this is the folder of the user')\n")
    script = "import adafocus; from adafocus import Recognizer; print(adafocus.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_a_wheel_can_be_built_from_the_source_distribution(unpacked_sdist: Path, wheel: Path, tmp_path: Path) -> None:
    assert (unpacked_sdist / "src" / "adafocus" / "edge" / "recognizer.py").is_file()
    assert files_in(build("wheel", unpacked_sdist, tmp_path)) == files_in(wheel)
