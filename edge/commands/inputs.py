"""Which of a verb's arguments is the bundle and which are sources; without a bundle, the one that a checkout has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from adafocus import errors
from adafocus.edge.bundle.archive import ARCHIVE, MANIFEST
from adafocus.edge.bundle.bundle import Bundle, is_bundle
from adafocus.edge.sources import kind_of
from adafocus.edge.sources.image_folder import is_picture
from adafocus.edge.sources.source import safe_name
from adafocus.errors import AdafocusError, SourceError

BUNDLE_IN_CHECKOUT = Path("bundles", "x3d-xs-frame-k400-litert.zip")
# .../src/adafocus/errors.py of a checkout; an installed package has nothing at this place
DEFAULT_BUNDLE = Path(errors.__file__).resolve().parents[2] / BUNDLE_IN_CHECKOUT
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)


@dataclass(frozen=True)
class Inputs:
    """What a verb works on.

    Attributes:
        bundle: path of the bundle.
        sources: addresses as they were typed, at least one.
        note: a sentence that names the bundle where none was given, otherwise empty.
    """

    bundle: Path
    sources: tuple[str, ...]
    note: str = ""


def read_inputs(arguments: Sequence[str], usage: str, source: str) -> Inputs:
    """Take the first argument for the bundle, unless it is a source.

    Args:
        arguments: of the verb, as they were typed.
        usage: of the verb with a bundle, for the message.
        source: name of the other arguments, for the message.

    Raises:
        click.UsageError: there is no source.
        BundleError: no source is given, and no bundle stands at the first argument.
        AdafocusError: no bundle is given, and there is no default one.
    """
    if not arguments:
        raise click.UsageError(f"Missing argument '{source}'.")
    first, *rest = arguments
    if not looks_like_source(first):
        if not rest:
            Bundle.open(first).close()
            raise click.UsageError(f"Missing argument '{source}'.")
        return Inputs(Path(first), tuple(rest))
    if not DEFAULT_BUNDLE.is_file():
        raise AdafocusError(
            f"{safe_name(first)} is no bundle, and this installation has none of its own. Take "
            f"{BUNDLE_IN_CHECKOUT} from the adafocus-edge repository, or make one: adafocus export MODEL --out "
            f"bundle.zip. Then type: {usage}"
        )
    return Inputs(DEFAULT_BUNDLE, tuple(arguments), f"No bundle was given, so {DEFAULT_BUNDLE} is used.")


def looks_like_source(text: str) -> bool:
    """Tell a source from a bundle: a camera, an address, any file, a folder without a manifest that holds pictures.

    What does not exist is a source where its name ends like that of a video; any other name is taken for a bundle's.
    """
    path = Path(text)
    if is_bundle(path) or path.name == MANIFEST or path.suffix.lower() == ARCHIVE:
        return False
    if path.is_dir():
        return any(map(is_picture, path.iterdir()))
    if path.exists():
        return True
    try:
        # only files and folders have no pattern
        return bool(kind_of(text).pattern) or path.suffix.lower() in VIDEO_SUFFIXES
    except SourceError:
        return False
