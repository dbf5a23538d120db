"""One stored zip instead of a directory: nothing is compressed, every member starts where a page may be mapped."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from adafocus.edge.bundle.files import files_of
from adafocus.edge.bundle.manifest import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES
from adafocus.errors import BundleError

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
MODE_SHIFT = 16
ENCRYPTED = 1
LOCAL_SIGNATURE = b"PK\3\4"
# the record at the end of a zip: its signature, its size, where it says how large the directory is; a comment follows
END_SIGNATURE, END_BYTES, MAX_COMMENT_BYTES = b"PK\5\6", 22, 65535
LOCATOR_SIGNATURE, LOCATOR_BYTES = b"PK\6\7", 20
# what zipfile raises for damaged files, besides its own exception
DAMAGES = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, IndexError, struct.error, RuntimeError)
# a plain name, the header and the record of the directory; what makes the directory larger is no bundle
MAX_DIRECTORY_BYTES = MAX_BUNDLE_FILES * 1024


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
    """Return an extra field that moves what follows ``position`` to the next boundary."""
    rest = -(position + FIELD_HEADER_BYTES) % ALIGNMENT
    return ALIGNMENT_FIELD.to_bytes(2, "little") + rest.to_bytes(2, "little") + bytes(rest)


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip that holds a manifest."""
    try:
        with path.open("rb") as file:
            if _why_no_zip(file) is not None:
                return False
        with zipfile.ZipFile(path) as source:
            return MANIFEST in source.namelist()
    except (OSError, *DAMAGES):
        return False


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a bundle's zip. Every member is checked before the first one is written.

    Members are stored and must not share bytes, so what is written is never more than the zip itself holds.

    Raises:
        BundleError: no zip, compressed or encrypted members, links, names that lead out of the folder or that meet in
            one file, more or larger members than a bundle may have, or no room on the disk.
    """
    try:
        with archive.open("rb") as file:
            problem = _why_no_zip(file)
        if problem is not None:
            raise BundleError(f"{archive} {problem}, so it is no bundle. Give what adafocus export wrote.")
        with zipfile.ZipFile(archive) as source:
            members = [info for info in source.infolist() if not _is_folder(info)]
            problem = _first_problem(source, members)
            if problem is not None:
                raise BundleError(f"{archive} holds {problem}")
            free, wanted = shutil.disk_usage(folder).free, sum(info.file_size for info in members)
            if wanted > free:
                raise BundleError(
                    f"Unpacking {archive} takes {wanted} bytes in {folder.parent}, where {free} are free. Make room, "
                    "or name another place: TMPDIR=/path adafocus ..."
                )
            for info in members:
                target = folder / info.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(info) as member, target.open("xb") as made:
                    shutil.copyfileobj(member, made)
    except DAMAGES as error:
        raise BundleError(f"{archive} is damaged ({error}). Copy the bundle again.") from error
    except OSError as error:
        if error.errno == errno.EINVAL:
            # a directory that leads to a place before the beginning
            raise BundleError(f"{archive} is damaged. Copy the bundle again.") from error
        raise BundleError(f"{archive} cannot be unpacked into {folder.parent}: {error.strerror or error}.") from error


def _why_no_zip(file: IO[bytes]) -> str | None:
    """Return what forbids even reading the directory of a zip: zipfile reads one of any size into memory."""
    size = file.seek(0, 2)
    if size > MAX_BUNDLE_BYTES:
        return f"has {size} bytes, expected at most {MAX_BUNDLE_BYTES}"
    start = max(0, size - END_BYTES - MAX_COMMENT_BYTES - LOCATOR_BYTES)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(END_SIGNATURE)
    if end < 0 or len(tail) - end < END_BYTES:
        return "is no zip file"
    if tail[max(0, end - LOCATOR_BYTES) : end].startswith(LOCATOR_SIGNATURE):
        return "is a 64-bit zip, expected one of less than 4 GB"
    count, directory = struct.unpack_from("<HL", tail, end + 10)
    if count > MAX_BUNDLE_FILES or directory > MAX_DIRECTORY_BYTES:
        return f"names {count} members in {directory} bytes, expected at most {MAX_BUNDLE_FILES}"
    return None


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """Return whether a member is a folder, as other programs write them. They hold nothing and are passed over."""
    return info.filename.endswith("/") and info.file_size == 0 and unsafe(info.filename[:-1]) is None


def _first_problem(source: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> str | None:
    """Return the rest of a sentence on the first member that must not be written, or None."""
    for info in members:
        name = info.filename
        reason = unsafe(name)
        if reason is not None:
            return f"{name!r}, {reason}. Do not trust it."
        kind = stat.S_IFMT(info.external_attr >> MODE_SHIFT)
        if kind not in (0, stat.S_IFREG):
            return f"{name!r}, which is a link or a device, expected plain files only. Do not trust it."
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ENCRYPTED:
            return (
                f"{name!r}, which is compressed or encrypted, expected stored members. Pack the bundle with adafocus "
                "export --out NAME.zip"
            )
        if info.file_size != info.compress_size:
            return f"{name!r}, which is stored but states two sizes. Copy the bundle again."
    twice = collision(info.filename for info in members)
    if twice is not None:
        return f"{twice!r} twice, or as a file and a folder; on some systems both would be one. Do not trust it."
    return _overlap(source, members)


def _overlap(source: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> str | None:
    """Return a sentence on a member whose bytes run into the next: a small zip can claim to be endless that way."""
    file, directory = source.fp, source.start_dir
    ordered = sorted(members, key=lambda info: info.header_offset)
    starts = [info.header_offset for info in ordered[1:]]
    for info, following in zip(ordered, [*starts, directory], strict=False):
        file.seek(max(0, info.header_offset))  # type: ignore[union-attr]
        header = file.read(LOCAL_HEADER_BYTES)  # type: ignore[union-attr]
        if len(header) != LOCAL_HEADER_BYTES or not header.startswith(LOCAL_SIGNATURE):
            return f"no {info.filename!r} where its directory says. Copy the bundle again."
        name, extra = struct.unpack_from("<HH", header, LOCAL_HEADER_BYTES - 4)
        if info.header_offset + LOCAL_HEADER_BYTES + name + extra + info.file_size > min(following, directory):
            return f"{info.filename!r}, which runs into the member after it. Do not trust it."
    return None


# Windows reads "a:b" as a drive or as a stream of another file
FORBIDDEN = ("\\", ":")
MAX_PART_BYTES = 255
MAX_NAME_BYTES = 1024


def unsafe(name: str) -> str | None:
    """Return why a name must not be used inside a bundle, or None: ``which lies outside it``, ``which ...``."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or any(mark in name for mark in FORBIDDEN):
        return "which lies outside it"
    if not name or "" in parts or "." in parts:
        return "which is no plain file name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "which holds control characters"
    if len(name.encode()) > MAX_NAME_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return "which is too long for a file name"
    return None


def collision(names: Iterable[str]) -> str | None:
    """Return the first name that means the same file as another one, or a folder of another one; None if none does.

    Systems that ignore case, or that spell an accent in another way, would put both into one file.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if key in seen or key in folders:
            return name
        seen[key] = name
        parts = key.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in seen:
                return name
            folders[folder] = name
    return None
