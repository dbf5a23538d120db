"""``make pi-demo`` and ``make jetson-demo``: the program of a board on this machine, with a served clip as its camera.

    python -m benchmarks.boards.demo pi --clip video.mp4 -- --budget 0.77GMAC

A process serves the clip as Motion JPEG over HTTP, forwards and backwards, as a network camera would: at its own pace
unless ``--fps`` says otherwise, and large ones shrunk.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click

from adafocus.apps.demo.videos import DEMO
from adafocus.edge.sources import VideoFile
from adafocus.errors import AdafocusError
from benchmarks.harness import PATH, Benchmark, option
from benchmarks.robustness.stream import ClipServer

BOARDS = ("pi", "jetson")
MAX_SIDE_PX = 960


class Camera(ClipServer):
    """A served clip."""

    def __init__(self, clip: Path, fps: float | None = None) -> None:
        """Serve a clip.

        Args:
            clip: a video file.
            fps: frames a second; None: its own.

        Raises:
            AdafocusError: there is no clip, or it cannot be decoded.
        """
        if not clip.is_file():
            raise AdafocusError(f"There is no video at {clip}. Type: make pi-demo VIDEO=path/to/video.mp4")
        with closing(VideoFile(clip)) as video:
            fps = fps or video.fps
        super().__init__(clip.resolve(), fps, MAX_SIDE_PX)
        self.start()

    def close(self) -> None:
        """End the server."""
        self.kill()


def program(board: str, *arguments: str) -> list[str]:
    """Return the call of a board's program."""
    return [sys.executable, "-m", f"adafocus.apps.{board}", *arguments]


@click.command(cls=Benchmark)
@click.argument("board", type=click.Choice(BOARDS))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@option("--clip", type=PATH, help="Serve this clip; default: one that a package carries.")
@option("--fps", type=click.FloatRange(1, 120), help="Serve this many frames a second; default: the clip's own.")
def main(board: str, arguments: tuple[str, ...], clip: Path | None, fps: float | None) -> None:
    """Run the program of BOARD until Ctrl-C; ARGUMENTS are its own."""
    with closing(Camera(clip or DEMO.fetch()[1], fps)) as camera:
        process = subprocess.Popen(program(board, camera.address, *arguments))
        try:
            raise SystemExit(process.wait())
        except KeyboardInterrupt:
            # the program got it, too
            raise SystemExit(process.wait()) from None


if __name__ == "__main__":
    main()
