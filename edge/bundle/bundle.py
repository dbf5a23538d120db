"""A bundle on disk: one directory, or one stored zip, whose every file is named and hashed in ``manifest.json``."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.archive import ARCHIVE, MANIFEST, is_archive, pack, unpack, unsafe
from adafocus.edge.bundle.arrays import read_arrays
from adafocus.edge.bundle.files import replacing_directory, replacing_file, sha256_of, size_of, temporary_prefix
from adafocus.edge.bundle.geometry import MAX_WAITING_BYTES
from adafocus.edge.bundle.manifest import (
    MAX_BUNDLE_FILES,
    FileRecord,
    GraphFile,
    Manifest,
    Part,
    Runtime,
    Stage,
    TensorSpec,
)
from adafocus.edge.bundle.validation import read_manifest
from adafocus.edge.runtime_table import file_runtime
from adafocus.errors import AdafocusError, BundleError, MissingRuntimeError, shell_word

MAX_OTHER_BYTES = 4096
# of golden answers: the number of a chosen frame, and its box
BYTES_OF_FRAME = 64


class Unpacked:
    """The folder that a zip was unpacked into; it goes when nothing refers to it, or when the program ends.

    A forked process has a copy of this object, but not of the folder, so only the process that made it removes it.
    """

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix=temporary_prefix("bundle")))
        self._remove = weakref.finalize(self, _remove_own, self.path, os.getpid())

    @property
    def removed(self) -> bool:
        """Whether the folder was removed, here or by the process that made it."""
        return not (self._remove.alive and self.path.is_dir())

    def cleanup(self) -> None:
        """Remove the folder; doing it twice is allowed."""
        self._remove()


def _remove_own(path: Path, owner: int) -> None:
    """Remove a folder in the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files were checked when it was opened.

    Threads may share a bundle, and so may processes that are forked. The folder of a zip goes when the process that
    opened it closes the bundle; after that its files are refused by a sentence, and the manifest can still be read.
    """

    path: Path
    manifest: Manifest
    _folder: Unpacked | None = None
    _zip: Path | None = None

    @property
    def shown(self) -> Path:
        """The path that the user gave: the zip, where files were unpacked into a folder of their own."""
        return self._zip or self.path

    @contextmanager
    def in_its_name(self) -> Iterator[None]:
        """Let sentences of errors name the files of a zip by the path of the zip, not by where they were unpacked."""
        try:
            yield
        except AdafocusError as error:
            if self._zip is None or str(self.path) not in str(error):
                raise
            raise type(error)(str(error).replace(str(self.path), str(self._zip))) from error

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """Open a bundle and check every file against the manifest.

        Files that the manifest does not name are left alone and never read: file managers put their own beside others.
        Links, pipes and devices are refused wherever they stand, named or not.

        The hashes find whatever happens to a file by accident. They do not make a stranger's bundle safe: a graph that
        was changed together with its hash may crash the library that runs it, which no check of ours can exclude.
        ``adafocus doctor BUNDLE`` therefore tries it in another process, where a crash is a sentence; other verbs do
        not pay for that at every start.

        Raises:
            BundleError: not a bundle, another schema version, an unknown or missing key, a path that leaves the
                bundle, a symbolic link, a missing file, or a file whose size or hash differs.
        """
        if not isinstance(path, str | os.PathLike):
            raise BundleError(
                f"Found an object of the type {type(path).__name__}, expected the path of a bundle, such as "
                "Bundle.open('bundle')."
            )
        root = Path(path)
        try:
            if not root.exists():
                raise BundleError(
                    f"There is no bundle at {root}. Make one: adafocus export MODEL --out {shell_word(root)}"
                )
            return cls._open_archive(root) if root.is_file() else cls._open_folder(root, root)
        except OSError as error:
            raise BundleError(f"{error.filename or root} cannot be read: {error.strerror or error}.") from error

    @classmethod
    def _open_folder(cls, root: Path, shown: Path) -> Bundle:
        """Open a folder, called ``shown`` on the screen."""
        if not (root / MANIFEST).is_file():
            raise BundleError(f"{shown} has no {MANIFEST}, so it is no bundle. Give the folder adafocus export wrote.")
        _refuse_links(root)
        manifest = read_manifest(root / MANIFEST, shown / MANIFEST)
        for record in manifest.files():
            _check(root, shown, record)
        return cls(root, manifest)

    @classmethod
    def _open_archive(cls, path: Path) -> Bundle:
        """Unpack a stored zip into a folder that lives until the bundle is closed, or until nothing refers to it."""
        folder = Unpacked()
        try:
            unpack(path, folder.path)
            return replace(cls._open_folder(folder.path, path), _folder=folder, _zip=path)
        except BaseException:
            folder.cleanup()
            raise

    def close(self) -> None:
        """Remove the folder that a zip was unpacked into; a bundle that is a folder stays. Closing twice is allowed."""
        if self._folder is not None:
            self._folder.cleanup()

    def _file(self, record: FileRecord | GraphFile) -> Path:
        """Return where a file of the bundle stands.

        Raises:
            BundleError: the bundle was a zip and is closed.
        """
        if self._folder is not None and self._folder.removed:
            raise BundleError(
                f"The bundle {self.manifest.name} was closed, and what was unpacked of its zip is gone, so there is no "
                f"{record.file}. Open it again with Bundle.open, and close it when nothing more is read from it."
            )
        return self.path / record.file

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def runtimes(self) -> tuple[Runtime, ...]:
        """Return the runtimes for which all stages are present."""
        stages, wanted = self.manifest.stages, self.manifest.geometry.stage_names
        return tuple(name for name in stages["glance"] if all(name in stages[stage] for stage in wanted))

    def graph(self, stage: Stage, runtime: Runtime) -> tuple[Path, GraphFile]:
        """Return file and description of one stage.

        Raises:
            BundleError: the bundle has no such stage, as one whose policy is motion has no policy.
            MissingRuntimeError: the bundle holds no graphs for this runtime.
        """
        graphs = self.manifest.stages.get(stage)
        if graphs is None:
            wanted = self.manifest.geometry.stage_names
            raise BundleError(
                f"{self.shown} has no {stage} graph: its policy is {self.manifest.geometry.policy}. Expected one of "
                f"{', '.join(wanted)}."
            )
        record = graphs.get(runtime) or graphs.get(file_runtime(runtime))
        if record is None:
            raise MissingRuntimeError(
                f"{self.shown} holds no {stage} graph for the runtime {runtime!r}, only for "
                f"{', '.join(self.runtimes())}. Use --runtime {self.runtimes()[0]}, or convert for it."
            )
        return self._file(record), record

    def parts(self, runtime: Runtime) -> dict[Part, tuple[Path, GraphFile]]:
        """Return files and descriptions of the glance in two parts; empty where there are none for this runtime."""
        found: dict[Part, tuple[Path, GraphFile]] = {}
        for part, graphs in self.manifest.incremental.items():
            record = graphs.get(runtime) or graphs.get(file_runtime(runtime))
            if record is not None:
                found[part] = (self._file(record), record)
        return found

    def golden_frames(self) -> dict[str, NDArray[np.uint8]]:
        """Read the golden clip: ``glance`` ``(T_G, S, S, 3)`` and ``candidates``, uint8 RGB.

        Candidates are ``(N, F, F, 3)``, or ``(N, H, W, 3)`` of any size where boxes lie in the whole frame.

        Raises:
            BundleError: the file is damaged, or holds anything else.
        """
        path, geometry = self._file(self.manifest.golden.frames), self.manifest.geometry
        size, count, side = geometry.glance_size, geometry.candidate_frames, geometry.frame_size
        glance, whole = (geometry.glance_frames, size, size, 3), geometry.boxes_in == "frame"
        most = MAX_WAITING_BYTES if whole else count * side * side * 3
        with self.in_its_name():
            arrays = read_arrays(path, int(np.prod(glance)) + most)
        found = {name: (values.shape, values.dtype.name) for name, values in arrays.items()}
        shape = found.get("candidates", ((), ""))[0]
        fits = len(shape) == 4 and shape[::3] == (count, 3) and min(shape) > 0
        candidates = shape if whole and fits else (count, side, side, 3)
        if found != {"glance": (glance, "uint8"), "candidates": (candidates, "uint8")}:
            sizes = f"({count}, height, width, 3)" if whole else candidates
            raise BundleError(
                f"{self.shown / self.manifest.golden.frames.file} holds {found or 'nothing'}, expected uint8 frames "
                f"{{'glance': {glance}, 'candidates': {sizes}}}. Convert again."
            )
        return {name: values.astype(np.uint8, copy=False) for name, values in arrays.items()}

    def golden_outputs(self) -> dict[str, NDArray[np.generic]]:
        """Read what the golden clip must give: ``<stage>.<tensor>`` in the graph's dtype, and ``frame_indices``.

        Raises:
            BundleError: the file is damaged, or an output is missing, of no stage, or of another shape.
        """
        path, golden = self._file(self.manifest.golden.answers), self.manifest.golden
        shown = self.shown / golden.answers.file
        specs: dict[tuple[str, str], TensorSpec] = {
            (stage, spec.name): spec
            for stage in self.manifest.geometry.stage_names
            for spec in self.graph(stage, golden.runtime)[1].outputs
        }
        # the focus may run once for every frame; besides there are the chosen frames and small sums
        one_call = sum(int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize for spec in specs.values())
        calls = self.manifest.geometry.focus_frames
        with self.in_its_name():
            arrays = read_arrays(path, (one_call + BYTES_OF_FRAME) * calls + MAX_OTHER_BYTES)
        missing = [f"{stage}.{name}" for stage, name in specs if f"{stage}.{name}" not in arrays]
        if missing:
            raise BundleError(f"{shown} has no {missing[0]}, which a golden clip must answer. Convert the model again.")
        for name, values in arrays.items():
            stage, _, rest = name.partition(".")
            spec = specs.get((stage, rest.rpartition(".")[2]))
            fits = values.ndim == 1 if not rest else spec is not None and _fits(values, spec)
            if not fits:
                raise BundleError(
                    f"{shown} holds {name!r} as {values.dtype} {values.shape}, which no stage answers. Convert the "
                    "model again."
                )
        return arrays


def _fits(values: NDArray[np.generic], spec: TensorSpec) -> bool:
    """Return whether an array has a tensor's shape and dtype."""
    return values.shape == spec.shape and values.dtype.name == spec.dtype


