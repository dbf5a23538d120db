"""What is done on labels: programs, pins, messages; each within bounds, and never waited for."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from adafocus.apps.camera.actions import Worker
from adafocus.apps.camera.actions.action import WAITING, Event
from adafocus.apps.camera.actions.hook import Hook
from adafocus.apps.camera.actions.led import Led
from adafocus.apps.camera.actions.mqtt import Mqtt
from adafocus.errors import AdafocusError

LABELS = ("walk", "run")


def switched(to: str | None, before: str | None = None) -> dict[str, Any]:
    return {"event": "switched", "from": before, "to": to, "score": 0.5}


def until(true: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


class Slow:
    """An action that waits until it may go on."""

    name, kinds, limit_s = "slow", frozenset({"switched"}), 5.0

    def __init__(self) -> None:
        self.free, self.acted, self.closed = threading.Event(), list[str](), False

    def check(self, labels: Sequence[str]) -> None:
        pass

    def act(self, event: Event) -> None:
        self.free.wait(self.limit_s)
        if event["to"] == "bad":
            raise AdafocusError("It failed.")
        self.acted.append(event["to"])

    def close(self) -> None:
        self.closed = True


def test_a_slow_action_is_not_waited_for_and_the_newest_events_are_kept() -> None:
    action, told = Slow(), list[str]()
    worker = Worker(action, told.append)
    worker.put(switched("first"))
    assert until(lambda: not worker._waiting)
    began_s = time.monotonic()
    for number in range(100):
        worker.put(switched(str(number)))
        worker.put({"event": "answer"})
    assert time.monotonic() - began_s < 1.0
    assert worker.state()["dropped"] == 100 - WAITING
    action.free.set()
    worker.close()
    assert action.acted == ["first", *map(str, range(100 - WAITING, 100))]
    assert action.closed
    assert not told


def test_failures_are_counted_and_said_once_until_it_works_again() -> None:
    action, told = Slow(), list[str]()
    action.free.set()
    worker = Worker(action, told.append)
    for label in ("bad", "bad", "good", "bad"):
        worker.put(switched(label))
    worker.close()
    assert (worker.state()["done"], worker.state()["failed"], told) == (1, 3, ["It failed."] * 2)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def make(text: str) -> str:
        path = tmp_path / "my hook.py"
        path.write_text(text, encoding="utf-8")
        return f"{sys.executable} '{path}'"

    return make


def test_a_hook_gets_the_event_and_no_shell_reads_its_words(script: Callable[[str], str], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    text = (
        "import json, os, sys; json.dump([sys.argv[1:], json.load(sys.stdin), os.environ['ADAFOCUS_LABEL']], "
        f"open({str(out)!r}, 'w'))"
    )
    Hook(f"{script(text)} '$(touch x)' ; touch x").act(switched("run; reboot"))
    words, event, label = json.loads(out.read_text())
    assert words == ["$(touch x)", ";", "touch", "x"]
    assert (event["to"], label) == ("run; reboot", "run; reboot")
    assert not Path("x").exists()


def test_a_hook_that_takes_too_long_is_ended_with_what_it_started(script: Callable[[str], str], tmp_path: Path) -> None:
    place = tmp_path / "child"
    text = (
        "import pathlib, subprocess, time; child = subprocess.Popen(['sleep', '60']); "
        f"pathlib.Path({str(place)!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(AdafocusError, match="took longer than"):
        Hook(script(text), limit_s=1.5).act(switched("run"))
    child = int(place.read_text())

    def ended() -> bool:
        with suppress(OSError):
            return Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"
        return True

    assert until(ended)


def test_a_hook_that_fails_says_how(script: Callable[[str], str]) -> None:
    with pytest.raises(AdafocusError, match="exit code 3"):
        Hook(script("raise SystemExit(3)")).act(switched("run"))


@pytest.mark.parametrize("command", ["", "/none/such", "'not closed"])
def test_a_hook_that_cannot_be_started_is_refused_at_once(command: str) -> None:
    with pytest.raises(AdafocusError, match="--hook"):
        Hook(command)


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let gpiozero think of pins."""
    gpiozero = pytest.importorskip("gpiozero", reason="gpiozero is not installed")
    factory = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.close()


