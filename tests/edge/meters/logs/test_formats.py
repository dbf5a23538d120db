"""Logs of every format: recorded ones give the joules that they hold, others a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adafocus.edge.meters.integration import integrate
from adafocus.edge.meters.logs import FORMATS, read_log
from adafocus.edge.meters.logs.recording import Recording
from adafocus.edge.meters.meter import SECOND_NS, Reading
from adafocus.errors import MeterError
from tests.edge.meters.recorded import trace_of
from tests.helpers.machines import write

FNIRSI = "timestamp sample_in_packet voltage_V current_A dp_V dn_V temp_C_ema energy_Ws capacity_As"
ORIN = (
    "{stamp} RAM 1488/7620MB (lfb 105x4MB) SWAP 253/12002MB (cached 2MB) CPU [0%@1036,off] GR3D_FREQ 99%@[612] "
    "cpu@47.8C CV0@-256C VDD_IN {now}mW/{mean}mW VDD_CPU_GPU_CV 560mW/560mW VDD_SOC 1484mW/1484mW"
)


def whole(found: Recording) -> Reading:
    """Return the energy from the first sample to the last."""
    times = found.trace.times_ns
    return integrate(found.trace, int(times[0]), int(times[-1]))


def file(folder: Path, text: str, name: str = "log") -> Path:
    write(folder, {name: text})
    return folder / name


@pytest.mark.parametrize(
    ("name", "unit", "joules"),
    [("rpi5_pmic_28hz_e2fl.csv", "W", 42.405), ("jetson_ina3221_87hz_e2fl.csv", "mW", 58.844)],
)
def test_a_csv_is_read_in_the_unit_that_is_stated_and_not_in_that_of_its_heading(
    shared: Path, name: str, unit: str, joules: float
) -> None:
    path = shared / "energy" / name
    found = read_log(path, {"time": "Timestamp (s)", "power": "Power (mW)", "unit": unit})
    assert whole(found).joules == pytest.approx(joules, rel=1e-4)
    assert found.clock == "unix"
    times, _ = trace_of(path, 1.0)
    assert len(found.trace.times_ns) == len(times)
    with pytest.raises(MeterError, match="No unit is stated of the column Power"):
        read_log(path, {"time": "Timestamp (s)", "power": "Power (mW)"})


def test_the_second_number_of_tegrastats_is_a_mean_since_its_start_and_not_read(shared: Path) -> None:
    path = shared / "energy" / "tegrastats_tx2_ssaraff98.txt"
    found = read_log(path, {"interval": "1"})
    assert found.trace.totals == ("VDD_IN",)
    assert found.clock == "own"
    now, mean = np.array([2.913, 2.683, 2.415]), np.array([2.913, 2.798, 2.670])
    assert found.trace.rails["VDD_IN"][:3] == pytest.approx(now)
    assert np.cumsum(now) / np.arange(1, 4) == pytest.approx(mean, abs=1e-3)
    assert {"VDD_SYS_GPU", "VDD_SYS_DDR", "VDD_4V0_WIFI"} < set(found.trace.rails)
    assert not {"RAM", "SWAP"} & set(found.trace.rails)
    lines = [line for line in path.read_text().splitlines() if "VDD_IN" in line]
    watts = 1e-3 * np.array([int(line.split("VDD_IN ")[1].split("/")[0]) for line in lines])
    assert whole(found).joules == pytest.approx((watts[1:] + watts[:-1]).sum() / 2)


@pytest.mark.parametrize(
    ("rails", "totals", "scope", "watts"),
    [
        ("VDD_IN 2532/2698 VDD_CPU 76/178 VDD_GPU 19/19", ("VDD_IN",), "module input", 2.532),
        (
            "GPU 0/0 CPU 216/216 SOC 864/864 CV 0/0 VDDRQ 144/144 SYS5V 1889/1889",
            ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
            "module rails",
            3.113,
        ),
        ("POM_5V_IN 2545/2547 POM_5V_GPU 0/0 POM_5V_CPU 549/529", ("POM_5V_IN",), "module input", 2.545),
        (
            "VDD_GPU_SOC 2000mW/1mW VDD_CPU_CV 400mW/1mW VIN_SYS_5V0 3000mW/1mW VDDQ_VDD2_1V8AO 600mW/1mW",
            ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"),
            "module rails",
            6.0,
        ),
    ],
)
def test_the_whole_of_every_board_is_found_in_its_lines(
    tmp_path: Path, rails: str, totals: tuple[str, ...], scope: str, watts: float
) -> None:
    line = f"RAM 1179/3983MB (lfb 120x4MB) IRAM 0/252kB(lfb 252kB) CPU [1%@102] EMC_FREQ 7%@408 APE 25 GPU@39C {rails}"
    found = read_log(file(tmp_path, "\n".join([line] * 5)), {"interval": "0.5"})
    assert (found.trace.totals, found.trace.scope) == (totals, scope)
    assert whole(found).joules == pytest.approx(watts * 2.0)


def test_recorded_lines_of_orins_are_read_with_their_dates(shared: Path, tmp_path: Path) -> None:
    lines = (shared / "energy" / "tegrastats_orin_lines.txt").read_text().splitlines()
    (idle,) = [number for number, line in enumerate(lines) if line.startswith("# Orin Nano Super, JetPack 6.2, idle")]
    found = read_log(file(tmp_path, "\n".join(lines[idle + 1 : idle + 3])), {})
    assert found.trace.rails["VDD_IN"].tolist() == pytest.approx([4.654, 4.541])
    assert np.diff(found.trace.times_ns).tolist() == [13 * SECOND_NS]
    for number, line in enumerate(lines):
        if "VDD_IN" in line:
            alone = read_log(file(tmp_path, f"{line}\n{line[:17]}59{line[19:]}", str(number)), {})
            assert alone.trace.totals == ("VDD_IN",)
            assert set(alone.trace.rails) >= {"VDD_IN", "VDD_CPU_GPU_CV"}


def test_times_of_full_seconds_are_spread_over_the_samples_between(tmp_path: Path) -> None:
    """As of ``tegrastats --interval 100``: the power rises by 10 mW a line."""
    lines = [
        ORIN.format(stamp=f"09-17-2026 02:10:{number // 10:02d}", now=4000 + 10 * number, mean=1)
        for number in range(3, 96)
    ]
    found = read_log(file(tmp_path, "\n".join(lines)), {})
    steps = np.diff(found.trace.times_ns) / SECOND_NS
    assert steps == pytest.approx(np.full(92, 0.1))
    assert found.trace.period_s == pytest.approx(0.1)
    assert whole(found).joules == pytest.approx(9.2 * (4.03 + 4.95) / 2)
    assert found.clock == "unix"


def test_packets_whose_times_go_back_are_put_in_order(shared: Path, tmp_path: Path) -> None:
    recorded = (shared / "energy" / "fnirsi_fnb48_baryluk.txt").read_text()
    found = read_log(shared / "energy" / "fnirsi_fnb48_baryluk.txt", {})
    times = found.trace.times_ns
    assert (np.diff(times) >= 0).all()
    # the recorded meter was connected to nothing
    nothing = whole(found)
    assert nothing.joules is None
    assert "0 W" in str(nothing.reason)
    supplied = recorded.replace(" 0.00000 0.00011 ", " 5.00000 0.80000 ").replace(
        " 0.00000 0.00000 ", " 5.00000 0.80000 "
    )
    reading = whole(read_log(file(tmp_path, supplied), {}))
    assert reading.joules == pytest.approx(4.0 * reading.seconds, rel=1e-6)
    assert reading.seconds == pytest.approx(0.049, abs=0.015)


def test_packets_of_a_long_log_give_the_energy_that_its_logger_added_up(tmp_path: Path) -> None:
    """Samples of 10 ms in packets of 4, which come up to 25 ms late; the power is a wave of 1 Hz."""
    random, rows = np.random.default_rng(3), [FNIRSI]
    for packet in range(500):
        came = 1657568326 + 0.04 * packet + random.uniform(0, 0.025)
        for sample in range(4):
            amperes = 1 + 0.5 * np.sin(2 * np.pi * 0.01 * (4 * packet + sample))
            rows.append(f"{came + 0.01 * sample:.3f} {sample} 5.0 {amperes:.5f} 0 0 30 0 0")
    reading = whole(read_log(file(tmp_path, "\n".join(rows)), {}))
    assert reading.joules == pytest.approx(5.0 * reading.seconds, rel=0.002)
    assert reading.coverage == pytest.approx(1.0)


def test_a_clock_that_was_set_back_is_refused(tmp_path: Path) -> None:
    rows = ["t,p", *(f"{number},4" for number in range(50)), *(f"{number},4" for number in range(20, 70))]
    with pytest.raises(MeterError, match=r"sample 51 the time goes back by 29 s.*two logs are in one file"):
        read_log(file(tmp_path, "\n".join(rows)), {"time": "t", "time_unit": "s", "power": "p", "unit": "W"})


def test_powermetrics_is_the_sum_of_its_means(shared: Path) -> None:
    found = read_log(shared / "energy" / "powermetrics_m1_codecarbon.txt", {})
    text = (shared / "energy" / "powermetrics_m1_codecarbon.txt").read_text()
    seconds = [float(line.split("(")[2].split("ms")[0]) / 1e3 for line in text.splitlines() if "Sampled" in line]
    watts = [float(line.split()[2]) / 1e3 for line in text.splitlines() if line.startswith("Package Power")]
    assert len(seconds) == len(watts) == 10
    reading = whole(found)
    assert reading.joules == pytest.approx(np.dot(seconds, watts))
    assert reading.seconds == pytest.approx(sum(seconds), abs=1e-6)
    assert reading.rails["CPU"] < reading.rails["Package"]
    # its first block ended at 12:37:08 in a zone one hour east
    assert found.clock == "unix"
    assert found.trace.times_ns[1] / SECOND_NS == pytest.approx(1699616228, abs=1.0)


def test_a_powermetrics_log_that_was_stopped_in_between_is_refused(shared: Path, tmp_path: Path) -> None:
    text = (shared / "energy" / "powermetrics_m1_codecarbon.txt").read_text()
    path = file(tmp_path, text + text.replace("12:37:0", "12:39:0"))
    with pytest.raises(MeterError, match="stopped in between"):
        read_log(path, {})


def test_a_ppk2_needs_its_volts(tmp_path: Path) -> None:
    rows = ["Timestamp(ms),Current(uA)", *(f"{0.01 * number:.2f},{200_000 + number}" for number in range(1001))]
    path = file(tmp_path, "\n".join(rows))
    with pytest.raises(MeterError, match=r"tells a current only.*voltage=5.0"):
        read_log(path, {})
    found = read_log(path, {"voltage": "3.3"})
    assert whole(found).joules == pytest.approx(3.3 * 0.2005 * 0.01)
    assert found.clock == "own"
    for volts in ("0", "-1", "nan", "five"):
        with pytest.raises(MeterError, match="expected volts above 0"):
            read_log(path, {"voltage": volts})


def test_a_format_may_be_named_and_takes_its_own_settings_only(tmp_path: Path) -> None:
    path = file(tmp_path, "t,p\n0,4\n1,4\n2,4\n")
    with pytest.raises(MeterError, match="'excel' is no format of a log, expected one of perfetto, tegrastats"):
        read_log(path, {"format": "excel"})
    with pytest.raises(MeterError, match="of the format fnirsi, which does not take time"):
        read_log(path, {"format": "fnirsi", "time": "t"})
    with pytest.raises(MeterError, match="of the format columns, which does not take interval"):
        read_log(path, {"interval": "1"})
    assert {row.name for row in FORMATS} >= {"columns", "tegrastats", "powermetrics", "fnirsi", "ppk2", "perfetto"}


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeterError, match="cannot be read: No such file"):
        read_log(tmp_path / "none.csv", {})
    with pytest.raises(MeterError, match="cannot be read: Is a directory"):
        read_log(tmp_path, {})
