"""The demo: convert the shipped model to a bundle, verify it, and recognize real videos with it.

It starts the same commands a user would type, so that what it shows is what they do.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from adafocus.apps.demo.videos import MODEL, OUT, ROOT, demo_videos
from adafocus.errors import AdafocusError

console = Console(highlight=False)


def adafocus(*arguments: str) -> None:
    """Run one verb; its failure ends the demo."""
    console.print(f"\n[bold]$ adafocus {' '.join(arguments)}[/bold]")
    done = subprocess.run([str(Path(sys.executable).parent / "adafocus"), *arguments], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path))
def main(video: Path | None) -> None:
    """Convert, verify, recognize, draw."""
    try:
        videos = demo_videos() if video is None else [video.resolve()]
        if video is not None and not video.is_file():
            raise AdafocusError(f"There is no video at {video}. Type: make demo VIDEO=path/to/video.mp4")
    except AdafocusError as error:
        console.print(f"demo: {error}")
        raise SystemExit(2) from error
    OUT.mkdir(exist_ok=True)
    bundle = OUT / "bundle"
    verify = [word for path in videos for word in ("--verify", str(path))]
    adafocus("export", str(MODEL.relative_to(ROOT)), "--out", str(bundle.relative_to(ROOT)), *verify)
    adafocus("selftest", str(bundle.relative_to(ROOT)))
    for path in videos:
        picture = OUT / f"{path.stem}.png"
        adafocus("run", str(bundle.relative_to(ROOT)), str(path), "--picture", str(picture.relative_to(ROOT)))
    console.print(f"\nLook at {', '.join(str((OUT / path.stem).relative_to(ROOT)) + '.png' for path in videos)}.")


if __name__ == "__main__":
    main()
