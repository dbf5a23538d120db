"""The latency protocol: what is counted, for how long, and who takes turns."""

from __future__ import annotations

import pytest

from adafocus.edge.bench.protocol import COLUMNS, HOST, Protocol, Samples
from adafocus.errors import AdafocusError
from tests.helpers.made_up_results import Clock, Runner, bench_of, without_files


def test_warm_up_clips_are_not_counted() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 9.0, 9.0, 9.0, *[0.1] * 1000)
    measured = bench_of(clock, Protocol(warm_up=3, clips=10, seconds=0), one=runner).run()
    assert len(measured.samples["one"]) == 10
    assert measured.samples["one"].column("total").max() == pytest.approx(100)


def test_a_window_has_enough_clips_and_enough_time_of_each_configuration() -> None:
    clock = Clock()
    fast, slow = Runner(clock, without_files(), 0.1), Runner(clock, without_files(), 0.4)
    measured = bench_of(clock, Protocol(0, 30, 10.0), fast=fast, slow=slow).run()
    # 30 clips of the fast one are only 3 s
    assert len(measured.samples["fast"]) in (100, 101)
    assert len(measured.samples["slow"]) == len(measured.samples["fast"])
    few = bench_of(clock, Protocol(0, 30, 0.5), slow=Runner(clock, without_files(), 0.4)).run()
    assert len(few.samples["slow"]) == 30


def test_configurations_take_turns_on_the_same_clips() -> None:
    clock = Clock()
    bench = bench_of(clock, Protocol(0, 3, 0), a=Runner(clock, without_files(), 1), b=Runner(clock, without_files(), 1))
    measured = bench.run()
    assert bench.clips.turns == [0, 0, 1, 1, 2, 2]  # type: ignore[attr-defined]
    assert measured.samples["a"].column("at_s").tolist() == [0, 2, 4]
    assert measured.samples["b"].column("at_s").tolist() == [1, 3, 5]


def test_the_host_is_what_is_neither_decoding_nor_a_stage() -> None:
    clock = Clock()
    samples = bench_of(clock, Protocol(0, 1, 0), one=Runner(clock, without_files(), 1.0)).run().samples["one"]
    row = dict(zip(COLUMNS, samples.table()[0], strict=True))
    assert row["total"] == pytest.approx(1000)
    assert row["compute"] == pytest.approx(800)
    assert row["host"] == pytest.approx(100)
    assert row["crop"] == pytest.approx(40)
    assert row["other"] == pytest.approx(60)
    assert sum(row[part] for part in HOST) == pytest.approx(row["host"])
    assert row["gmac"] == 2


def test_every_starts_clips_at_even_times_and_counts_those_that_are_late() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.5, 0.5, 3.0)
    protocol = Protocol(0, 3, 0, every_s=2.0)
    bench = bench_of(clock, protocol, one=runner)
    measured = bench.run()
    assert measured.samples["one"].column("at_s").tolist() == [0, 2, 4]
    assert clock.rested_s == [1.5, 1.5]
    assert measured.late == 1
    assert len(measured.back_to_back["one"]) == 3


def test_duty_rests_in_proportion_to_the_work() -> None:
    clock = Clock()
    measured = bench_of(clock, Protocol(0, 4, 0, duty=0.25), one=Runner(clock, without_files(), 0.5, 1.0)).run()
    assert clock.rested_s == [1.5, 3.0, 1.5, 3.0]
    assert measured.late == 0


def test_a_rest_is_told_by_one_option_only() -> None:
    with pytest.raises(AdafocusError, match="one of them"):
        Protocol(every_s=1.0, duty=0.5)


def test_an_interrupt_keeps_what_was_measured() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.1)
    runner.interrupt_at = 17
    measured = bench_of(clock, Protocol(5, minutes=30), one=runner).run()
    assert isinstance(measured.interrupted, KeyboardInterrupt)
    assert len(measured.samples["one"]) == 12


def test_an_interrupt_of_the_warm_up_ends_it() -> None:
    clock = Clock()
    runner = Runner(clock, without_files(), 0.1)
    runner.interrupt_at = 2
    with pytest.raises(KeyboardInterrupt):
        bench_of(clock, Protocol(5), one=runner).run()


def test_samples_are_whole_rows() -> None:
    samples = Samples()
    assert len(samples) == 0
    assert samples.table().shape == (0, len(COLUMNS))
