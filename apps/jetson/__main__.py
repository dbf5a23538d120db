"""The program of a camera on a Jetson; see ``adafocus.apps.camera``."""

from adafocus.apps.camera.board import JETSON
from adafocus.apps.camera.program import run

if __name__ == "__main__":
    run(JETSON)
