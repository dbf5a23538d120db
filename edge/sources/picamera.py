"""The camera of a Raspberry Pi through Picamera2: two streams of the same moment.

``main`` has the pixels that patches are cut from, ``lores`` is the small picture for the glance, scaled by the camera's
own processor. Rows of both may be longer than the picture is wide; the padding is cut off.

Written against Picamera2's documented interface (manual sections 4.2 and 6.3; picamera2/request.py) and tested with a
stand-in of it. What is not verified here: the real camera, its timing, and real row strides.
"""

from __future__ import annotations

import re
from concurrent.futures import TimeoutError as FutureTimeoutError
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from adafocus.edge.sources.capture import whole_number
from adafocus.edge.sources.source import Frame, moment_of_capture
from adafocus.errors import SourceError

MAIN_SIZE = (1280, 720)
LORES_SIZE = (320, 180)
FPS = 30
# one that is being read, one that is waiting, two for the camera
BUFFERS = 4
NANOSECONDS = 1e-9
INSTALL = (
    "sudo apt install python3-picamera2, then make the environment with the system's packages: "
    "python3 -m venv --system-site-packages .venv"
)


class PiCamera:
    """Two synchronous streams of one camera."""

    live = True

    def __init__(self, camera: Any, name: str, fps: int, timeout_s: float) -> None:
        """Take over a camera that was started.

        Args:
            camera: a ``Picamera2``.
            name: what to call it.
            fps: frames per second that it was set to.
            timeout_s: how long a frame may take.
        """
        self.name, self.fps, self.number, self.timestamp_s = name, float(fps), -1, 0.0
        self._camera, self._timeout_s = camera, timeout_s
        self._request: Any = None

    def grab(self) -> bool:
        """Take the next completed request; False where none came in time."""
        self._release()
        if self._camera is None:
            return False
        try:
            self._request = self._camera.capture_request(wait=self._timeout_s)
        except (TimeoutError, FutureTimeoutError):
            # the request would otherwise be handed to nobody when it comes after all
            self._camera.cancel_all_and_flush()
            return False
        except (RuntimeError, OSError) as error:
            raise SourceError(f"{self.name} gives no frames any more: {error}. Check its cable.") from error
        self.number += 1
        sensor_ns = self._request.get_metadata().get("SensorTimestamp", 0)
        self.timestamp_s = moment_of_capture(sensor_ns * NANOSECONDS)
        return True

    def retrieve(self) -> Frame | None:
        """Both pictures of the grabbed moment; the request goes back to the camera."""
        if self._request is None:
            return None
        try:
            config = self._request.config
            main = bgr_picture(self._request.make_buffer("main"), config["main"])
            small = bgr_picture(self._request.make_buffer("lores"), config["lores"])
        finally:
            self._release()
        return Frame(main, self.number, self.timestamp_s, self.name, small)

    def close(self) -> None:
        """Give the request back and let go of the camera."""
        self._release()
        camera, self._camera = self._camera, None
        if camera is not None:
            _close(camera)

    def _release(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()


def bgr_picture(buffer: NDArray[np.uint8], config: dict[str, Any]) -> NDArray[np.uint8]:
    """Convert a stream's buffer to ``(H, W, 3)`` uint8 BGR.

    Args:
        buffer: flat uint8, rows of ``stride`` bytes, perhaps with bytes after the last.
        config: of the stream: ``format`` (``RGB888``, which lies in memory as blue, green, red, or ``YUV420``),
            ``size`` (width, height), ``stride`` in bytes.

    Raises:
        SourceError: another format.
    """
    (width, height), stride = config["size"], config["stride"]
    flat = np.asarray(buffer, np.uint8).reshape(-1)
    if config["format"] == "RGB888":
        rows = flat[: height * stride].reshape(height, stride)[:, : 3 * width]
        return np.ascontiguousarray(rows).reshape(height, width, 3)
    if config["format"] == "YUV420":
        luma, chroma = height * stride, (height // 2) * (stride // 2)
        picture = np.empty(width * height * 3 // 2, np.uint8)
        picture[: width * height].reshape(height, width)[:] = flat[:luma].reshape(height, stride)[:, :width]
        planes = flat[luma : luma + 2 * chroma].reshape(height, stride // 2)[:, : width // 2]
        picture[width * height :].reshape(height, width // 2)[:] = planes
        return cv2.cvtColor(picture.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420)
    raise SourceError(f"The camera gives {config['format']}, expected RGB888 or YUV420.")


def open_source(
    address: str,
    width_px: int = MAIN_SIZE[0],
    height_px: int = MAIN_SIZE[1],
    small_width_px: int | None = None,
    small_height_px: int | None = None,
    fps: int = FPS,
    timeout_s: float = 5.0,
) -> PiCamera:
    """Open and start the camera.

    Args:
        address: ``picamera`` or ``picamera:1``.
        width_px: of ``main``, even.
        height_px: of ``main``, even.
        small_width_px: of ``lores``, even, at most that of ``main``; None: 320.
        small_height_px: of ``lores``; None: the same field of view as ``main``.
        fps: frames per second.
        timeout_s: how long a frame may take.

    Raises:
        SourceError: Picamera2 is not installed, there is no such camera, or another process has it.
    """
    number = int((re.search(r":(\d+)$", address) or ["", "0"])[1])
    width, height = whole_number("width_px", width_px) or 0, whole_number("height_px", height_px) or 0
    small_width = whole_number("small_width_px", small_width_px) or min(LORES_SIZE[0], width)
    small_height = whole_number("small_height_px", small_height_px) or 2 * round(small_width * height / width / 2)
    if any(value % 2 for value in (width, height, small_width, small_height)):
        raise SourceError(f"The sizes are {width}x{height} and {small_width}x{small_height} px, expected even numbers.")
    rate = whole_number("fps", fps) or FPS
    try:
        library = import_module("picamera2")
    except ImportError as error:
        raise SourceError(f"picamera:{number} needs Picamera2, which this Python cannot import. {INSTALL}") from error
    name = f"picamera:{number}"
    camera = _acquire(library, number, name)
    try:
        camera.configure(
            camera.create_video_configuration(
                main={"size": (width, height), "format": "RGB888"},
                lores={"size": (small_width, small_height), "format": "YUV420"},
                controls={"FrameRate": float(rate)},
                buffer_count=BUFFERS,
            )
        )
        camera.start()
    except (RuntimeError, ValueError, OSError) as error:
        _close(camera)
        raise SourceError(
            f"{name} does not start with {width}x{height} and {small_width}x{small_height} px at {rate} frames per "
            f"second: {error}. See what it can do: rpicam-hello --list-cameras"
        ) from error
    return PiCamera(camera, name, rate, timeout_s)


def _acquire(library: Any, number: int, name: str) -> Any:
    try:
        return library.Picamera2(number)
    except IndexError as error:
        raise SourceError(
            f"There is no {name}. Check the cable with the Pi switched off, and look: rpicam-hello --list-cameras"
        ) from error
    except (RuntimeError, OSError) as error:
        raise SourceError(
            f"{name} cannot be acquired ({error}); most often another process has it, and a camera serves one "
            "process at a time. Look which: sudo lsof /dev/media*"
        ) from error


def _close(camera: Any) -> None:
    try:
        camera.stop()
    finally:
        camera.close()
