"""The power chip of a Raspberry Pi 5: answers of several firmwares, both ways to ask, and a recorded trace."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adafocus.edge.meters import Address, Places, meter_of
from adafocus.edge.meters.pmic import HEADER, MAILBOX_REQUEST, TAG_GET_GENCMD_RESULT, ask_mailbox, rail_watts
from adafocus.errors import MeterError
from tests.edge.meters.recorded import between, overwrite, played_back, trace_of

# by the trapezoid rule over all 296 readings, ../shared/energy/README.md
RECORDED_J = 42.405
TWO_RAILS = """ 3V7_WL_SW_A current(0)=0.10000000A
  VDD_CORE_A current(7)={amperes:.8f}A
 3V7_WL_SW_V volt(8)=0.00000000V
  VDD_CORE_V volt(15)=1.00000000V
     EXT5V_V volt(24)=5.09066000V
      BATT_V volt(25)=nanV
"""


def vcgencmd(folder: Path, body: str) -> Places:
    """Write a stand-in for the firmware's program, and name it instead of this machine's."""
    program = folder / "vcgencmd"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return Places(vcio=folder / "vcio", vcgencmd=str(program))


@pytest.mark.parametrize(
    ("name", "watts"),
    [("pi5_pmic_four_cores_zeus.txt", 7.2398), ("pi5_pmic_overclocked_jfikar.txt", 10.7999)],
)
def test_recorded_answers_are_twelve_rails_paired_by_name(shared: Path, name: str, watts: float) -> None:
    found = rail_watts((shared / "energy" / name).read_text())
    assert len(found) == 12
    assert "EXT5V" not in found
    assert "BATT" not in found
    assert sum(found.values()) == pytest.approx(watts, abs=5e-4)


def test_an_answer_that_was_cut_off_is_refused(shared: Path) -> None:
    with pytest.raises(MeterError, match="a current and no voltage of 3V7_WL_SW"):
        rail_watts((shared / "energy" / "pi5_pmic_first_firmware_geerling.txt").read_text())


def test_older_firmware_writes_no_numbers_of_channels() -> None:
    assert rail_watts("VDD_CORE_A=2A\nVDD_CORE_V=0.75V\n") == {"VDD_CORE": pytest.approx(1.5)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('error=1 error_msg="Command not registered"', "Command not registered"),
        ("", "tells no currents"),
        ("VDD_CORE_A current(7)=xA\nVDD_CORE_V volt(15)=1V", "no number"),
    ],
)
def test_other_answers_are_sentences(text: str, words: str) -> None:
    with pytest.raises(MeterError, match=words):
        rail_watts(text)


def test_a_current_that_is_none_leaves_no_whole(tmp_path: Path) -> None:
    meter = meter_of(Address("pmic"), vcgencmd(tmp_path, "echo 'X_A current(0)=nanA'; echo 'X_V volt(1)=1V'"))
    refused = meter.available()
    assert refused is not None
    assert "no number came for X" in refused.reason


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo VCHI initialization failed >&2; exit 255", "usermod -aG video"),
        ("echo 'error=1 error_msg=\"Command not registered\"'", "every model before the Raspberry Pi 5"),
    ],
)
def test_a_program_that_does_not_answer_is_a_reason(tmp_path: Path, body: str, words: str) -> None:
    refused = meter_of(Address("pmic"), vcgencmd(tmp_path, body)).available()
    assert refused is not None
    assert words in refused.reason


def test_without_a_firmware_there_is_no_such_meter(tmp_path: Path) -> None:
    refused = meter_of(Address("pmic"), Places(vcio=tmp_path / "vcio", vcgencmd=str(tmp_path / "none"))).available()
    assert refused is not None
    assert not refused.present


def test_the_mailbox_is_asked_as_vcgencmd_asks_it_and_its_lines_end_with_zeros(tmp_path: Path) -> None:
    asked = []

    def firmware(device: int, request: int, message: bytearray) -> None:
        asked.append((request, HEADER.unpack_from(message), bytes(message[HEADER.size :]).split(b"\0")[0]))
        answer = TWO_RAILS.format(amperes=2.0).strip("\n").replace("\n", "\0").encode()
        message[HEADER.size : HEADER.size + len(answer)] = answer

    (tmp_path / "vcio").touch()
    text = ask_mailbox(tmp_path / "vcio", firmware)
    ((request, header, command),) = asked
    assert request == MAILBOX_REQUEST == 0xC0086400
    assert header == (24 + 1024 + 4, 0, TAG_GET_GENCMD_RESULT, 1024, 0, 0)
    assert command == b"pmic_read_adc"
    assert rail_watts(text) == {"3V7_WL_SW": 0.0, "VDD_CORE": pytest.approx(2.0)}


def test_a_mailbox_that_is_none_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "vcio").touch()
    refused = meter_of(Address("pmic"), Places(vcio=tmp_path / "vcio", vcgencmd="none")).available()
    assert refused is not None
    assert refused.present
    assert "does not answer" in refused.reason


def test_a_rail_that_is_lost_leaves_no_joules(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    overwrite(answer, TWO_RAILS.format(amperes=4.0))
    meter = meter_of(Address("pmic"), vcgencmd(tmp_path, f"cat {answer}"))
    with meter.open() as session:
        begin = session.mark()
        time.sleep(0.15)
        overwrite(answer, "3V7_WL_SW_A current(0)=0.1A\n3V7_WL_SW_V volt(8)=3.7V\n")
        time.sleep(0.9)
        found = session.window(begin, session.mark(), wait=False)
    assert found.joules is None
    assert "no number came for VDD_CORE" in str(found.reason)


@pytest.mark.slow
def test_a_recorded_pi_5_is_measured_to_a_percent_by_a_program_that_takes_23_ms(tmp_path: Path, shared: Path) -> None:
    # its heading says mW, and its numbers are watts
    times, watts = trace_of(shared / "energy" / "rpi5_pmic_28hz_e2fl.csv", 1.0)
    answer = tmp_path / "answer"
    overwrite(answer, TWO_RAILS.format(amperes=watts[0]))
    places = vcgencmd(tmp_path, f"sleep 0.0115; cat {answer}; sleep 0.0115")
    found = played_back(
        meter_of(Address("pmic"), places),
        between(times, watts, 0.005),
        lambda value: overwrite(answer, TWO_RAILS.format(amperes=value)),
    )
    assert found.joules == pytest.approx(RECORDED_J, rel=0.01)
    assert found.scope == "module rails"
    assert found.samples > 80
