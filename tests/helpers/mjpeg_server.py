"""A camera on the network: Motion JPEG over HTTP on loopback, paced, that can be stopped and started again."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

BOUNDARY = "frame"
FPS = 30


def numbered_picture(number: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """Return a grey picture whose level tells its number, 0 to 255."""
    return np.full((size[1], size[0], 3), number % 256, np.uint8)


class MjpegServer:
    """Serves pictures whose grey level counts up, one level every 1/30 s, or at another rate."""

    def __init__(
        self, port: int = 0, user: str | None = None, password: str = "", stalls: bool = False, fps: float = FPS
    ) -> None:
        jpegs = [cv2.imencode(".jpg", numbered_picture(number))[1].tobytes() for number in range(256)]
        wanted = None if user is None else "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        stop = self._stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if wanted is not None and self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                begun, number = time.monotonic(), 0
                while not stop.is_set():
                    if stalls and number > 3 * FPS:
                        stop.wait(0.1)
                        continue
                    jpeg = jpegs[number % 256]
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                    except OSError:
                        return
                    number += 1
                    stop.wait(max(0.0, begun + number / fps - time.monotonic()))

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Kill it: connections end, and nobody listens any more."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
