"""A bundle on disk: one directory, or one stored zip, whose every file is named and hashed in ``manifest.json``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edge.archive import ARCHIVE, MANIFEST, is_archive, pack, unpack
from edge.errors import BundleError, MissingRuntimeError
from edge.files import replacing_directory, replacing_file, sha256_of, size_of
from edge.manifest import STAGES, FileRecord, GraphFile, Manifest, Runtime, Stage, parse_manifest

# both open the same .tflite files
SAME_FILES: dict[Runtime, Runtime] = {"tflite": "litert"}


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files were checked when it was opened."""

    path: Path
    manifest: Manifest
    _folder: TemporaryDirectory[str] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """Open a bundle and check every file against the manifest.

        Raises:
            BundleError: not a bundle, another schema version, an unknown or missing key, a path that leaves the
                bundle, a symbolic link, a missing file, or a file whose size or hash differs.
        """
        root = Path(path)
        if not root.exists():
            raise BundleError(f"There is no bundle at {root}. Make one: adafocus export MODEL --out {root}")
        if root.is_file():
            return cls._open_archive(root)
        where = root / MANIFEST
        if not where.is_file():
            raise BundleError(f"{root} has no {MANIFEST}, so it is no bundle. Give the folder adafocus export wrote.")
        try:
            text = where.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(f"{where} cannot be read as text ({error}). Convert the model again.") from error
        manifest = parse_manifest(text, where)
        for record in manifest.files():
            _check(root, record)
        return cls(root, manifest)

    @classmethod
    def _open_archive(cls, path: Path) -> Bundle:
        """Unpack a stored zip into a folder that lives as long as the bundle is used."""
        folder = TemporaryDirectory(prefix="adafocus-")
        unpack(path, Path(folder.name))
        opened = cls.open(folder.name)
        return replace(opened, _folder=folder)

    def runtimes(self) -> tuple[Runtime, ...]:
        """Runtimes for which all three stages are present."""
        stages = self.manifest.stages
        return tuple(name for name in stages["glance"] if all(name in stages[stage] for stage in STAGES))

    def graph(self, stage: Stage, runtime: Runtime) -> tuple[Path, GraphFile]:
        """File and description of one stage.

        Raises:
            MissingRuntimeError: the bundle holds no graphs for this runtime.
        """
        graphs = self.manifest.stages[stage]
        record = graphs.get(runtime) or graphs.get(SAME_FILES.get(runtime, runtime))
        if record is None:
            raise MissingRuntimeError(
                f"{self.path} holds no {stage} graph for the runtime {runtime!r}, only for "
                f"{', '.join(self.runtimes())}. Use --runtime {self.runtimes()[0]}, or convert for it."
            )
        return self.path / record.file, record

    def golden_frames(self) -> dict[str, NDArray[np.uint8]]:
        """The golden clip: ``glance`` and ``candidates``, uint8 RGB."""
        arrays = _read_arrays(self.path / self.manifest.golden.frames.file)
        return {name: values.astype(np.uint8, copy=False) for name, values in arrays.items()}

    def golden_answers(self) -> dict[str, NDArray[np.generic]]:
        """What the golden clip must answer: ``<stage>.<tensor>`` in the graph's dtype, and ``frame_indices``."""
        return _read_arrays(self.path / self.manifest.golden.answers.file)


def is_bundle(path: Path) -> bool:
    """Whether a bundle seems to stand at a path: a folder or a zip with a manifest."""
    return (path / MANIFEST).is_file() or (path.is_file() and is_archive(path))


def write_bundle(destination: Path, fill: Callable[[Path], Manifest]) -> Bundle:
    """Write a bundle beside its place and rename it there once it is whole and has been checked.

    Args:
        destination: directory to make, or a stored zip where the name ends in ``.zip``; an older bundle there is
            replaced, anything else is not.
        fill: writes all files into the directory it is given and returns the manifest.
    """
    if destination.suffix == ARCHIVE:
        if destination.exists() and not is_archive(destination):
            raise BundleError(f"{destination} exists and is no bundle, so it is not replaced. Choose another --out.")
        with replacing_file(destination) as beside, TemporaryDirectory(prefix="adafocus-") as folder:
            _fill(Path(folder), fill)
            pack(Path(folder), beside)
    else:
        with replacing_directory(destination, MANIFEST) as made:
            _fill(made, fill)
    return Bundle.open(destination)


def _fill(folder: Path, fill: Callable[[Path], Manifest]) -> None:
    manifest = fill(folder)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    Bundle.open(folder)


def file_record(root: Path, name: str) -> FileRecord:
    """Describe a file that stands in a bundle directory."""
    path = root / name
    return FileRecord(file=name, sha256=sha256_of(path), bytes=size_of(path))


def _check(root: Path, record: FileRecord | GraphFile) -> None:
    name = PurePosixPath(record.file)
    if name.is_absolute() or ".." in name.parts or "\\" in record.file:
        raise BundleError(f"The manifest names {record.file!r}, which lies outside the bundle. Do not trust {root}.")
    path = root / name
    inside = path.rglob("*") if path.is_dir() else ()
    if any(part.is_symlink() for part in (path, *path.parents, *inside) if root in part.parents):
        raise BundleError(f"{path} is a symbolic link, expected a plain file. Copy the bundle with its files.")
    if not path.exists():
        raise BundleError(f"{path} is missing. Copy the whole bundle again, or convert the model again.")
    size = size_of(path)
    if size != record.bytes:
        raise BundleError(f"{path} has {size} bytes, expected {record.bytes}. Copy the bundle again.")
    digest = sha256_of(path)
    if digest != record.sha256:
        raise BundleError(
            f"{path} was changed: its SHA-256 is {digest[:12]}..., expected {record.sha256[:12]}.... "
            "Copy the bundle again, or convert the model again."
        )


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}
