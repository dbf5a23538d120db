"""The measurement of the ready bundles: what it types, what it says, and where it ends without a meter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adafocus.apps.energy import __main__ as app
from adafocus.edge.commands.energy import energy
from adafocus.edge.energy.report import write_report
from tests.edge.energy.made_up_reports import measured

# no machine has this chip
NO_METER = ("--meter", "hwmon:none-such")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for the verbs, which take minutes: `energy` leaves a report, and every option must be a real one."""
    found: list[list[str]] = []

    def run(call: Sequence[str], **_: object) -> SimpleNamespace:
        verb, *words = call[3:]
        found.append([verb, *words])
        if verb == "energy":
            asked = energy.make_context("energy", list(words)).params
            write_report(measured(), asked["out"])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("adafocus.apps.demo.program.subprocess.run", run)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").touch()
    return found


def test_without_a_meter_it_says_what_could_be_plugged_in_and_measures_nothing(calls: list[list[str]]) -> None:
    done = CliRunner().invoke(app.main, ["clip.mp4", *NO_METER])
    assert done.exit_code == 2
    assert not calls
    assert "expected the chip none-such" in done.output
    assert "--modelled" in done.output
    assert not Path("energy").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bundle", "none.zip"], "There is no bundle at none.zip"),
        (["none.mp4", "--modelled"], "none.mp4 is not there"),
    ],
)
def test_what_is_not_there_ends_in_a_sentence(words: list[str], said: str, calls: list[list[str]]) -> None:
    done = CliRunner().invoke(app.main, words)
    assert done.exit_code == 2
    assert said in done.output
    assert not calls


@pytest.mark.parametrize("words", [["--modelled"], ["--quick"], []], ids=["modelled", "quick", "whole"])
def test_every_ready_bundle_is_checked_and_measured(
    words: list[str], calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    meter = SimpleNamespace(detail="ina260 (hwmon3)", scope="board input", period_s=0.1)
    monkeypatch.setattr(app, "choose_meter", lambda address: meter)
    done = CliRunner().invoke(app.main, ["clip.mp4", "--out", "found", *words], catch_exceptions=False)
    assert done.exit_code == 0
    ready = sorted(app.READY.glob("*.zip"))
    assert len(ready) > 1
    assert [call[:2] for call in calls] == [[verb, str(bundle)] for bundle in ready for verb in ("doctor", "energy")]
    assert ("Meter: ina260 (hwmon3), scope board input, 10 Hz." in done.output) == (words != ["--modelled"])
    assert done.output.count("0.412 J a clip (0.398-0.426), net of 2.71 W idle") == len(ready)
    assert str(tmp_path / "found" / f"{ready[0].stem}.energy.html") in done.output
