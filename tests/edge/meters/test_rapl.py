"""RAPL: packages by name, wraps, twins, parts, and counters that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from adafocus.edge.meters import Address, Meter, Places, meter_of
from adafocus.edge.meters.rapl import Rapl
from adafocus.errors import MeterError, ShutMeterError
from tests.edge.meters.recorded import RAPL_ROOT, rapl_zone, shut
from tests.helpers.machines import write

WRAP_UJ = 262_143_328_850


def rapl(sys: Path) -> Meter:
    return meter_of(Address("rapl"), Places(sys=sys))


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Return a tree of two packages, whose numbers are not those of their zones, and all that is no package."""
    rapl_zone(tmp_path, "intel-rapl:0", "package-1", 5_000_000)
    rapl_zone(tmp_path, "intel-rapl:1", "package-0", WRAP_UJ - 1_000_000)
    rapl_zone(tmp_path, "intel-rapl:1:0", "core", 700_000)
    rapl_zone(tmp_path, "intel-rapl:1:1", "dram", 900_000)
    rapl_zone(tmp_path, "intel-rapl:2", "psys", 9_000_000)
    rapl_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 4_000_000)
    write(tmp_path / RAPL_ROOT / "intel-rapl", {"enabled": "1"})
    return tmp_path


def test_packages_are_added_with_a_wrap_and_neither_parts_nor_twins_nor_the_platform(server: Path) -> None:
    with rapl(server).open() as session:
        begin = session.mark()
        rapl_zone(server, "intel-rapl:0", "package-1", 5_000_000 + 3_000_000)
        rapl_zone(server, "intel-rapl:1", "package-0", 1_500_000)
        rapl_zone(server, "intel-rapl:1:0", "core", 1_100_000)
        rapl_zone(server, "intel-rapl:1:1", "dram", 1_000_000)
        rapl_zone(server, "intel-rapl:2", "psys", 19_000_000)
        rapl_zone(server, "intel-rapl-mmio:0", "package-0", 9_000_000)
        found = session.window(begin, session.mark())
    assert found.joules == pytest.approx(3.0 + 2.5, rel=1e-6)
    assert found.scope == "package"
    assert found.rails == {
        "package-0": pytest.approx(2.5, rel=1e-6),
        "package-1": pytest.approx(3.0),
        "package-0/core": pytest.approx(0.4),
        "package-0/dram": pytest.approx(0.1),
        "psys": pytest.approx(10.0),
    }


def test_a_package_that_cannot_be_read_is_a_reason_and_not_half_of_the_joules(server: Path) -> None:
    shut(server / RAPL_ROOT / "intel-rapl:0" / "energy_uj")
    refused = rapl(server).available()
    assert refused is not None
    assert refused.present
    assert "intel-rapl:0/energy_uj cannot be read" in refused.reason
    assert "sudo chmod -R a+r" in refused.reason
    with pytest.raises(ShutMeterError, match="cannot be read"):
        rapl(server).open()


def test_a_part_that_cannot_be_read_costs_nothing_but_itself(server: Path) -> None:
    shut(server / RAPL_ROOT / "intel-rapl:1:0" / "energy_uj")
    with rapl(server).open() as session:
        begin = session.mark()
        rapl_zone(server, "intel-rapl:0", "package-1", 6_000_000)
        found = session.window(begin, session.mark())
    assert found.joules == pytest.approx(1.0)
    assert "package-0/core" not in found.rails


def test_a_package_that_is_shut_while_it_is_measured_leaves_no_joules(server: Path) -> None:
    with rapl(server).open() as session:
        begin = session.mark()
        rapl_zone(server, "intel-rapl:0", "package-1", 6_000_000)
        session.mark()
        shut(server / RAPL_ROOT / "intel-rapl:0" / "energy_uj")
        found = session.window(begin, begin + 3_000_000_000, wait=False)
        session.mark()
        later = session.window(begin, begin + 3_000_000_000, wait=False)
    assert found.joules is None
    assert later.joules is None
    assert "intel-rapl:0/energy_uj cannot be read" in str(later.reason)


def test_a_counter_that_was_set_back_is_no_wrap(server: Path) -> None:
    with rapl(server).open() as session:
        begin = session.mark()
        rapl_zone(server, "intel-rapl:0", "package-1", 10)
        found = session.window(begin, session.mark())
    assert found.joules is None
    assert "package-1 went back from 5 J to 1e-05 J" in str(found.reason)


def test_a_counter_that_stands_still_is_no_0_joules(server: Path) -> None:
    with rapl(server).open() as session:
        begin = session.mark()
        found = session.window(begin, session.mark())
    assert found.joules is None
    assert "stood still" in str(found.reason)


def test_a_counter_of_0_as_in_a_virtual_machine_is_no_meter(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    refused = rapl(tmp_path).available()
    assert refused is not None
    assert "reads 0" in refused.reason


def test_zones_may_stand_in_each_other_and_twins_serve_where_they_are_alone(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl/intel-rapl:0", "package-0", 1_000_000)
    rapl_zone(tmp_path, "intel-rapl/intel-rapl:0/intel-rapl:0:0", "uncore", 500_000)
    found = Rapl(tmp_path)
    assert found.totals == ("package-0",)
    assert found.read() == {"package-0": pytest.approx(1.0), "package-0/uncore": pytest.approx(0.5)}
    twin = tmp_path / "other"
    rapl_zone(twin, "intel-rapl-mmio:0", "package-0-die-1", 2_000_000)
    assert Rapl(twin).read() == {"package-0-die-1": pytest.approx(2.0)}


def test_a_tree_without_a_package_names_what_it_has(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", "psys", 1_000_000)
    with pytest.raises(MeterError, match="found only psys"):
        Rapl(tmp_path)
    refused = rapl(tmp_path / "empty").available()
    assert refused is not None
    assert not refused.present
    assert "found nothing" in refused.reason


def test_two_zones_with_the_name_of_one_package_are_refused(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    rapl_zone(tmp_path, "intel-rapl:1", "package-0", 1_000_000)
    with pytest.raises(MeterError, match="both called package-0"):
        Rapl(tmp_path)