def is_bundle(path: Path) -> bool:
    """Return whether a bundle seems to stand at a path: a folder or a zip with a manifest, or a zip by name."""
    return (path / MANIFEST).is_file() or (path.is_file() and (path.suffix == ARCHIVE or is_archive(path)))


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
        with replacing_file(destination) as beside, TemporaryDirectory(prefix=temporary_prefix("bundle")) as folder:
            _fill(Path(folder), fill)
            pack(Path(folder), beside)
    else:
        with replacing_directory(destination, MANIFEST) as made:
            _fill(made, fill)
    return Bundle.open(destination)


def rewrite_bundle(bundle: Bundle, manifest: Manifest, destination: Path) -> Bundle:
    """Write a bundle with another manifest, which names the same files.

    Args:
        bundle: an opened one.
        manifest: the new one.
        destination: as for :func:`write_bundle`; it may be where the bundle stands, whose files then stay.

    Raises:
        BundleError: the manifest contradicts itself or the files. What stood at the destination is still there.
    """

    def fill(folder: Path) -> Manifest:
        for record in manifest.files():
            source, target = bundle._file(record), folder / record.file
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return manifest

    if not (destination.is_dir() and destination.samefile(bundle.path)):
        return write_bundle(destination, fill)
    with replacing_file(destination / MANIFEST) as beside:
        _write_manifest(beside, manifest)
        read_manifest(beside, destination / MANIFEST)
    return Bundle.open(destination)


