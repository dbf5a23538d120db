"""Who may see the page: this machine alone, or whoever knows the token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from adafocus.errors import AdafocusError, sentence_of

DEFAULT_PORT = 8080
COOKIE = "adafocus_token"
MIN_TOKEN = 16
TOKEN_BYTES = 24
MAX_PORT = 65535
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Place:
    """Where the page is served."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``HOST``, ``HOST:PORT`` or ``[IPv6]:PORT``.

        Raises:
            AdafocusError: it is none of them.
        """
        found = re.fullmatch(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+)(:(?P<port>\d{1,5}))?", text)
        port = int(found["port"] or DEFAULT_PORT) if found else -1
        if found is None or port > MAX_PORT:
            raise AdafocusError(
                f"--web is {text!r}, expected an address of this machine: --web 127.0.0.1:{DEFAULT_PORT}"
            )
        return cls(found["host"].strip("[]"), port)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, port: int) -> str:
        """Return the address for a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/"


def read_token(path: Path | None, place: Place) -> str | None:
    """Return the token of the page; None where none is needed. A file that is not there is made.

    Args:
        path: of the file that holds it.
        place: where the page is served.

    Raises:
        AdafocusError: others could connect and there is no file, or it holds no token, or cannot be read or written.
    """
    if path is None:
        if place.loopback:
            return None
        raise AdafocusError(
            f"--web is {place.host}, where other machines can connect, and there is no token. Name a file for it; it "
            "is made where it is not there: --token-file token. Or serve to this machine alone: --web 127.0.0.1"
        )
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = sentence_of(error, path) if isinstance(error, OSError) else f"{path} holds no plain text."
        raise AdafocusError(f"The token of the page cannot be used: {reason}") from error
    if len(token) < MIN_TOKEN or not re.fullmatch(r"[\w.~-]+", token):
        raise AdafocusError(
            f"{path} holds no token: expected at least {MIN_TOKEN} letters, digits and dashes in one line. Delete the "
            "file, and a new one is made."
        )
    return token


def allowed(token: str | None, host: str, cookie: str, authorization: str) -> bool:
    """Tell whether a request may be answered.

    Args:
        token: of the page; None where only this machine can connect.
        host: the header ``Host``. Without a token it must name this machine, so that no page of another site can read
            this one under a name that it points here.
        cookie: the header ``Cookie``.
        authorization: the header ``Authorization``.
    """
    if token is None:
        return re.sub(r":\d+$", "", host.lower()) in LOCAL_NAMES
    return any(same(token, given) for given in (_of_cookie(cookie), authorization.removeprefix("Bearer ").strip()))


def same(token: str, given: str) -> bool:
    """Compare two tokens in a time that does not tell how much of them is the same."""
    return hmac.compare_digest(token.encode(), given.encode(errors="replace"))


def _of_cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
