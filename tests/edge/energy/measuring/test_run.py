"""The record of a measurement for a meter elsewhere: it is read as it was written, and nothing else is taken for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adafocus.edge.energy.measuring.protocol import Settings
from adafocus.edge.energy.measuring.run import read_run, write_run
from adafocus.errors import AdafocusError
from benchmarks.energy.coverage import Simulation
from tests.edge.energy.measuring.test_protocol import TIMES


def test_a_record_is_read_as_it_was_written_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    simulation = Simulation(TIMES, settings=Settings(rounds=2), pulses=True)
    run, place = simulation.run(simulation.record()), tmp_path / "run.json"
    write_run(run, place)
    assert read_run(place) == run
    assert len(run.pulses) == 6
    assert all(span.round is not None or span.workload == "idle" for span in run.spans)
    whole = json.loads(place.read_text())
    for change, said in (
        ({"format": "adafocus-energy"}, "no record of adafocus energy"),
        ({"spans": [{"workload": "idle"}]}, "start_ns' is missing"),
        ({"more": 1}, "'more' is not known"),
        ({"pulses": 3}, "'pulses' is not as expected"),
    ):
        place.write_text(json.dumps({**whole, **change}))
        with pytest.raises(AdafocusError, match=said):
            read_run(place)
    place.write_text("{")
    with pytest.raises(AdafocusError, match="is not valid JSON"):
        read_run(place)
