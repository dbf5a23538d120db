"""The README that a bundle carries for the team whose app loads it: its files, and how to know that it runs."""

from __future__ import annotations

from adafocus.edge.bundle.manifest import Manifest

WEB = """## What to do with it

1. Take a checkout of adafocus-edge and Node 20 or later.
2. Write the page: `make web BUNDLE=path/of/this/bundle`. The folder `build/web` is all that a server needs.
3. Look at it: `node apps/web/build/scripts/serve.js build/web`, and open the address that it prints.
4. Copy the folder to any server that speaks https. Ready pages also take this bundle as a zip: drop it on the page.

## How to know that it runs

The page runs the golden clip when it starts and says `passed`. Then this browser computes the same integers as the
device, in every tensor that a stage gives. `docs/web.md` says what else is checked, and what to do where it fails.

## What is needed

A browser with WebAssembly SIMD and WebCodecs. Tried: Chromium 150, headless, on Linux and x86-64. Not tried: Safari,
Android, iOS, ARM. Nobody has measured a phone; the page shows its own times. `results/web.yaml` has what was measured.
"""
# kinds of devices whose apps have something to say; the others take a bundle by its path
NOTES: dict[str, tuple[str, str]] = {"web": ("a page in a browser", WEB)}


def readme_of(device: str, manifest: Manifest) -> str | None:
    """Return the README of a bundle for a kind of device, in Markdown; None where that has none.

    Args:
        device: as it is named after ``--device``.
        manifest: of the bundle, with the files as they are.
    """
    if device not in NOTES:
        return None
    kind, notes = NOTES[device]
    rows = [f"| `{record.file}` | {record.bytes} | `{record.sha256}` |" for record in manifest.files()]
    lines = (
        f"# {manifest.name} for {kind}",
        "",
        f"A bundle of {len(manifest.labels)} labels. `manifest.json` says what everything is; whoever loads the bundle",
        "checks each file against it.",
        "",
        "| file | bytes | SHA-256 |",
        "| --- | ---: | --- |",
        *rows,
        "",
        notes,
    )
    return "\n".join(lines)
