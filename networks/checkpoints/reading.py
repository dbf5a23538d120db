"""Read the tensors of a checkpoint file without executing anything in it; say what is no checkpoint."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adafocus.errors import CheckpointError
from adafocus.networks.checkpoints.unwrapping import find_state, listed

StateDict = Mapping[str, Tensor]
HEAD_BYTES = 1024
QUOTED = 60
# of a tensor that repeats what is stored
MAX_CLAIMED_BYTES = 1 << 32
# PyTorch's name for an object that it would have to import
FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
LFS = b"version https://git-lfs.github.com/spec"
# beginnings of files that people take for checkpoints
SIGNATURES = (
    (b"\x1f\x8b", "is packed with gzip. Unpack it first"),
    (b"\xfd7zXZ\x00", "is packed with xz. Unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive. Unpack it first"),
    (b"Rar!", "is a RAR archive. Unpack it first"),
    (b"\x89HDF", "is an HDF5 file of Keras or of another program. Convert it to .safetensors"),
    (b"\x93NUMPY", "is an array of NumPy, without names of tensors. Convert it to .safetensors"),
)
DOWNLOAD_AGAIN = "Download the file again, or give the path of a .safetensors or .pth file"


def read_state(source: str | Path | StateDict) -> dict[str, Tensor]:
    """Read a state dict without executing anything that the file contains.

    Args:
        source: a safetensors file, a PyTorch file (read with ``weights_only=True``), or a state dict.

    Raises:
        CheckpointError: no such file, not a checkpoint of tensors, or its numbers are not finite.
    """
    if isinstance(source, Mapping):
        return dict(source)
    path = Path(source)
    state = _read_safetensors(path) if is_safetensors(path) else find_state(path, read_pickle(path))
    refuse_unusable(path, state)
    return state


def read_pickle(path: Path) -> Any:
    """Read a PyTorch file as far as it holds tensors and plain values.

    Raises:
        CheckpointError: there is no such file, it is damaged or something else, or it would run code.
    """
    refuse_other_files(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # damaged files make PyTorch raise nearly anything: IndexError, EOFError, RuntimeError, struct.error, ...
    except Exception as error:
        forbidden = FORBIDDEN.search(str(error))
        if forbidden is not None:
            raise CheckpointError(
                f"{path} is not read: besides tensors it holds {forbidden[1]}, an object whose reading would run code. "
                "Where you trust the file, load it in Python and save the tensors alone: "
                "torch.save(model.state_dict(), 'weights.pth')"
            ) from error
        raise CheckpointError(
            f"{path} is not read: it is damaged, or holds objects that would run code. Expected tensors only: save the "
            "state dict again, or convert it to .safetensors."
        ) from error


def is_safetensors(path: Path) -> bool:
    """Return whether a file is of the safetensors form, by its beginning or else by its name.

    Raises:
        CheckpointError: there is no such file, or it cannot be read, or it is something else.
    """
    refuse_other_files(path)
    head = _head(path)
    # the length of a JSON header, and its first character
    return path.suffix == ".safetensors" if head[8:9] != b"{" else int.from_bytes(head[:8], "little") < 1 << 32


def refuse_other_files(path: Path) -> None:
    """Refuse what is no checkpoint by its content, such as a web page that was saved in place of one.

    Raises:
        CheckpointError: says what the file is.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}. Give the path of a .safetensors or .pth file.")
    found = _other_kind(path, _head(path))
    if found is not None:
        raise CheckpointError(f"{path} is no checkpoint: it {found}.")


