"""What differs between boards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """One configuration of the program.

    Attributes:
        name: of the board, for people.
        module: what is started with ``python -m``.
        camera: address of the camera that most of them have.
    """

    name: str
    module: str
    camera: str


PI = Board("Raspberry Pi", "adafocus.apps.pi", "csi://0")
JETSON = Board("Jetson", "adafocus.apps.jetson", "csi://0")
