"""Errors a user can act on. The command line knows them by ``for_user`` and prints their sentence."""

from __future__ import annotations


class NetworkError(ValueError):
    """A setting, a combination or a file that cannot be used; the message says what was found and expected."""

    for_user = True


class CheckpointError(NetworkError):
    """A checkpoint that cannot be used; the message names what was found and what was expected."""
