"""The page: who may see it, what comes to those who look, and that nobody who stalls holds anything up."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from adafocus.apps.camera import server as page
from adafocus.apps.camera.access import Place, read_token
from adafocus.apps.camera.pictures import ACCENT_BGR, Pictures, drawn
from adafocus.apps.camera.server import PageServer
from adafocus.apps.camera.story import HISTORY, MESSAGES, Story
from adafocus.edge.sources.source import Frame
from adafocus.errors import AdafocusError

TOKEN = "a-token-of-a-test-0123"
FPS = 200.0


class Served:
    """A page on the loopback, and what feeds it."""

    def __init__(self, token: str | None = None) -> None:
        self.story, self.pictures = Story({"board": "a board"}), Pictures(FPS)
        self._server = PageServer(Place("127.0.0.1", 0), token, self.story, self.pictures)
        self.place = urlsplit(self._server.url)
        self.number = 0

    def see(self, side: int = 64) -> float:
        """Show the next frame, grey by its number; return the seconds that it took."""
        began_s = time.monotonic()
        self.pictures.see(Frame(np.full((side, side, 3), self.number % 200, np.uint8), self.number, began_s, "test"))
        self.number += 1
        return time.monotonic() - began_s

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=10)
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def close(self) -> None:
        self.pictures.close()
        self._server.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with closing(Served()) as running:
        yield running


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(page, "WRONG_TOKEN_S", 0.05)
    with closing(Served(TOKEN)) as running:
        yield running


def until(true: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


@contextmanager
def stalled(served: Served, path: str) -> Iterator[socket.socket]:
    """Ask for a stream and take nothing of it."""
    with socket.socket() as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        channel.connect((served.place.hostname or "", served.place.port or 0))
        channel.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield channel


@pytest.mark.parametrize(("host", "status"), [("localhost:8080", 200), ("127.0.0.1", 200), ("other.example", 403)])
def test_without_a_token_the_page_answers_to_names_of_this_machine_alone(
    served: Served, host: str, status: int
) -> None:
    answer = served.ask("/", Host=host)
    assert answer.status == status
    assert "default-src 'self'" in (answer.getheader("Content-Security-Policy") or "")


@pytest.mark.parametrize("path", ["/", "/page.js", "/state.json", "/picture.mjpg", "/picture.jpg", "/events"])
def test_with_a_token_nothing_is_told_to_whoever_does_not_know_it(guarded: Served, path: str) -> None:
    answers = [guarded.ask(path), guarded.ask(path, Cookie="adafocus_token=wrong"), guarded.ask("/?token=wrong")]
    assert [answer.status for answer in answers] == [401, 401, 401]
    assert all(b"a board" not in answer.read() for answer in answers)


def test_the_token_is_taken_from_the_address_the_form_and_the_header(guarded: Served) -> None:
    for answer in (
        guarded.ask(f"/?token={TOKEN}"),
        guarded.ask("/login", "POST", f"token={TOKEN}"),
    ):
        assert (answer.status, answer.getheader("Location")) == (303, "/")
        cookie = answer.getheader("Set-Cookie") or ""
        assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        assert guarded.ask("/state.json", Cookie=cookie.partition(";")[0], Host="pi.local").status == 200
    told = guarded.ask("/state.json", Authorization=f"Bearer {TOKEN}")
    assert json.loads(told.read())["device"]["board"] == "a board"


def test_forms_that_are_too_long_and_other_addresses_are_refused(guarded: Served) -> None:
    assert guarded.ask("/login", "POST", "token=" + "x" * 5000).status == 400
    assert guarded.ask("/../access.py", Authorization=f"Bearer {TOKEN}").status == 404


def test_a_stalled_client_holds_up_neither_the_stream_nor_others_and_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page._Handler, "timeout", 0.5)
    with stalled(served, "/picture.mjpg"):
        assert until(lambda: served.pictures.lookers == 1)
        film = served.ask("/picture.mjpg")
        assert until(lambda: served.pictures.lookers == 2)
        spent = []
        for _ in range(150):
            # noise, so that a picture is large, and the stalled client's buffers are full soon
            noise = np.random.default_rng(served.number).integers(0, 255, (480, 640, 3), np.uint8)
            began_s = time.monotonic()
            served.pictures.see(Frame(noise, served.number, began_s, "test"))
            spent.append(time.monotonic() - began_s)
            served.number += 1
            time.sleep(0.005)
            if served.pictures.lookers == 1:
                break
        assert until(lambda: served.pictures.lookers == 1), "the stalled client is still held"
        assert np.median(spent) < 0.01
        assert film.read(20_000).count(b"image/jpeg") >= 1


def test_nothing_is_wanted_or_encoded_while_nobody_looks(served: Served) -> None:
    assert served.pictures.due_in_s(time.monotonic()) == float("inf")
    with served.pictures.looking():
        assert served.pictures.due_in_s(time.monotonic()) == 0.0
        served.see()
        assert 0.0 < served.pictures.due_in_s(time.monotonic()) <= 2 / FPS


def test_the_newest_picture_comes_and_holds_the_boxes() -> None:
    box = np.array([[0.25, 0.25, 0.5, 0.5]], np.float32)
    whole = drawn(np.zeros((100, 200, 3), np.uint8), box, in_square=False)
    square = drawn(np.zeros((100, 200, 3), np.uint8), box, in_square=True)
    assert whole[25, 100].tolist() == square[25, 100].tolist() == list(ACCENT_BGR)
    assert (whole[50, 50].tolist(), square[50, 75].tolist()) == (list(ACCENT_BGR), list(ACCENT_BGR))
    assert drawn(np.zeros((2000, 1000), np.uint8), box, in_square=False).shape == (960, 480, 3)


def test_one_picture_is_a_jpeg_of_the_newest_frame(served: Served) -> None:
    assert served.ask("/chosen.jpg").status == 204
    with served.pictures.looking():
        served.see()
        number, jpeg = served.pictures.after(0, 5.0)
    assert number == 1
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (64, 64, 3)


def test_who_falls_behind_gets_the_whole_again_and_memory_is_bounded() -> None:
    story = Story({})
    answer = {name: 0 for name in ("number", "score", "best", "raw", "exit_stage", "gmac", "latency_ms", "joules")}
    event = {**answer, "label": None, "window": {}, "budget": None, "compute_ms": {"total": 1.0}}
    for _ in range(HISTORY + 10):
        story.answer(event, ())
    assert story.after(0, 0.0) is None
    number, whole = story.whole()
    assert len(whole["history"]) == HISTORY
    assert story.after(number, 0.0) == []
    newest = story.after(number - MESSAGES, 0.0)
    assert newest is not None
    assert [one for one, *_ in newest] == list(range(number - MESSAGES + 1, number + 1))


def test_messages_reach_a_browser_as_events(served: Served) -> None:
    answer = served.ask("/events")
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    began = [answer.readline() for _ in range(4)]
    assert began[1] == b"event: whole\n"
    served.story.warn("a sentence")
    told = [answer.readline() for _ in range(2)]
    assert told[0] == b"event: warning\n"
    assert json.loads(told[1].removeprefix(b"data: ")) == {"text": "a sentence"}


def test_more_clients_than_there_is_room_for_are_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(http.client.HTTPConnection(served.place.hostname or "", served.place.port, timeout=5)) as late:
        held = [served.ask("/events") for _ in range(page.MAX_CLIENTS)]
        late.request("GET", "/")
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            late.getresponse()
        assert len(held) == page.MAX_CLIENTS


@pytest.mark.parametrize(
    ("text", "loopback"), [("127.0.0.1", True), ("localhost:1", True), ("[::1]:80", True), ("0.0.0.0", False)]
)
def test_addresses_that_others_reach_need_a_token(text: str, loopback: bool, tmp_path: Path) -> None:
    place, path = Place.parse(text), tmp_path / "deep" / "token"
    assert place.loopback == loopback
    if loopback:
        assert read_token(None, place) is None
    else:
        with pytest.raises(AdafocusError, match="--token-file"):
            read_token(None, place)
    made = read_token(path, place)
    assert made == read_token(path, place)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["short\n", "two words that are long enough\n", "ü" * 20])
def test_a_file_without_a_token_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AdafocusError, match="token"):
        read_token(path, Place.parse("0.0.0.0"))


@pytest.mark.parametrize("text", ["", "http://here", "host:99999", "a b"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(AdafocusError, match="--web"):
        Place.parse(text)
