"""The golden clip: one real clip as frames, what every stage must give, and a trial of it in another process."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import STAGES, Geometry, Manifest, Precision, Stage, TensorSpec
from adafocus.edge.bundle.tolerances import MAX_RELATIVE, MAX_RELATIVE_OF_ITSELF, MAX_STEPS, MAX_STEPS_OF_ITSELF
from adafocus.edge.device.host import peak_memory_bytes
from adafocus.edge.policy import uniform_indices
from adafocus.edge.prediction import Prediction
from adafocus.edge.recognizer import Recognizer
from adafocus.edge.runtime_table import RUNTIMES, file_runtime
from adafocus.edge.runtimes.accelerators import EXACT, Proof, choose, proof_of
from adafocus.edge.runtimes.graph import places_in_words
from adafocus.edge.runtimes.tensors import dequantize
from adafocus.edge.video.clip import Clip
from adafocus.edge.video.fitting import shrink, shrink_factor
from adafocus.edge.video.kept_frames import Candidates
from adafocus.errors import AdafocusError

# golden answers that no graph gives: chosen candidates, boxes on them, digests of what was cut out and of the labels
FRAMES = "frame_indices"
BOXES = "boxes_px"
PATCHES = "patches_sha256"
LABELS = "labels_sha256"
UNBOUNDED = (math.inf, math.inf)
# whole frames of a golden clip take at most this part of what those of any clip may, so that a bundle stays small
GOLDEN_PART = 8


@dataclass
class GoldenCheck:
    """What a runtime gives for the golden clip.

    Attributes:
        label: the predicted label.
        labels_checked: whether the bundle says which label and which list of labels are right.
        spent_ms: by stage, and ``total``; one run without warm-up.
        steps: largest difference of each integer tensor, in output steps.
        relative: largest difference of each float tensor, relative to its largest value.
        same_frames: whether the same frames were chosen.
        broken: sentences on every bound that does not hold.
        proof: what was asked of the numbers, in words.
        ran_on: where each stage ran.
    """

    steps: dict[str, int] = field(default_factory=dict)
    relative: dict[str, float] = field(default_factory=dict)
    same_frames: bool = False
    label: str = ""
    labels_checked: bool = False
    spent_ms: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    proof: str = str(EXACT)
    ran_on: dict[str, str] = field(default_factory=dict)

    @property
    def tensors(self) -> int:
        """Tensors that were compared."""
        return len(self.steps) + len(self.relative)


def labels_digest(labels: Sequence[str]) -> NDArray[np.uint8]:
    """Return the SHA-256 of the labels in order, ``(32,)``; it is kept with the golden outputs, apart from them."""
    return np.frombuffer(hashlib.sha256("\0".join(labels).encode()).digest(), np.uint8)


def runtimes_for(bundle: Bundle) -> tuple[str, ...]:
    """Return the runtimes of the table that a bundle holds graphs for, whether they are installed or not."""
    held = bundle.runtimes()
    return tuple(name for name in RUNTIMES if name in held or file_runtime(name) in held)


def runtimes_on(bundle: Bundle, accelerator: str | None) -> tuple[str, ...]:
    """Return those of them that have an accelerator; all without one.

    Raises:
        AdafocusError: none has it.
    """
    found, refusals = [], []
    for name in runtimes_for(bundle):
        try:
            choose(name, accelerator)
        except AdafocusError as error:
            refusals.append(str(error))
        else:
            found.append(name)
    if not found and refusals:
        raise AdafocusError(refusals[0])
    return tuple(found)


def golden_frames(clip: Clip, geometry: Geometry) -> dict[str, NDArray[np.uint8]]:
    """Return the frames of a clip as a bundle holds them, for ``golden/clip.npz``.

    Args:
        clip: of a real video.
        geometry: of the bundle.

    Returns:
        ``glance`` ``(T_G, S, S, 3)`` and ``candidates`` ``(N, F, F, 3)``, uint8 RGB; candidates are ``(N, H, W, 3)``
        where boxes lie in the whole frame, and shrunk by a whole factor where they take more than 8 MB.

    Raises:
        AdafocusError: its frames are of several sizes.
    """
    sizes = sorted({(frame.shape[0], frame.shape[1]) for frame in clip.candidates})
    if len(sizes) > 1:
        shown = " and ".join(f"{width} x {height}" for height, width in sizes)
        raise AdafocusError(
            f"The frames of the golden clip have the sizes {shown}, expected one size. Name another video first."
        )
    candidates = np.asarray(clip.candidates, np.uint8)
    if geometry.boxes_in == "frame":
        factor = shrink_factor(*sizes[0], GOLDEN_PART * len(candidates))
        if factor > 1:
            candidates = np.stack([shrink(frame, factor) for frame in candidates])
    return {"glance": clip.glance, "candidates": candidates}


def clip_of_golden(frames: Mapping[str, NDArray[np.uint8]]) -> Clip:
    """Return golden frames as the clip that golden answers belong to."""
    glance, candidates = frames["glance"], frames["candidates"]
    count = len(candidates)
    return Clip(glance, Candidates(candidates), uniform_indices(count, len(glance)), np.arange(count), count, 1.0)


def golden_clip(bundle: Bundle) -> Clip:
    """Return the golden frames of a bundle as a clip."""
    return clip_of_golden(bundle.golden_frames())


def golden_answers(clip: Clip, prediction: Prediction, manifest: Manifest) -> dict[str, NDArray[np.generic]]:
    """Return what a golden clip must give, for ``golden/answers.npz``.

    Args:
        clip: of :func:`clip_of_golden`.
        prediction: of it, all the way to the focus.
        manifest: of the bundle.

    Returns:
        the outputs of every stage, ``frame_indices`` ``(n,)`` and ``labels_sha256``. A policy of motion has no outputs,
        so what it does stands there too: ``boxes_px`` ``(4 n,)`` int64, top, left, height and width of each box in
        pixels, and ``patches_sha256``, over the patches ``(n, P, P, 3)``.
    """
    answers: dict[str, NDArray[np.generic]] = {
        **prediction.outputs,
        FRAMES: np.array(prediction.candidate_indices),
        LABELS: labels_digest(manifest.labels),
    }
    return answers | _looks(clip, prediction, manifest.geometry)


def _looks(clip: Clip, prediction: Prediction, geometry: Geometry) -> dict[str, NDArray[np.generic]]:
    """Return where a policy of motion looked and what was seen there; nothing of a network, whose outputs say it."""
    if geometry.policy == "network":
        return {}
    digest = hashlib.sha256(np.ascontiguousarray(prediction.patches).tobytes()).digest()
    frames = [clip.candidates[number].shape for number in prediction.candidate_indices]
    sides = np.array([[height, width, height, width] for height, width, _ in frames])
    boxes = np.rint(prediction.boxes.astype(np.float64) * sides).astype(np.int64)
    return {BOXES: boxes.reshape(-1), PATCHES: np.frombuffer(digest, np.uint8)}


def check_golden(bundle: Bundle, recognizer: Recognizer) -> GoldenCheck:
    """Run the golden clip and compare every stage's outputs with those of the bundle.

    The runtime that made the golden outputs must give them again exactly, others within the bounds of a conversion.
    What an evaluator made in the place of a runtime, that runtime gives within the same bounds. An accelerator is held
    to what its row of the table says: where only labels are counted, differences are told and the label must be right.
    """
    precision = bundle.graph("focus", recognizer.runtime)[1].precision  # type: ignore[arg-type]
    proof = proof_of(recognizer.runtime, recognizer.accelerator, precision)
    golden = bundle.manifest.golden.runtime
    by_runtime = all(bundle.graph(stage, golden)[1].proved_by == "runtime" for stage in bundle.manifest.stages)
    itself = by_runtime and golden in (recognizer.runtime, file_runtime(recognizer.runtime))
    clip = golden_clip(bundle)
    prediction = recognizer.recognize_clip(clip)
    spent = {name: prediction.timing_ms[name] for name in (*STAGES, "total") if name in prediction.timing_ms}
    given, result = prediction.outputs, GoldenCheck(label=prediction.label, spent_ms=spent)
    result.proof, result.ran_on = str(proof), recognizer.ran_on
    expected = bundle.golden_outputs()
    wanted_frames = expected.pop(FRAMES, np.empty(0, np.int64))
    result.same_frames = prediction.candidate_indices == tuple(wanted_frames.tolist())
    _compare_labels(result, bundle.manifest, expected.pop(LABELS, None))
    looks = _looks(clip, prediction, bundle.manifest.geometry)
    for name in (BOXES, PATCHES):
        wanted_look = expected.pop(name, None)
        if name in looks and not (wanted_look is not None and np.array_equal(looks[name], wanted_look)):
            result.broken.append(f"{name} are others than those of the bundle")
    for name, wanted in expected.items():
        stage, _, tensor = name.partition(".")
        tensor = tensor.rpartition(".")[2]
        if name not in given or given[name].shape != wanted.shape:
            result.broken.append(f"{name} is missing or has another shape")
            continue
        spec = _spec(bundle, stage, golden, tensor)  # type: ignore[arg-type]
        real = dequantize(given[name], _spec(bundle, stage, recognizer.runtime, tensor))  # type: ignore[arg-type]
        # a policy in float32 gets what an fp16 glance gives
        _compare(result, name, real, wanted, spec, *_bounds(proof, itself, precision))
    if not result.same_frames and proof.kind != "labels":
        result.broken.append("other frames are chosen")
    return result


def _bounds(proof: Proof, itself: bool, precision: Precision) -> tuple[float, float]:
    """Return the most steps of integers and the largest relative difference of floats that are allowed."""
    if proof.kind == "labels":
        return UNBOUNDED
    if proof.kind == "bounded":
        return proof.steps or 0, proof.relative or 0.0
    return (MAX_STEPS_OF_ITSELF, MAX_RELATIVE_OF_ITSELF) if itself else (MAX_STEPS, MAX_RELATIVE[precision])


def check_runtime(bundle: Bundle, runtime: str, threads: int, accelerator: str | None = None) -> GoldenCheck:
    """Check the golden clip in a runtime, and again with the glance frame by frame where the bundle has it in parts.

    Raises:
        AdafocusError: the runtime cannot run here, or a graph cannot be opened.
    """
    check = check_golden(bundle, Recognizer.open(bundle, runtime, threads, accelerator=accelerator))
    if bundle.parts(runtime):
        again = Recognizer.open(bundle, runtime, threads, incremental=True, accelerator=accelerator)
        parts = check_golden(bundle, again)
        check.broken += [f"with the glance frame by frame, {sentence}" for sentence in parts.broken]
    return check


def _compare_labels(result: GoldenCheck, manifest: Manifest, digest: NDArray[np.generic] | None) -> None:
    """Compare the labels by their digest, and the label of the clip; bundles of earlier versions have neither."""
    wanted = manifest.golden.label
    result.labels_checked = wanted is not None and digest is not None
    if digest is not None and not np.array_equal(digest, labels_digest(manifest.labels)):
        result.broken.append("the labels in the manifest are not those that the golden outputs were made with")
    if wanted is not None and result.label != wanted:
        result.broken.append(f"the best label is {result.label!r}, expected {wanted!r}")


def _compare(
    result: GoldenCheck,
    name: str,
    real: NDArray[np.float32],
    wanted: NDArray[np.generic],
    spec: TensorSpec,
    most_steps: float,
    most_relative: float,
) -> None:
    """Compare one tensor: integers in output steps, floats relative to the largest value."""
    if spec.scale is not None and spec.zero_point is not None:
        codes = np.rint(real.astype(np.float64) / spec.scale) + spec.zero_point
        steps = result.steps[name] = int(np.abs(codes - wanted.astype(np.int64)).max())
        if steps > most_steps:
            result.broken.append(f"{name} is {steps} output steps away, at most {most_steps} is allowed")
        return
    expected = wanted.astype(np.float64)
    away = float(np.abs(real - expected).max() / max(float(np.abs(expected).max()), 1e-12))
    result.relative[name] = away
    if not away <= most_relative:
        result.broken.append(f"{name} is {away:.1e} away, at most {most_relative:.0e} is allowed")


def _spec(bundle: Bundle, stage: Stage, runtime: str, tensor: str) -> TensorSpec:
    """Return how a runtime's graph describes one of its outputs."""
    record = bundle.graph(stage, runtime)[1]
    return next(spec for spec in record.outputs if spec.name == tensor)


