"""The page, served by the device itself: files, pictures and messages over HTTP, with Python's own server.

Every client has a thread of its own, and a time limit for whatever is sent to it, so one that stalls holds up nobody.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adafocus.apps.camera.access import COOKIE, Place, allowed, same
from adafocus.apps.camera.pictures import Pictures
from adafocus.apps.camera.story import Story
from adafocus.errors import AdafocusError

FOLDER = Path(__file__).parent / "page"
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
# may be seen without the token: the page that asks for it needs them
OPEN = ("/page.css", "/icon.svg")
BOUNDARY = "picture"
MAX_CLIENTS = 24
# a client that takes nothing for so long is let go
PATIENCE_S = 10.0
# what the kernel holds for a client that takes nothing
SEND_BUFFER_BYTES = 256 * 1024
QUIET_S = 10.0
POLL_S = 0.05
WRONG_TOKEN_S = 1.0
MAX_FORM_BYTES = 1024
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer:
    """Serves the page until it is closed.

    Attributes:
        url: address for a browser.
    """

    def __init__(self, place: Place, token: str | None, story: Story, pictures: Pictures) -> None:
        """Listen.

        Args:
            place: where to listen; port 0 takes any that is free.
            token: that others must know; None: only this machine can connect.
            story: what is told.
            pictures: what is shown.

        Raises:
            AdafocusError: the address is not this machine's, or its port is taken.
        """

        class Handler(_Handler):
            """Answers for this server."""

        Handler.token, Handler.story, Handler.pictures = token, story, pictures
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            _Server.address_family = found[0][0]
            self._server = _Server((place.host, place.port), Handler)
        except OSError as error:
            raise AdafocusError(
                f"The page cannot be served at {place.host}:{place.port} ({error.strerror}). Choose another address or "
                f"port: --web 127.0.0.1:{place.port + 1}"
            ) from error
        self.url = place.url(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and let all clients go."""
        self._server.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.ending = threading.Event()
        self._free = threading.Semaphore(MAX_CLIENTS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a client a thread, or let it go where there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a client."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "adafocus", ""
    timeout = PATIENCE_S
    token: str | None
    story: Story
    pictures: Pictures
    server: _Server

    def setup(self) -> None:
        """Bound what the kernel keeps for a client."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        super().setup()

    def do_GET(self) -> None:
        """Answer with a file, pictures or messages."""
        split = urlsplit(self.path)
        given = parse_qs(split.query).get("token")
        if given and split.path == "/" and self.token is not None:
            self._let_in(given[0])
        elif split.path not in OPEN and not self._allowed():
            self._refuse()
        elif split.path in FILES:
            self._file(*FILES[split.path])
        else:
            answer: Callable[[], None] | None = {
                "/events": self._events,
                "/picture.mjpg": self._film,
                "/picture.jpg": self._picture,
                "/chosen.jpg": self._chosen,
                "/state.json": self._state,
            }.get(split.path)
            if answer is None:
                self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no such page.\n")
            else:
                answer()

    def do_POST(self) -> None:
        """Take the token from the form."""
        length = self.headers.get("Content-Length", "")
        fits = length.isdecimal() and int(length) <= MAX_FORM_BYTES
        if urlsplit(self.path).path != "/login" or self.token is None or not fits:
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, "text/plain; charset=utf-8", b"Nothing can be sent here.\n")
            return
        form = parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        self._let_in(form.get("token", [""])[0].strip())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: addresses may hold the token."""

    def _allowed(self) -> bool:
        headers = self.headers
        return allowed(self.token, headers.get("Host", ""), headers.get("Cookie", ""), headers.get("Authorization", ""))

    def _let_in(self, given: str) -> None:
        if not same(self.token or "", given):
            # whoever tries many is slow
            self.server.ending.wait(WRONG_TOKEN_S)
            self._refuse()
            return
        cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"
        self._send(HTTPStatus.SEE_OTHER, "text/plain", b"", {"Location": "/", "Set-Cookie": cookie})

    def _refuse(self) -> None:
        if self.token is None:
            text = b"This page answers to the names of this machine only: open http://localhost or http://127.0.0.1\n"
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", text)
            return
        content = (FOLDER / "login.html").read_bytes()
        self._send(HTTPStatus.UNAUTHORIZED, "text/html; charset=utf-8", content, {"WWW-Authenticate": "Bearer"})

    def _file(self, name: str, kind: str) -> None:
        self._send(HTTPStatus.OK, kind, (FOLDER / name).read_bytes())

    def _state(self) -> None:
        content = json.dumps(self.story.whole()[1], ensure_ascii=False, allow_nan=False, indent=1).encode()
        self._send(HTTPStatus.OK, "application/json", content)

    def _chosen(self) -> None:
        if self.pictures.chosen:
            self._jpeg(self.pictures.chosen)
        else:
            self._send(HTTPStatus.NO_CONTENT, "image/jpeg", b"")

    def _picture(self) -> None:
        with self.pictures.looking():
            number, _ = self.pictures.after(-1, 0.0)
            self._jpeg(self.pictures.after(number, PATIENCE_S)[1])

    def _jpeg(self, content: bytes) -> None:
        if content:
            self._send(HTTPStatus.OK, "image/jpeg", content)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no picture yet.\n")

    def _film(self) -> None:
        self._begin(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        number = 0
        with self.pictures.looking():
            while not self.server.ending.is_set():
                # where no newer one came it is the last one again, which shows whether anybody is there
                number, jpeg = self.pictures.after(number, PATIENCE_S)
                if jpeg:
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")

    def _events(self) -> None:
        self._begin("text/event-stream; charset=utf-8")
        with self.pictures.looking():
            number = self._tell_whole()
            while not self.server.ending.is_set():
                messages = self.story.after(number, QUIET_S)
                if messages is None:
                    number = self._tell_whole()
                    continue
                text = "".join(f"event: {kind}\ndata: {content}\n\n" for _, kind, content in messages)
                # a line that means nothing shows whether anybody is there
                self.wfile.write((text or ": \n\n").encode())
                number = messages[-1][0] if messages else number

    def _tell_whole(self) -> int:
        number, content = self.story.whole()
        data = json.dumps({**content, "now_s": time.time()}, ensure_ascii=False, allow_nan=False)
        self.wfile.write(f"retry: 2000\nevent: whole\ndata: {data}\n\n".encode())
        return number

    def _begin(self, kind: str) -> None:
        """Begin an answer without an end."""
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        for name, value in {**HEADERS, "Content-Type": kind, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, status: HTTPStatus, kind: str, content: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {**HEADERS, **(more or {}), "Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