def _head(path: Path) -> bytes:
    """Return the first bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror or error}. Check its permissions.") from error


def _other_kind(path: Path, head: bytes) -> str | None:
    """Say what a file is that is no checkpoint, and what to do; None for what may be one."""
    if not head:
        return f"is empty. {DOWNLOAD_AGAIN}"
    if head.startswith(LFS):
        return "is a pointer of Git LFS to the file. Fetch the file itself: git lfs pull"
    for signature, found in SIGNATURES:
        if head.startswith(signature):
            return found
    if head.startswith(b"PK"):
        return _other_zip(path)
    text = _text(head)
    if text is None:
        return "is a tar archive. Unpack it first" if head[257:262] == b"ustar" and tarfile.is_tarfile(path) else None
    start = text.lower().lstrip("\ufeff \t\r\n")
    if start.startswith(("<!doctype", "<html", "<?xml", "<head", "<body", "<!--")):
        return f"is a web page, such as a server sends in place of a file. {DOWNLOAD_AGAIN}"
    line = " ".join(text.split())
    if not line:
        return f"holds nothing but blanks. {DOWNLOAD_AGAIN}"
    return f"is text and begins with {line[:QUOTED]!r}. {DOWNLOAD_AGAIN}"


def _text(head: bytes) -> str | None:
    """Return the beginning of a text file; None where it is no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", errors="replace")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # a character may be cut in two at the end of what was read
        if len(head) < HEAD_BYTES or error.start < len(head) - 4:
            return None
        text = head[: error.start].decode("utf-8")
    return text if all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text) else None


def _other_zip(path: Path) -> str | None:
    """Say what a zip is that is no PyTorch file; a damaged one is left to PyTorch."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    leaves = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in leaves:
        return (
            "is a program of TorchScript. Save the tensors of the network that it was made from: "
            "torch.save(model.state_dict(), 'weights.pth')"
        )
    if "data.pkl" in leaves:
        return None
    held = f"with {listed(names)}" if names else "without a file"
    return f"is a zip archive {held}. Unpack it, and give the path of the checkpoint in it"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a file that can hold nothing but tensors."""
    from safetensors.torch import load_file

    try:
        return load_file(path)
    # a header may name types and shapes that no tensor has, each with an error of its own
    except Exception as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}). Save or download it again.") from error


def refuse_unusable(path: Path, state: StateDict) -> None:
    """Refuse tensors that no network can compute with, before work begins.

    Raises:
        CheckpointError: names the first of them.
    """
    absent = [key for key, value in state.items() if value.is_meta]
    if absent:
        raise CheckpointError(
            f"{path} holds names and shapes without numbers, of {listed(absent)}. Save the network when it has its "
            "weights, not on the device 'meta'."
        )
    packed = [key for key, value in state.items() if value.layout != torch.strided or value.is_quantized]
    if packed:
        raise CheckpointError(
            f"{path} holds sparse or quantized tensors, {listed(packed)}. Expected plain ones: save the float network."
        )
    claimed = [key for key, value in state.items() if _bytes_of(value) > max(MAX_CLAIMED_BYTES, _stored_bytes(value))]
    if claimed:
        raise CheckpointError(
            f"{path} holds few numbers that are said to be many, {listed(claimed)}. Expected as many as a network has: "
            "save copies of the tensors, value.clone()."
        )
    broken = [key for key, value in state.items() if not _is_finite(value)]
    if broken:
        raise CheckpointError(
            f"{path} holds weights that are not finite (NaN or infinite), in {listed(broken)} and {len(broken)} of "
            f"{len(state)} tensors in all. Its training diverged, or it is damaged: take an earlier checkpoint, or "
            "download it again."
        )


def _bytes_of(value: Tensor) -> int:
    """Return the memory of a tensor's numbers, were each stored by itself."""
    return value.numel() * value.element_size()


def _stored_bytes(value: Tensor) -> int:
    """Return the memory of what is stored of a tensor; one that repeats itself is larger."""
    return value.untyped_storage().nbytes()


def _is_finite(value: Tensor) -> bool:
    """Return whether all numbers of a tensor are finite."""
    if not (value.is_floating_point() or value.is_complex()):
        return True
    # types of one byte have no test of their own
    return bool((value.float() if value.element_size() < 2 else value).isfinite().all())
