"""One stored zip instead of a directory: nothing is compressed, and every member starts where a page may be mapped."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from edge.errors import BundleError
from edge.files import files_of

ARCHIVE = ".zip"
MANIFEST = "manifest.json"
ALIGNMENT = 64
# the first moment that the format knows: the same content gives the same bytes at any time
EPOCH = (1980, 1, 1, 0, 0, 0)
LOCAL_HEADER_BYTES = 30
# an extra field of this kind is ignored by every reader; Android's own tool aligns members with it
ALIGNMENT_FIELD = 0xD935
FIELD_HEADER_BYTES = 4
UNIX = 3
READABLE = 0o644 << 16


def pack(folder: Path, archive: Path) -> None:
    """Store all files of a folder, the manifest first, each on a boundary of 64 bytes."""
    names = sorted(
        (path.relative_to(folder).as_posix() for path in files_of(folder)), key=lambda name: (name != MANIFEST, name)
    )
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for name in names:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = UNIX, READABLE
            info.extra = _padding(target.fp.tell() + LOCAL_HEADER_BYTES + len(name.encode()))  # type: ignore[union-attr]
            info.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, target.open(info, "w") as member:
                shutil.copyfileobj(source, member)


def _padding(position: int) -> bytes:
    """An extra field that moves what follows ``position`` to the next boundary."""
    rest = -(position + FIELD_HEADER_BYTES) % ALIGNMENT
    return ALIGNMENT_FIELD.to_bytes(2, "little") + rest.to_bytes(2, "little") + bytes(rest)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip that holds a manifest."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as source:
        return MANIFEST in source.namelist()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a bundle's zip.

    Raises:
        BundleError: no zip, compressed or encrypted members, or names that lead out of the folder.
    """
    if not zipfile.is_zipfile(archive):
        raise BundleError(f"{archive} is no zip file, so it is no bundle. Give what adafocus export wrote.")
    try:
        with zipfile.ZipFile(archive) as source:
            for info in source.infolist():
                name = PurePosixPath(info.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
                    raise BundleError(f"{archive} holds {info.filename!r}, which lies outside it. Do not trust it.")
                if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                    raise BundleError(
                        f"{info.filename} in {archive} is compressed or encrypted, expected stored members. Pack the "
                        "bundle with adafocus export --out NAME.zip"
                    )
            source.extractall(folder)
    except zipfile.BadZipFile as error:
        raise BundleError(f"{archive} is damaged ({error}). Copy the bundle again.") from error
