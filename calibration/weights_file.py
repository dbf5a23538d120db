"""Writing weights: one way for checkpoints and for model files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from adafocus.edge.bundle.files import replacing_file


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write named tensors as safetensors; the file appears only when it is whole.

    The library's own ``save_file`` writes to a file of a name of its own, which stays where the process is killed.

    Args:
        path: of the file.
        tensors: by name, of any layout.
        metadata: texts by name.
    """
    with replacing_file(path) as beside:
        beside.write_bytes(save({name: value.contiguous() for name, value in tensors.items()}, metadata))
