"""Recipes: every key of real ones in turn is removed, retyped or set to an extreme; some are YAML that means harm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import yaml

from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from tests.fuzzing.kind import train
from tests.fuzzing.mutations import damage
from tests.fuzzing.structures import change, changed_json, keys_of
from tests.helpers.training_run import RECIPE

SHIPPED = Path(__file__).resolve().parents[3] / "calibration" / "recipes"
CLASSES = 5
# keys that a recipe may leave out
MORE = {
    "optimizer": "sgd", "rates": {"glance": 0.5}, "encoder_rate": 1.0, "warmup_steps": 2, "weight_decay": 1e-4,
    "gradient_norm": 20.0, "size_weight": 0.5, "hard_weight": 1.0, "temperature": 1.0, "label_smoothing": 0.1,
    "frozen": ["global_.*"], "frozen_norms": True, "ema_decay": 0.9, "precision": "32-true", "flip": True,
    "crop_scales": [1.0, 0.8], "shared_views": True, "box_jitter": 0.1, "random_boxes": 0.2, "glance_share": 0.5,
    "seed": 1, "teacher_sees": "clip", "shortest_run": 1.0,
}  # fmt: skip
CLASSIFIER = {
    "classifier": {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 36, "views": ["square"],
                   "shift": "both"},
    "cached_frames": 4, "epochs": 1, "batch": 2,
}  # fmt: skip
NINE = ((old, new, ", ".join([f"*{old}"] * 9)) for old, new in zip("abcdefgh", "bcdefghi", strict=True))
HARM = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(f"{new}: &{new} [{nine}]\n" for _, new, nine in NINE),
    "preset: &p\n  - *p\n",
    "preset: !!python/object/apply:os.system ['true']\n",
    "preset: !!binary '////'\n",
    "preset: x3d-xs-xs\npreset: tsm-mbv2-mbv2\n",
    "--- 1\n--- 2\n",
    "preset:\tx\n",
    "? [1, 2]\n: 3\n",
    "epochs: 1_000\npreset: 2024-01-01\n",
    "epochs: 0o17\nbatch: 1:30\n",
    "<<: {preset: x3d-xs-xs}\n<<: 3\n",
    "preset: 'x3d-xs-xs\n",
    "%YAML 9.9\n---\npreset: x3d-xs-xs\n",
    "'': ''\n",
    "null: 1\n",
    "yes: no\n",
    "1: 2\n2.5: 3\n",
    "{" * 5000,
    "- " * 5000 + "x\n",
    "preset: x3d-xs-xs\nlearning_rate: 1" + "0" * 5000 + "\n",
    "preset: x3d-xs-xs\nfrozen: ['(a+)+$', '(((((']\n",
    "#\n",
    "\ufeffpreset: x3d-xs-xs\n",
)  # fmt: skip


class Recipes:
    """A file that may be no recipe; the recipe of a tiny network and those that are shipped take turns."""

    def __init__(self, bundle: Path, place: Path) -> None:
        self._place, self._path = place, place / "recipe.yaml"
        for name in ("run", "cache", "clips"):
            (place / name).mkdir()
        rng = np.random.default_rng(0)
        lines = ["path,label,group,split"]
        for number in range(4):
            np.save(place / "clips" / f"{number}.npy", rng.integers(0, 200, (6, 40, 48, 3), np.uint8))
            lines.append(f"{number}.npy,{'ab'[number % 2]},g{number},{'train' if number < 2 else 'val'}")
        self._clips = place / "clips" / "clips.csv"
        self._clips.write_text("\n".join(lines))
        shipped = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(SHIPPED.glob("*.yaml"))]
        self._texts = [
            json.dumps(content) for content in ({**RECIPE, **MORE}, CLASSIFIER, {**RECIPE, **MORE}, *shipped)
        ]
        self._trained = False
        # a right one works; its libraries are loaded then
        self._path.write_text(self._texts[0])
        train(place, self._path, self._clips)

    def make(self, rng: np.random.Generator, number: int) -> tuple[str, Path]:
        """Recipes take turns, and numbers go through all keys; every eighth loses bytes, every eighth means harm."""
        turn = number % len(self._texts)
        self._trained = turn < 3
        content = json.loads(self._texts[turn])
        if number % 8 == 7:
            way = number // 8 % len(HARM)
            name, text = f"harm {way}", HARM[way].encode("utf-8")
        elif number % 8 == 3:
            name, text = damage(rng, yaml.safe_dump(content).encode())
        elif number % 2:
            name, text = changed_json(rng, content, number)
        else:
            keys = list(keys_of(content))
            name = change(rng, content, keys[(number * 7919) % len(keys)])
            text = yaml.safe_dump(content).encode("utf-8", "surrogatepass")
        self._path.write_bytes(text)
        return name, self._path

    def use(self, path: Path) -> None:
        """Train by it for no step, or build its network without memory for weights where that is large."""
        if self._trained:
            train(self._place, path, self._clips)
            return
        recipe = Recipe.read(path)
        with torch.device("meta"):
            build_task(recipe, CLASSES)
