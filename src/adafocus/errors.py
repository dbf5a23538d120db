"""Errors a user can act on. Every message is a sentence: what was found, what was expected, what to type next."""

from __future__ import annotations

import shlex
from pathlib import Path

WORKSTATION_INSTALL = 'pip install torch==2.13.0 && pip install "adafocus-edge[workstation]"'


class AdafocusError(Exception):
    """Base of all errors that the command line turns into one sentence and exit code 2."""


class VideoError(AdafocusError):
    """A video that cannot be read."""


class SourceError(AdafocusError):
    """A camera or a stream that cannot be opened, or gives no frames."""


class MeterError(AdafocusError):
    """A meter of energy that cannot be read, a log of one, or an address that means none."""


class ShutMeterError(MeterError):
    """A meter that is there, but that this user may not read or that does not answer."""


class BundleError(AdafocusError):
    """A bundle that is damaged, incomplete or of another version."""


class MissingRuntimeError(AdafocusError):
    """A runtime, or a package of the workstation, that is not installed."""


class NetworkError(AdafocusError):
    """A setting, a combination or a file that no network can be built from."""


class CheckpointError(NetworkError):
    """A checkpoint that cannot be used."""


# what one input among several may meet, without an end to the others
OF_ONE_INPUT = (AdafocusError, OSError, MemoryError)


def sentence_of(error: BaseException, place: object = "") -> str:
    """Return what to tell a user about an error of :data:`OF_ONE_INPUT`.

    Args:
        error: which.
        place: the file that was used, where the error does not say.
    """
    if isinstance(error, OSError):
        where = error.filename or place
        named = f"{Path(str(where))}: " if where else ""
        return f"{named}{error.strerror or error}. Check the path and the space on the disk."
    if isinstance(error, MemoryError):
        named = f" ({place})" if str(place) else ""
        return f"There is not enough memory for this{named}. Close other programs, or use a smaller bundle."
    return str(error)


def shell_word(path: object) -> str:
    """Return a path as it is typed in a command: quoted where the shell needs it, and never taken for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
