"""Writes small int8 bundles of the variants that no shipped bundle is of, for the tests of apps in other languages.

    python -m tests.helpers.small_bundles FOLDER [RUNTIME ...]

FOLDER gets ``tsm.zip`` and ``long.zip``: random networks, whose clips have several focus calls, several exits and a box
for each frame. Without RUNTIME they hold graphs for LiteRT. With ``coreml`` there is ``fp16.zip``, too, the first of
these in fp16 for Core ML alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from adafocus.converters.export import Request, export
from adafocus.converters.model_source import write_model
from adafocus.edge.bundle.manifest import Precision
from adafocus.errors import AdafocusError
from tests.helpers.small_networks import CLASSES, settled, small_config
from tests.helpers.videos import encode

FRAMES = 60
LABELS = tuple(f"class {index}" for index in range(CLASSES))


def small_model(variant: str, video: Path, path: Path) -> Path:
    """Write a quantized model file of random weights, whose scales fit a video."""
    # means of 4 numbers, not of 9, so that they are exact in every runtime
    config = small_config(variant).override(glance_size=64)
    write_model(path, settled(config), "small", LABELS, "int8", [video], 1, {})
    return path


def main(folder: Path, runtimes: Sequence[str]) -> None:
    """Write the bundles."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        video = encode(Path(place) / "moving.mp4", FRAMES)
        models = {name: small_model(name, video, Path(place) / f"{name}.safetensors") for name in ("tsm", "long")}
        wanted: list[tuple[str, Path, Precision, Sequence[str]]]
        wanted = [(name, model, "int8", runtimes) for name, model in models.items()]
        if "coreml" in runtimes:
            wanted.insert(0, ("fp16", models["tsm"], "fp16", ["coreml"]))
        for name, model, precision, own in wanted:
            request = Request(model, folder / f"{name}.zip", precision, [video], 2, own, incremental=False)
            exported = export(request)
            if exported.failed:
                raise AdafocusError(f"{request.out} cannot be made: {exported.verdicts}")
            print(f"wrote {request.out}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("expected FOLDER and names of runtimes")
    main(Path(sys.argv[1]), sys.argv[2:] or ("litert",))