def test_a_pin_is_on_while_its_label_is_shown(pins: Any) -> None:
    any_label, one = Led("17"), Led("run=18")
    states = []
    for label in ("walk", "run", None):
        for led in (any_label, one):
            led.act(switched(label))
        states.append((pins.pin(17).state, pins.pin(18).state))
    assert states == [(1, 0), (1, 1), (0, 0)]
    one.act(switched("run"))
    for led in (any_label, one):
        led.close()
    assert not pins.pin(18).state


def test_a_pin_of_a_label_that_the_model_does_not_have_is_refused(pins: Any) -> None:
    with closing(Led("wolk=17")) as led, pytest.raises(AdafocusError, match="'walk'"):
        led.check(LABELS)


@pytest.mark.parametrize("address", ["", "led", "run=", "17:gpiochip0"])
def test_an_address_of_no_pin_is_refused(address: str) -> None:
    with pytest.raises(AdafocusError, match="--led"):
        Led(address)


def test_without_the_library_of_pins_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(AdafocusError, match="apt install python3-gpiozero"):
        Led("17")
    with pytest.raises(AdafocusError, match="pip install gpiod"):
        Led("gpiochip0:17")


class Broker:
    """As much of a broker of MQTT 3.1.1 as a publisher needs."""

    def __init__(self, answers: bool = True) -> None:
        self._answers, self.published = answers, list[tuple[str, bytes, bool]]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            channel, _ = self._listener.accept()
            with channel, channel.makefile("rb") as file:
                while head := file.read(1):
                    self._take(channel, head[0], file.read(_length(file)))

    def _take(self, channel: socket.socket, head: int, body: bytes) -> None:
        if not self._answers:
            return
        if head >> 4 == 1:
            channel.sendall(b"\x20\x02\x00\x00")
        elif head >> 4 == 3:
            size = int.from_bytes(body[:2], "big")
            quality = head >> 1 & 3
            rest = body[2 + size + (2 if quality else 0) :]
            self.published.append((body[2 : 2 + size].decode(), rest, bool(head & 1)))
            if quality:
                channel.sendall(b"\x40\x02" + body[2 + size : 4 + size])

    def close(self) -> None:
        self._listener.close()


def _length(file: Any) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value


def test_labels_are_kept_by_the_broker_and_leaving_is_told() -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    with closing(Broker()) as broker:
        action = Mqtt(f"mqtt://127.0.0.1:{broker.port}/hall")
        action.act(switched("run"))
        action.act({"event": "answer", "number": 1})
        action.close()
        assert until(lambda: len(broker.published) == 4)
    assert broker.published[0] == ("hall/status", b"online", True)
    assert ("hall/label", b"run", True) in broker.published
    assert ("hall/prediction", b'{"event": "answer", "number": 1}', False) in broker.published
    assert broker.published[-1] == ("hall/status", b"offline", True)


def test_a_broker_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    monkeypatch.setattr(Mqtt, "limit_s", 0.4)
    with closing(Broker(answers=False)) as broker, closing(Mqtt(f"mqtt://127.0.0.1:{broker.port}")) as action:
        began_s = time.monotonic()
        with pytest.raises(AdafocusError, match="no connection"):
            action.act(switched("run"))
        assert time.monotonic() - began_s < 2.0


@pytest.mark.parametrize("address", ["", "mqtt://", "http://host", "mqtt://host:x", "mqtt://host/a/#"])
def test_an_address_of_no_broker_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(AdafocusError, match="--mqtt"):
        Mqtt(address)


def test_without_the_library_of_messages_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(AdafocusError, match="pip install"):
        Mqtt("mqtt://host")


def test_this_process_is_not_the_one_that_hooks_run_in() -> None:
    """What a service manager tells this program is not handed to hooks."""
    os.environ["NOTIFY_SOCKET"] = "/nowhere"
    try:
        Hook(f"{sys.executable} -c \"import os, sys; sys.exit('NOTIFY_SOCKET' in os.environ)\"").act(switched("run"))
    finally:
        del os.environ["NOTIFY_SOCKET"]