def _fill(folder: Path, fill: Callable[[Path], Manifest]) -> None:
    """Write all files of a bundle, and check them as a reader would."""
    _write_manifest(folder / MANIFEST, fill(folder))
    Bundle.open(folder)


def _write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest as JSON."""
    path.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def file_record(root: Path, name: str) -> FileRecord:
    """Describe a file that stands in a bundle directory."""
    path = root / name
    return FileRecord(file=name, sha256=sha256_of(path), bytes=size_of(path))


def _refuse_links(root: Path) -> None:
    """Refuse whatever is neither a plain file nor a folder, wherever it stands, and folders without end."""
    folders, count = [root], 0
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > MAX_BUNDLE_FILES:
                    raise BundleError(f"{root} holds more than {MAX_BUNDLE_FILES} files, so it is no bundle.")
                if entry.is_symlink():
                    raise BundleError(
                        f"{entry.path} is a symbolic link, expected a plain file. Copy the bundle with its files."
                    )
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    raise BundleError(
                        f"{entry.path} is a pipe or a device, expected a plain file. Do not trust {root}."
                    )


def _check(root: Path, shown: Path, record: FileRecord | GraphFile) -> None:
    """Refuse a file that is missing, lies outside the bundle, or has another size or hash than the manifest says."""
    reason = unsafe(record.file)
    if reason is not None:
        raise BundleError(f"The manifest names {record.file!r}, {reason}. Do not trust {shown}.")
    path, name = root / record.file, shown / record.file
    if not path.exists():
        raise BundleError(f"{name} is missing. Copy the whole bundle again.")
    size = size_of(path)
    if size != record.bytes:
        raise BundleError(f"{name} has {size} bytes, expected {record.bytes}. Copy the bundle again.")
    digest = sha256_of(path)
    if digest != record.sha256:
        raise BundleError(
            f"{name} was changed: its SHA-256 is {digest[:12]}..., expected {record.sha256[:12]}.... "
            "Copy the bundle again."
        )
