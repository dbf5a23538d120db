"""Plugs over HTTP, against a server of this process that answers as they do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adafocus.edge.meters import address_of as address
from adafocus.edge.meters import choose_meter, meter_of
from adafocus.edge.meters.meter import Reading
from adafocus.edge.meters.sampling import LiveMeter
from adafocus.errors import MeterError
from tests.edge.meters.recorded import undisturbed

SHELLY = {"id": 0, "output": True, "apower": 7.5, "voltage": 231.0, "aenergy": {"total": 12.3}}
TASMOTA = {"StatusSNS": {"Time": "2025-01-01T00:00:00", "ENERGY": {"Total": 1.2, "Power": 6.5}}}


class Server(ThreadingHTTPServer):
    """A plug.

    Attributes:
        answers: what each path gives: text or JSON, and the status.
        asked: paths, in order.
    """

    answers: dict[str, tuple[int, Any]]
    asked: list[str]

    @property
    def host(self) -> str:
        """Address for ``--meter``."""
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, answer = self.server.answers.get(self.path, (404, "Not Found"))
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def plug() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.answers = {
            "/rpc/Switch.GetStatus?id=0": (200, SHELLY),
            "/rpc/Switch.GetStatus?id=1": (200, SHELLY | {"apower": 9.5}),
            "/cm?cmnd=Status%208": (200, TASMOTA),
        }
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("text", "watts"), [("shelly:{}", 7.5), ("shelly:{}?id=1", 9.5), ("tasmota:{}", 6.5), ("tasmota:{}?id=1", 6.5)]
)
def test_both_kinds_of_plugs_are_measured_at_the_wall(plug: Server, text: str, watts: float) -> None:
    meter = meter_of(address(text.format(plug.host)))
    assert isinstance(meter, LiveMeter)
    meter.period_s = 0.02
    assert meter.available() is None
    assert meter.scope == "wall"
    with meter.open() as session:

        def measure() -> Reading:
            begin = session.mark()
            time.sleep(0.3)
            return session.window(begin, session.mark())

        found = undisturbed(measure)
    assert found.joules == pytest.approx(watts * found.seconds, rel=1e-6)


def test_a_proxy_is_not_asked_for_a_plug_in_this_network(plug: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert meter_of(address(f"shelly:{plug.host}")).available() is None


def test_an_outlet_of_several_is_one_of_the_list(plug: Server) -> None:
    plug.answers["/cm?cmnd=Status%208"] = (200, {"StatusSNS": {"ENERGY": {"Power": [1.0, 2.0]}}})
    meter = meter_of(address(f"tasmota:{plug.host}?id=1"))
    assert isinstance(meter, LiveMeter)
    assert meter.connect().read() == {"plug": 2.0}
    refused = meter_of(address(f"tasmota:{plug.host}?id=2")).available()
    assert refused is not None
    assert "tells no power" in refused.reason


def test_a_plug_that_answers_500_in_the_window_leaves_no_joules(plug: Server) -> None:
    meter = meter_of(address(f"shelly:{plug.host}"))
    assert isinstance(meter, LiveMeter)
    meter.period_s = 0.02
    with meter.open() as session:
        begin = session.mark()
        time.sleep(0.1)
        plug.answers["/rpc/Switch.GetStatus?id=0"] = (500, "Internal Server Error")
        time.sleep(0.2)
        found = session.window(begin, session.mark())
    assert found.joules is None
    assert "answered with error 500" in str(found.reason)


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (500, "", "error 500"),
        (401, "", "Turn its password off"),
        (404, "", "Is it this kind of plug"),
        (200, "<html>", "no JSON"),
        (200, "", "no JSON"),
        (200, "[" * 5000, "no JSON"),
        (200, {"WARNING": "Need user=<username>&password=<password>"}, "tells no power; it said"),
        (200, {"apower": None}, "tells no power"),
        (200, {"apower": "NaN"}, "no number came for plug"),
        (200, [], "tells no power"),
        (200, "null", "tells no power"),
    ],
)
def test_other_answers_are_sentences(plug: Server, status: int, answer: Any, words: str) -> None:
    plug.answers["/rpc/Switch.GetStatus?id=0"] = (status, answer)
    with pytest.raises(MeterError, match=words):
        choose_meter(f"shelly:{plug.host}")


def test_nobody_at_that_address_is_a_sentence() -> None:
    refused = meter_of(address("shelly:127.0.0.1:9")).available()
    assert refused is not None
    assert not refused.present
    assert "does not answer" in refused.reason
    assert "in this network" in refused.reason


@pytest.mark.parametrize("host", ["a b", "http://plug", "plug/x", "plug:port", "@", "user@plug"])
def test_what_is_no_host_is_refused_before_anybody_is_asked(host: str) -> None:
    with pytest.raises(MeterError, match=r"is no host.*--meter shelly:192"):
        meter_of(address(f"shelly:{host}"))