LIMIT_S = 300.0
KILLED = {signal.SIGKILL: "was killed, most likely because the memory was full"}


@dataclass(frozen=True)
class Trial:
    """How a bundle does in one runtime here.

    Attributes:
        runtime: its name.
        answers: whether it opens and gives the golden outputs.
        problem: a sentence where it does not.
        peak_memory_bytes: of the process that ran it, with interpreter and libraries; None where unknown.
        golden_ms: the golden clip without decoding, the first time.
        ran_on: where each stage ran; None where it is all on the CPU.
    """

    runtime: str
    answers: bool
    problem: str | None = None
    peak_memory_bytes: int | None = None
    golden_ms: float | None = None
    ran_on: dict[str, str] | None = None

    @property
    def text(self) -> str:
        """In one line."""
        if not self.answers:
            return self.problem or "it does not answer"
        memory = f", {self.peak_memory_bytes / 1e6:.0f} MB of memory" if self.peak_memory_bytes else ""
        if self.ran_on is not None:
            places = places_in_words(self.ran_on)
            return f"runs, golden clip as its accelerator must give it{memory}; {places}"
        return f"runs, golden clip exact or within bounds{memory}"


def try_bundle(
    path: Path, runtime: str, threads: int = 1, limit_s: float = LIMIT_S, accelerator: str | None = None
) -> Trial:
    """Open a bundle in one runtime and run its golden clip, in a new process.

    Args:
        path: of the bundle.
        runtime: one that is installed.
        threads: CPU threads of the runtime.
        limit_s: after so long it counts as hanging.
        accelerator: of the runtime; None: its usual processor.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, str(path), runtime, threads, accelerator), daemon=True)
    try:
        process.start()
    except OSError:
        # an emulator or a sandbox that starts no processes
        return attempt(path, runtime, threads, accelerator)
    theirs.close()
    trial = None
    if ours.poll(limit_s):
        try:
            trial = ours.recv()
        except EOFError:
            # it ended without a word, and its exit code says how
            trial = None
    elif process.is_alive():
        process.kill()
        process.join()
        return Trial(runtime, False, f"it did not answer within {limit_s:.0f} s.")
    process.join()
    return trial or Trial(runtime, False, _ending(process.exitcode))


def attempt(path: Path, runtime: str, threads: int, accelerator: str | None = None) -> Trial:
    """Open a bundle in one runtime and run its golden clip, in this process."""
    try:
        bundle = Bundle.open(path)
        check = check_golden(bundle, Recognizer.open(bundle, runtime, threads, accelerator=accelerator))
    except AdafocusError as error:
        return Trial(runtime, False, str(error))
    except (ImportError, MemoryError, RuntimeError, ValueError) as error:
        # a package that is there and cannot be loaded, or whose library gives up: it is of another version
        return Trial(runtime, False, f"its package fails here: {type(error).__name__}: {error}.")
    memory = max(peak_memory_bytes().values(), default=None)
    if check.broken:
        return Trial(runtime, False, f"its golden clip: {'; '.join(check.broken)}.", memory)
    places = check.ran_on if set(check.ran_on.values()) != {"CPU"} else None
    return Trial(runtime, True, None, memory, round(check.spent_ms["total"], 3), places)


def _child(connection: Connection, path: str, runtime: str, threads: int, accelerator: str | None) -> None:
    """Run the golden clip in the new process, and send how it went."""
    connection.send(attempt(Path(path), runtime, threads, accelerator))
    connection.close()


def _ending(code: int | None) -> str:
    """Return a sentence on a process that ended without a word."""
    if code is not None and code < 0:
        how = KILLED.get(signal.Signals(-code), f"crashed with {signal.Signals(-code).name}")
        return f"its process {how}. Another version of the package may run here."
    return f"its process ended with code {code} and no answer."
