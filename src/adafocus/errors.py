"""Errors a user can act on. Every message is a sentence: what was found, what was expected, what to type next."""

from __future__ import annotations

WORKSTATION_INSTALL = 'pip install torch==2.13.0 && pip install "adafocus-edge[workstation]"'


class AdafocusError(Exception):
    """Base of all errors that the command line turns into one sentence and exit code 2."""


class VideoError(AdafocusError):
    """A video that cannot be read."""


class SourceError(AdafocusError):
    """A camera or a stream that cannot be opened, or gives no frames."""


class BundleError(AdafocusError):
    """A bundle that is damaged, incomplete or of another version."""


class MissingRuntimeError(AdafocusError):
    """A runtime, or a package of the workstation, that is not installed."""


class NetworkError(AdafocusError):
    """A setting, a combination or a file that no network can be built from."""


class CheckpointError(NetworkError):
    """A checkpoint that cannot be used."""
