"""The program as a service: what systemd is told, how it ends, the unit, and the install script's own words."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from adafocus.apps.camera.board import JETSON, PI
from adafocus.apps.camera.program import command_of
from adafocus.apps.camera.service import Service
from adafocus.edge import sources
from adafocus.edge.commands.inputs import DEFAULT_BUNDLE
from tests.helpers.mjpeg_server import MjpegServer

ROOT = Path(__file__).resolve().parents[3]
BOARDS = (PI, JETSON)
UNIT = "adafocus-camera.service"
ENDS_S = 20.0


@pytest.fixture
def manager(tmp_path: Path) -> socket.socket:
    """Return the socket of a service manager."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(60.0)
    return channel


def heard_until(channel: socket.socket, wanted: bytes) -> list[bytes]:
    found: list[bytes] = []
    while not found or found[-1] != wanted:
        found.append(channel.recv(4096))
    return found


def test_the_watchdog_is_fed_four_times_before_it_bites(manager: socket.socket) -> None:
    told = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"}
    service, ends_s = Service(told), time.monotonic() + 0.22
    service.ready()
    while time.monotonic() < ends_s:
        service.alive()
        time.sleep(0.002)
    service.stopping()
    heard = heard_until(manager, b"STOPPING=1")
    assert heard[0] == b"READY=1"
    assert 4 <= heard.count(b"WATCHDOG=1") <= 6


def test_a_watchdog_of_another_process_is_not_fed(manager: socket.socket) -> None:
    around = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    assert not Service(around).watchdog_s
    Service({"NOTIFY_SOCKET": "/none/such"}).ready()


@pytest.mark.skipif(not DEFAULT_BUNDLE.is_file(), reason="the ready bundle comes with a checkout")
def test_it_is_ready_serves_its_page_is_alive_and_ends_cleanly_on_sigterm(
    manager: socket.socket, tmp_path: Path
) -> None:
    around = {**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "400000"}
    with MjpegServer() as camera:
        address = f"http://127.0.0.1:{camera.port}/"
        options = ("--web", "127.0.0.1:0", "--threads", "1", "--window", "1s", "--events", str(tmp_path / "events"))
        call = [sys.executable, "-m", PI.module, address, *options]
        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=around) as process:
            line = process.stdout.readline() if process.stdout else ""
            heard_until(manager, b"READY=1")
            heard_until(manager, b"WATCHDOG=1")
            url = line.removeprefix("The page is at ").strip()
            with urlopen(url + "picture.jpg") as answer:
                assert answer.read(2) == b"\xff\xd8"
            with urlopen(url + "state.json") as answer:
                told = json.load(answer)
            process.send_signal(signal.SIGTERM)
            assert process.wait(ENDS_S) == 0
            heard_until(manager, b"STOPPING=1")
    assert told["source"]["state"] == "running"
    assert told["device"]["labels"] == 400
    last = json.loads((tmp_path / "events").read_text().splitlines()[-1])
    assert (last["event"], last["frames"]["missed"]) == ("summary", 0)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none-such"], "no source that is known"),
        (["/dev/video0", "--web", "0.0.0.0"], "--token-file"),
        (["/dev/video0", "--hook", "/none/such"], "--hook"),
        (["/dev/video0", "--budget", "1GMAC", "--exit-threshold", "0.5"], "one of the two"),
        (["/dev/video0", "--web", "198.51.100.1:80", "--token-file", "token"], "cannot be served at"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_opened(
    board: object, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command_of(board), words)  # type: ignore[arg-type]
    assert said in str(done.exception)


@pytest.mark.parametrize(("jetson", "meant"), [(False, "picamera:1"), (True, "jetson:1")])
def test_a_camera_at_the_connector_is_that_of_the_board(
    jetson: bool, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "nv_tegra_release"
    if jetson:
        release.touch()
    monkeypatch.setattr(sources, "JETSON", release)
    assert sources.address_text("csi://1") == sources.address_text(Path("csi://1")) == meant
    assert sources.kind_of("CSI://1").name == meant.partition(":")[0]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_systemd_accepts_the_unit(board: object, tmp_path: Path) -> None:
    units = Path("/usr/lib/systemd/system")
    if shutil.which("systemd-analyze") is None or not units.is_dir():
        pytest.skip("there is no systemd here: apt-get install systemd")
    folder = ROOT / "apps" / board.module.rpartition(".")[2]  # type: ignore[attr-defined]
    text = (folder / UNIT).read_text()
    program = tmp_path / "opt/adafocus/venv/bin/python"
    program.parent.mkdir(parents=True)
    # what a link leads to lies outside of this root
    shutil.copy("/bin/true", program)
    shutil.copytree(units, tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    shutil.copy(folder / UNIT, tmp_path / "etc/systemd/system")
    call = ["systemd-analyze", "verify", f"--root={tmp_path}", "--man=no", UNIT]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"-m {board.module} " in text  # type: ignore[attr-defined]
    assert text.count("$OPTIONS") == 1


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "--service"),
        (["--fast"], 2, "--fast is no option"),
        (["--web"], 2, "--web needs a value"),
        (["--service", "--prefix", "/x"], 2, "/opt/adafocus"),
    ],
)
def test_the_install_script_says_what_it_takes(board: object, words: list[str], code: int, said: str) -> None:
    script = ROOT / "apps" / board.module.rpartition(".")[2] / "install.sh"  # type: ignore[attr-defined]
    done = subprocess.run(["sh", str(script), *words], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
