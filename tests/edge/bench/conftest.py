"""A made-up machine at rest, on which the reports of these tests are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adafocus.edge.bench.report import Surroundings
from adafocus.edge.device.host import read_facts, read_state
from tests.helpers.machines import Programs, pi_sys, proc, read_by_psutil


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    read_by_psutil(monkeypatch, proc(tmp_path / "proc"))
    state = read_state(pi_sys(tmp_path / "sys"), Programs())
    calm = replace(state, load=0.1, governor=("performance",))
    facts = replace(read_facts(tmp_path), processors=4)
    return Surroundings(facts, calm, calm, {"VmHWM": 1 << 28})
