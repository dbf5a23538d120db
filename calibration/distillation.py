"""The whole run of ``adafocus train``: decode, ask the teacher, fit, write the model file."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console

import networks
from calibration.clips import CacheSettings, FrameCache, read_clips
from calibration.fitting import Fitting, Material, split_by_group
from calibration.model_file import save_model
from calibration.recipe import Recipe
from calibration.teacher import Teacher, soft_answers
from edge.errors import AdafocusError
from edge.files import sha256_of

HELD_OUT_SHARE = 0.05
PACKAGES = ("torch", "torchao", "executorch", "numpy", "opencv-python")


def distil(
    recipe_path: Path,
    lists: tuple[Path, ...],
    split: str,
    teacher_path: Path,
    labels_path: Path,
    work: Path,
    cache_folder: Path,
    out: Path,
) -> None:
    """Run a recipe to the end.

    Raises:
        AdafocusError: a file is missing, or clips cannot be decoded.
    """
    console = Console()
    recipe = Recipe.read(recipe_path)
    for path in (teacher_path, labels_path):
        if not path.is_file():
            raise AdafocusError(f"There is no file at {path}. Check --teacher and --labels.")
    labels = tuple(labels_path.read_text(encoding="utf-8").splitlines())
    clips = [clip for path in lists for clip in read_clips(path, split)]
    work.mkdir(parents=True, exist_ok=True)
    preset = networks.preset(recipe.preset, **recipe.overrides)
    cache = FrameCache(cache_folder, clips, CacheSettings(recipe.cached_frames, preset.short_side_px))
    cache.fill()
    console.print(f"{len(clips)} clips, {len(cache.broken)} of them broken")
    teacher = Teacher(preset.global_backbone, teacher_path)
    answers = soft_answers(cache, teacher, recipe, work / "teacher.pt")
    taught, held_out = split_by_group(cache, HELD_OUT_SHARE, recipe.seed)
    fitting = Fitting(work, Material(cache, answers, taught, held_out), recipe, teacher_path)
    student = fitting.run()
    with torch.no_grad():
        check = fitting.evaluate()
    console.print(check)
    history = {
        "recipe": recipe.as_dict(),
        "teacher_sha256": sha256_of(teacher_path),
        "clips": {path.name: len(read_clips(path, split)) for path in lists},
        "taught": len(taught),
        "held_out": len(held_out),
        "held_out_check": check,
        "packages": {name: version(name) for name in PACKAGES},
    }
    prepared = {"glance": student.glance, "focus": student.focus}
    save_model(out, prepared, {"policy": student.policy}, student.config, recipe.preset, labels, history)
    console.print(f"wrote {out}, {out.stat().st_size / 1e6:.1f} MB\nnext: adafocus export {out} --out bundle")
