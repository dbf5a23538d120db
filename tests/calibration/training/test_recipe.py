"""Recipes whose values are of another type or out of range are refused by a sentence that names the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from adafocus.calibration.training.recipe import Recipe
from adafocus.calibration.training.tasks import build_task
from adafocus.errors import AdafocusError

PRESET = {"preset": "tsm-mbv2-mbv2"}
ODD: tuple[Any, ...] = ("x", [None], {1: 2}, {"a": {1: 2}}, 2.5, -1, float("nan"), float("inf"))


def read(folder: Path, content: dict[str, Any]) -> Recipe:
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    return Recipe.read(folder / "recipe.yaml")


@pytest.mark.parametrize("path", sorted(Path("calibration/recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_of_the_project_are_read_and_survive_their_own_form(path: Path) -> None:
    recipe = Recipe.read(path)
    assert Recipe.from_dict(recipe.as_dict()) == recipe


def test_numbers_may_be_written_as_yaml_takes_for_text(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("preset: x3d-xs-xs\nlearning_rate: 1e-3\nbatch: 4\nweight_decay: 0\n")
    recipe = Recipe.read(tmp_path / "recipe.yaml")
    assert (recipe.learning_rate, recipe.batch, recipe.weight_decay) == (0.001, 4, 0.0)


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("key", ["epochs", "batch", "cached_frames", "validate_every", "seed", "warmup_steps"])
def test_counts_are_whole_numbers(key: str, odd: Any, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match=key):
        read(tmp_path, {**PRESET, key: odd})


@pytest.mark.parametrize("odd", [value for value in ODD if value != 2.5], ids=str)
@pytest.mark.parametrize("key", ["learning_rate", "weight_decay", "gradient_norm", "ema_decay", "temperature"])
def test_weights_are_finite_numbers(key: str, odd: Any, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match=key):
        read(tmp_path, {**PRESET, key: odd})


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("optimizer", "adam"),
        ("optimizer", ["sgd"]),
        ("precision", 32),
        ("precision", "bf16"),
        ("flip", "perhaps"),
        ("frozen", "encoder"),
        ("frozen", ["("]),
        ("frozen", [1]),
        ("crop_scales", 1.0),
        ("crop_scales", [0.0]),
        ("crop_scales", [2]),
        ("overrides", [1]),
        ("overrides", {1: 2}),
        ("overrides", None),
        ("rates", {1: 0.5}),
        ("rates", {"focus": "x"}),
        ("teacher", "x3d_xs"),
        ("teacher", {"frames": 3}),
        ("preset", ["x3d-xs-xs"]),
        ("label_smoothing", 1.0),
        ("ema_decay", 1),
        ("temperature", 0),
        (1, 2),
    ],
)
def test_values_of_another_kind_are_refused_by_their_key(key: Any, odd: Any, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match=str(key)):
        read(tmp_path, {**PRESET, key: odd})


@pytest.mark.parametrize(
    ("key", "odd"),
    [("mean", 3), ("mean", ["a", 1, 2]), ("mean", [0.5]), ("std", [0.5, 0.5, 0.0]), ("std", 1), ("box_max_px", [1])],
)
def test_overrides_of_another_kind_are_refused(key: str, odd: Any) -> None:
    with pytest.raises(AdafocusError, match="network cannot be built"):
        Recipe.from_dict({**PRESET, "overrides": {key: odd}}).config(3)


@pytest.mark.parametrize("odd", ["x3d_xs", ["x3d_xs"], 3, {"frames": 3}, {1: 2}, {"backbone": "x3d_xs", "size": "x"}])
def test_a_classifier_of_another_kind_is_refused(odd: Any, tmp_path: Path) -> None:
    with pytest.raises(AdafocusError, match="classifier"):
        read(tmp_path, {"classifier": odd})


@pytest.mark.parametrize("write", [lambda text: text.encode("utf-8-sig"), str.encode])
def test_a_byte_order_mark_does_not_count(write: Callable[[str], bytes], tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(write("preset: x3d-xs-xs\n"))
    assert Recipe.read(tmp_path / "recipe.yaml").preset == "x3d-xs-xs"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("preset: x3d-xs-xs\npreset: tsm-mbv2-mbv2\n", "the key 'preset' stands there twice"),
        ("preset: 2024-13-45\n", "month must be in 1..12"),
        ("epochs: 1" + "0" * 5000, "Exceeds the limit"),
        ("- " * 5000 + "x\n", "no YAML file"),
        ("epochs: !!bool perhaps\n", "no YAML file"),
        ("preset: [\n", "no YAML file"),
        ("preset: caf\xe9\n", "no YAML file"),
    ],
)
def test_what_is_no_yaml_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(AdafocusError, match=said) as caught:
        Recipe.read(tmp_path / "recipe.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_recipes_are_read_in_every_usual_encoding(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("preset: x3d-xs-xs  # gl\u00e4nce\n", encoding=encoding)
    assert Recipe.read(tmp_path / "recipe.yaml").preset == "x3d-xs-xs"


def test_a_value_that_unfolds_without_end_is_shown_short(tmp_path: Path) -> None:
    lines = [f"  x{number}: &x{number} [{', '.join([f'*x{number - 1}'] * 9)}]" for number in range(1, 9)]
    (tmp_path / "recipe.yaml").write_text("\n".join(["overrides:", "  x0: &x0 [x]", *lines, "epochs: *x8"]))
    with pytest.raises(AdafocusError, match="The recipe's epochs is") as caught:
        Recipe.read(tmp_path / "recipe.yaml")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("key", "value"), [("short_side_px", 36_000), ("short_side_px", 4097), ("frames", 100_000)])
def test_a_shape_that_no_device_takes_is_refused_before_work(key: str, value: int) -> None:
    shape = {"backbone": "mobilenet_v2", "frames": 2, "size": 32, "short_side_px": 36, "views": ["square"], key: value}
    with pytest.raises(AdafocusError, match=r"The network's .* is .*input should be less than or equal to"):
        build_task(Recipe.from_dict({"classifier": shape}), 3)
