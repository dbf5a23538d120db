"""Many devices in one table: what can be compared stands together, and the rest apart with the reason."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adafocus.edge.commands.energy import energy
from adafocus.edge.energy.merge import as_csv, merged
from adafocus.edge.energy.page.merged_page import render_merged
from adafocus.edge.energy.report import Report, write_report
from adafocus.errors import AdafocusError
from tests.edge.energy.made_up_reports import bundle_facts, measured, meter_facts, modelled, protocol_facts

PI, ORIN = measured("Raspberry Pi 5"), measured("Jetson Orin Nano")


def in_files(*reports: Report) -> list[tuple[Path, Report]]:
    return [(Path(f"d{number}.json"), report) for number, report in enumerate(reports)]


def test_three_devices_stand_in_one_table() -> None:
    (group,) = merged(in_files(PI, ORIN, measured("Raspberry Pi 5", idle_w=(3.0, 3.1))))
    assert [entry.device for entry in group.entries] == ["Raspberry Pi 5, d0", "Jetson Orin Nano", "Raspberry Pi 5, d2"]
    rows = list(csv.DictReader(io.StringIO(as_csv([group]))))
    assert len(rows) == 3 * 5
    (row,) = [row for row in rows if (row["device"], row["workload"]) == ("Jetson Orin Nano", "exits")]
    assert (float(row["net_j"]), float(row["net_j_low"]), row["modelled_j"]) == (0.412, pytest.approx(0.397992), "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"meter": meter_facts(scope="package")}, "Scope: package instead of module input."),
        ({"bundle": bundle_facts(sha256="0" * 64)}, "Model: x3d-xs-frame-k400 (00000000) instead of"),
        ({"protocol": protocol_facts(clips_sha256="0" * 64)}, "Clips: 00000000 instead of cdcdcdcd."),
        ({"protocol": protocol_facts(exit_thresholds=(0.7,))}, "Exit thresholds: 0.7 instead of none."),
    ],
)
def test_what_cannot_be_compared_stands_apart_or_is_refused(changes: dict[str, Any], why: str) -> None:
    other = measured("Raspberry Pi 4", **changes)
    together, apart = merged(in_files(other, PI, ORIN))
    assert [entry.report for entry in together.entries] == [PI, ORIN]
    assert why in apart.apart
    assert not together.apart
    with pytest.raises(AdafocusError, match=r"No two of these 2 reports can be compared\. d1\.json against d0\.json"):
        merged(in_files(PI, other))


def test_modelled_joules_have_columns_and_groups_of_their_own() -> None:
    groups = merged(in_files(PI, modelled(), ORIN, modelled("Pi 4")))
    assert [{entry.report.source for entry in group.entries} for group in groups] == [{"measured"}, {"modelled"}]
    for row in csv.DictReader(io.StringIO(as_csv(groups))):
        is_measured = row["source"] == "measured"
        assert (bool(row["gross_j"]), bool(row["net_j"]), bool(row["modelled_j"])) == (
            is_measured,
            is_measured,
            not is_measured,
        )


def test_reports_that_lack_nearly_everything_are_shown() -> None:
    bare = {"per_clip": {}, "windows": (), "idle_w": (), "publishable": False}
    groups = merged(in_files(measured("a", **bare), measured("b", **bare), modelled("c", per_clip={})))
    assert "Not for publication" in render_merged(groups)
    assert len(as_csv(groups).splitlines()) == 1


def test_one_report_and_the_same_twice_are_refused() -> None:
    with pytest.raises(AdafocusError, match="Found 1 report, expected two or more"):
        merged(in_files(PI))
    with pytest.raises(AdafocusError, match=r"d0\.json and d1\.json hold the same report"):
        merged(in_files(PI, PI))


def test_the_verb_writes_a_page_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spoiled = measured("Jetson Nano", publishable=False, warnings=("Not for publication: it was <throttled>.",))
    for name, report in (("pi", PI), ("orin", ORIN), ("nano", spoiled), ("guess", modelled())):
        write_report(report, Path(f"{name}.json"))
    files = ["pi.json", "orin.json", "nano.json", "guess.json"]
    done = CliRunner().invoke(energy, ["--merge", *files, "--out", "all.html"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Jetson Nano (not for publication)" in done.output
    page = Path("all.html").read_text(encoding="utf-8")
    assert "Energy of 4 devices" in page
    assert "Jetson Nano: It was &lt;throttled&gt;." in page
    assert "Joules: modelled instead of measured" in page
    content = json.loads(Path("all.json").read_text(encoding="utf-8"))
    assert [row["device"] for row in content["rows"] if row["workload"] == "full"] == [
        "Raspberry Pi 5",
        "Jetson Orin Nano, orin",
        "Jetson Nano",
        "Jetson Orin Nano, guess",
    ]
    assert len(Path("all.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(content["rows"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pi.json", "orin.json", "--out", "all.pdf"], "expected a name that ends in .html, .csv, .json"),
        (["pi.json", "orin.json", "--out", "pi.json"], "the same file as the input pi.json"),
        (["pi.json", "orin.json", "--out", "pi.html"], "the same file as the input pi.json"),
        (["pi.json", "orin.json", "--windows", "4", "--modelled"], "found --windows, --modelled beside it"),
        (["pi.json", "broken.json"], "is not valid JSON"),
        (["pi.json", "missing.json"], "missing.json cannot be read"),
    ],
)
def test_wrong_files_end_in_a_sentence_and_nothing_is_written(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_report(PI, Path("pi.json"))
    write_report(ORIN, Path("orin.json"))
    Path("broken.json").write_text("{", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    done = CliRunner().invoke(energy, ["--merge", *words])
    assert isinstance(done.exception, AdafocusError)
    assert said in str(done.exception)
    assert sorted(tmp_path.iterdir()) == before
