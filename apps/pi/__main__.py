"""The program of a camera on a Raspberry Pi; see ``adafocus.apps.camera``."""

from adafocus.apps.camera.board import PI
from adafocus.apps.camera.program import run

if __name__ == "__main__":
    run(PI)
