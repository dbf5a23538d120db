"""What a service manager is told: that the program is ready, that it is alive, and what it does.

The protocol is that of sd_notify(3): a datagram to the socket that ``NOTIFY_SOCKET`` names, if there is one.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

# a watchdog is fed so many times before it would bite
FEEDS = 4
MICROSECONDS = 1e6


class Service:
    """Tells systemd, if it has started this process."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read where to tell it, and how often.

        Args:
            environment: of the process.
        """
        self._address = environment.get("NOTIFY_SOCKET", "")
        asked = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(asked) / MICROSECONDS if asked.isdecimal() and meant else 0.0
        self._fed_s = -self.watchdog_s

    def ready(self) -> None:
        """Say that the program has started."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Say in a line what the program does."""
        self._send("STATUS=" + text.replace("\n", " "))

    def alive(self) -> None:
        """Feed the watchdog, if there is one and it is time."""
        now_s = time.monotonic()
        if self.watchdog_s and now_s - self._fed_s >= self.watchdog_s / FEEDS:
            self._fed_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the program ends."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # a name that begins with an @ is one of the kernel's own
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), name)
