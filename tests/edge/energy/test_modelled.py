"""Modelled joules: what is counted, that it is called modelled everywhere, and what is said where there is no meter."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from adafocus.edge.budget.joules import EnergyCosts
from adafocus.edge.bundle.bundle import Bundle
from adafocus.edge.bundle.manifest import GraphFile, TensorSpec
from adafocus.edge.commands.energy import energy
from adafocus.edge.energy.costs import profile_of
from adafocus.edge.energy.modelled import Work, call_work, exit_work
from adafocus.edge.energy.report import read_report
from adafocus.edge.exits import NEVER
from adafocus.edge.meters import Places
from adafocus.edge.recognizer import Recognizer
from adafocus.errors import AdafocusError, MeterError
from docs.tools.schema import PLACE
from tests.helpers.energy_profiles import write_profile
from tests.helpers.numpy_bundle import NumpyOpener, clip_of, numpy_bundle
from tests.helpers.program import CallHere


def tensor(dtype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name="x", shape=shape, dtype=dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize(("precision", "pj"), [("int8", 0.3), ("fp16", 1.5), ("fp32", 4.6)])
def test_a_call_is_its_operations_its_weights_once_and_its_tensors_twice(precision: str, pj: float) -> None:
    graph = GraphFile(
        file="g",
        sha256="0" * 64,
        bytes=1000,
        precision=precision,  # type: ignore[arg-type]
        inputs=(tensor("int8", 2, 50),),
        outputs=(tensor("float32", 1, 25),),
        macs=10**6,
    )
    work = call_work(graph)
    assert work.bytes == 1000 + 2 * (100 + 100)
    assert work.arithmetic_pj == pytest.approx(pj * 1e6)
    found = work.joules()
    assert (found.low, found.high) == pytest.approx(
        ((pj * 1e6 + 1400 * 1300 / 8) * 1e-12, (pj * 1e6 + 1400 * 2600 / 8) * 1e-12)
    )
    assert found.middle == pytest.approx((found.low + found.high) / 2)


@pytest.mark.parametrize("variant", ["tsm", "long"])
def test_an_exit_is_the_work_of_the_calls_that_lead_to_it(variant: str) -> None:
    bundle = numpy_bundle(variant)
    recognizer = Recognizer(bundle, "litert", 1, None, NumpyOpener())
    works = exit_work(bundle, "litert")
    assert len(works) == len(recognizer.exit_macs)
    for number, work in enumerate(works):
        thresholds = [NEVER] * (len(works) - 1)
        thresholds[number:] = [0.0] * (len(thresholds) - number)
        recognizer.thresholds = tuple(thresholds)
        calls = recognizer.recognize_clip(clip_of(9)).calls
        called = sum((call_work(bundle.graph(call.stage, "litert")[1]) for call in calls), Work())
        assert (work.bytes, work.arithmetic_pj) == (called.bytes, pytest.approx(called.arithmetic_pj))


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.npy" for number in range(2)]
    for path in paths:
        np.save(path, rng.integers(0, 256, (16, 96, 128, 3), np.uint8))
    return paths


def test_the_command_writes_a_report_that_says_modelled_and_that_a_budget_takes(
    adafocus_here: CallHere, ready_bundle: Bundle, clips: list[Path], tmp_path: Path
) -> None:
    place = tmp_path / "m.json"
    done = adafocus_here("energy", ready_bundle.path, *clips, "--modelled", "--out", place)
    assert done.returncode == 0, done.stderr
    assert "modelled J a clip" in done.stdout
    assert "no measurement of this device" in " ".join(done.stdout.split())
    jsonschema.validate(json.loads(place.read_text(encoding="utf-8")), json.loads(PLACE.read_text(encoding="utf-8")))
    report = read_report(place)
    assert (report.source, report.meter, report.publishable, report.windows) == ("modelled", None, False, ())
    assert all(entry.net_j is None for entry in report.per_clip.values())
    assert any("Horowitz" in warning for warning in report.warnings)
    assert "modelled" in place.with_suffix(".html").read_text(encoding="utf-8")
    works = exit_work(ready_bundle, "litert")
    costs = EnergyCosts(profile_of(report, "m.json"), (1, 2))
    assert (costs.low, costs.high) == pytest.approx((works[0].joules().middle, works[-1].joules().middle))
    assert costs.source == "modelled"
    stages = report.per_stage
    assert stages.glance is not None
    assert stages.focus is not None
    assert stages.glance.gross_j.median + stages.focus.gross_j.median == pytest.approx(costs.high)


def test_a_machine_without_a_meter_is_told_what_to_plug_in_and_that_joules_can_be_modelled(
    ready_bundle: Bundle, clips: list[Path], tmp_path: Path
) -> None:
    nowhere = Places(tmp_path / "sys", tmp_path / "vcio", str(tmp_path / "vcgencmd"), str(tmp_path / "powermetrics"))
    out = tmp_path / "e.json"
    done = CliRunner().invoke(energy, [str(ready_bundle.path), str(clips[0]), "--out", str(out)], obj=nowhere)
    assert isinstance(done.exception, MeterError)
    assert "a Joulescope" in str(done.exception)
    assert str(done.exception).endswith("adafocus energy BUNDLE CLIPS --modelled")
    assert not out.exists()


@pytest.mark.parametrize("words", [("--meter", "rapl"), ("--record", "r.json"), ("--finish", "r.json")])
def test_modelled_joules_take_no_meter(adafocus_here: CallHere, words: tuple[str, ...]) -> None:
    done = adafocus_here("energy", "b", "c", "--modelled", *words)
    assert done.returncode == 2
    assert "--modelled reads no meter" in done.stderr


def test_modelled_joules_cannot_pass_as_measured(tmp_path: Path, ready_bundle: Bundle) -> None:
    place = write_profile(ready_bundle, tmp_path / "p.json")
    content = json.loads(place.read_text(encoding="utf-8"))
    place.write_text(json.dumps({**content, "source": "modelled"}), encoding="utf-8")
    with pytest.raises(AdafocusError, match="modelled ones have none"):
        read_report(place)
