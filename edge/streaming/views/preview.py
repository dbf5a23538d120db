"""The preview window."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.streaming.result import Result
from adafocus.edge.streaming.views.overlay import Overlay
from adafocus.errors import AdafocusError

TITLE = "adafocus"
ESCAPE = 27
PROBE = "import cv2; cv2.namedWindow('adafocus'); cv2.waitKey(1); cv2.destroyAllWindows()"
PROBE_LIMIT_S = 20


def unavailable() -> str | None:
    """Return why no window can be opened here, as a sentence, or None.

    A toolkit that finds no display ends the whole process, so another process tries first.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return (
            "There is no display here, expected DISPLAY or WAYLAND_DISPLAY to be set. Leave out --preview, use "
            "--annotate out.mp4, or connect with: ssh -X"
        )
    call = [sys.executable, "-c", PROBE]
    try:
        tried = subprocess.run(call, capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"The display did not answer within {PROBE_LIMIT_S} s. Leave out --preview, or use --annotate out.mp4."
    if tried.returncode == 0:
        return None
    if "not implemented" in tried.stderr:
        return (
            "This OpenCV was built without windows. Leave out --preview, use --annotate out.mp4, or install the other "
            "one: pip uninstall opencv-python-headless && pip install opencv-python"
        )
    return (
        f"No window can be opened on the display {os.environ.get('DISPLAY', '')!r}. Leave out --preview, or use "
        "--annotate out.mp4."
    )


class Preview:
    """Shows the newest frame with the last result. All calls come from the main thread, as toolkits demand."""

    def __init__(self) -> None:
        """Open the window.

        Raises:
            AdafocusError: there is no display, or OpenCV has no windows.
        """
        reason = unavailable()
        if reason is not None:
            raise AdafocusError(reason)
        self._overlay = Overlay()
        cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE)

    def update(self, result: Result) -> None:
        """Show this result from now on."""
        self._overlay.update(result)

    def show(self, pixels: NDArray[np.uint8] | None) -> bool:
        """Show a frame, ``(H, W, 3)`` uint8 RGB, or only serve the window; False where the user closed it."""
        if pixels is not None:
            cv2.imshow(TITLE, self._overlay.draw(pixels))
        key = cv2.waitKey(1) & 0xFF
        return key not in (ESCAPE, ord("q")) and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()
