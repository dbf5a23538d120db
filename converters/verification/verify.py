"""Every file of a bundle that can run here, beside the golden answers or the trained program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from adafocus.calibration.quantization.model_file import StoredModel, load_model
from adafocus.calibration.quantization.ptq import listed_videos
from adafocus.converters.verification.parity import reference_stages
from adafocus.converters.verification.verdict import Verdict, opener_of, verify_parts, verify_runtime
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.files import sha256_of
from adafocus.edge.bundle.manifest import Precision, Runtime
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtimes import unavailable
from adafocus.edge.selftest import GoldenCheck, check_golden, runtimes_on
from adafocus.edge.video.clip import Clip, read_clip
from adafocus.errors import OF_ONE_INPUT, AdafocusError, MissingRuntimeError, sentence_of, shell_word


def verify_golden(bundle: Bundle, threads: int, accelerator: str | None = None) -> dict[Runtime, GoldenCheck | str]:
    """Run the golden clip through every runtime; give a sentence where a runtime cannot be run here."""
    found: dict[Runtime, GoldenCheck | str] = {}
    for runtime in _runtimes(bundle, accelerator):
        opener = opener_of(runtime, accelerator)
        if opener is None:
            found[runtime] = unavailable(runtime) or ""
            continue
        try:
            recognizer = Recognizer(bundle, runtime, threads, None, opener, accelerator=accelerator)
            found[runtime] = check_golden(bundle, recognizer)
        except MissingRuntimeError:
            # the accelerator is not here: nothing can be verified on it
            raise
        except AdafocusError as error:
            found[runtime] = GoldenCheck(broken=[str(error)])
    return found


def verify_clips(
    bundle: Bundle,
    clips: Sequence[Path],
    split: str | None,
    max_clips: int,
    model: Path | None,
    threads: int,
    broken: dict[Path, str] | None = None,
    accelerator: str | None = None,
) -> dict[Runtime, Verdict]:
    """Run real clips through every runtime and through the program that the bundle was converted from.

    Args:
        bundle: an opened bundle.
        clips: clip lists and videos.
        split: of the clip lists; None: all clips.
        max_clips: at most so many, spread over all.
        model: the model file that the bundle was converted from.
        threads: CPU threads of the runtimes.
        broken: takes a sentence for each clip that cannot be read, which leaves the others as they are.
        accelerator: of the runtimes; those that have none of this name are left out.

    Raises:
        AdafocusError: the model is not the one the bundle was made from, or no clip can be read.
    """
    stored = _model_of(bundle, model)
    videos = listed_videos(clips, split)
    step = max(1, len(videos) // max_clips)
    read = readable(bundle, videos[::step][:max_clips], {} if broken is None else broken)
    precision = precision_of(bundle)
    programs = reference_stages(stored, precision)
    verdicts = {}
    for runtime in _runtimes(bundle, accelerator):
        verdict = verify_runtime(bundle, runtime, programs, read, precision, threads, accelerator)
        if accelerator is None and verdict.proved_by is not None and bundle.parts(runtime):
            of_parts = verify_parts(bundle, runtime, programs, read, precision, threads)
            verdict = verdict if of_parts.state != "failed" else replace(of_parts, parity=verdict.parity)
        verdicts[runtime] = verdict
    return verdicts


def _runtimes(bundle: Bundle, accelerator: str | None) -> tuple[str, ...]:
    """Return the runtimes of a bundle that have an accelerator; all that it has files of without one."""
    held = bundle.runtimes()
    return held if accelerator is None else runtimes_on(bundle, accelerator)


def readable(bundle: Bundle, videos: Sequence[Path], broken: dict[Path, str]) -> list[Clip]:
    """Read the clips that can be read; ``broken`` takes a sentence for each other one.

    Raises:
        AdafocusError: none can be read.
    """
    read = []
    for video in videos:
        try:
            read.append(read_clip(video, bundle.manifest.geometry))
        except OF_ONE_INPUT as error:
            broken[video] = sentence_of(error, video)
    if not read:
        raise AdafocusError(next(iter(broken.values()), "There are no clips to verify on. Check the list and --split."))
    return read


def precision_of(bundle: Bundle) -> Precision:
    """Return the precision of the glance and the focus."""
    return next(iter(bundle.manifest.stages["focus"].values())).precision


def _model_of(bundle: Bundle, path: Path | None) -> StoredModel:
    """Load the model file that a bundle was converted from.

    Raises:
        AdafocusError: no file is named, or it is another.
    """
    made_from = bundle.manifest.provenance
    if path is None:
        raise AdafocusError(
            "Clips are compared with the program that the bundle was converted from. Name its file: --model "
            f"{shell_word(made_from.model)}"
        )
    digest = sha256_of(path) if path.is_file() else made_from.model_sha256
    if digest != made_from.model_sha256:
        raise AdafocusError(
            f"{path} is not the file that the bundle was converted from: its SHA-256 is {digest[:12]}..., the "
            f"manifest says {made_from.model_sha256[:12]}.... Name the right one: --model {shell_word(made_from.model)}"
        )
    return load_model(path)


def as_dict(golden: dict[Runtime, GoldenCheck | str], verdicts: dict[Runtime, Verdict]) -> dict[str, Any]:
    """Return everything that was found, for a machine."""
    return {
        "golden": {name: check if isinstance(check, str) else asdict(check) for name, check in golden.items()},
        "clips": {name: asdict(verdict) for name, verdict in verdicts.items()},
    }


def passed(golden: dict[Runtime, GoldenCheck | str], verdicts: dict[Runtime, Verdict]) -> bool:
    """Say whether every bound holds for everything that could be run."""
    checks = [check for check in golden.values() if isinstance(check, GoldenCheck)]
    return all(not check.broken for check in checks) and all(v.state != "failed" for v in verdicts.values())
