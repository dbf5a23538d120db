"""Meters behind a package: NVML and Joulescope, with stand-ins for the devices that are not here."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from adafocus.edge.meters import Address, meter_of
from adafocus.edge.meters.access import package
from adafocus.edge.meters.joulescope import Joulescope
from adafocus.edge.meters.nvml import Nvml
from adafocus.edge.meters.sampling import LiveMeter
from adafocus.errors import MeterError, ShutMeterError
from tests.edge.meters.recorded import undisturbed_window


class NVMLError(Exception):
    """As the one of pynvml."""


class Cards:
    """The functions of pynvml that are called, for cards whose counters move."""

    NVMLError = NVMLError

    def __init__(self, *counters_mj: int | None) -> None:
        self.counters, self.opened = list(counters_mj), 0

    def nvmlInit(self) -> None:
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.counters)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetName(self, card: int) -> bytes:
        return b"Card"

    def nvmlDeviceGetTotalEnergyConsumption(self, card: int) -> int:
        counter = self.counters[card]
        if counter is None:
            raise NVMLError("Not Supported")
        return counter


def nvml(cards: Cards, chosen: int | None = None) -> LiveMeter:
    return LiveMeter("nvml", "counter", "gpu", 0.5, lambda: Nvml(cards, chosen))


def test_counters_of_all_cards_are_added() -> None:
    cards = Cards(1000, 5_000_000)
    with nvml(cards).open() as session:
        begin = session.mark()
        cards.counters = [3500, 5_001_000]
        found = session.window(begin, session.mark())
    assert found.joules == pytest.approx(3.5)
    assert found.rails == {"gpu0": pytest.approx(2.5), "gpu1": pytest.approx(1.0)}
    assert found.scope == "gpu"
    assert cards.opened == 0


def test_a_jetson_counts_a_device_and_tells_nothing_of_it() -> None:
    cards = Cards(None)
    refused = nvml(cards).available()
    assert refused is not None
    assert refused.present
    assert "gpu0 tells no energy (Not Supported)" in refused.reason
    assert "--meter jetson" in refused.reason
    assert cards.opened == 0


@pytest.mark.parametrize(
    ("cards", "chosen", "words"), [(Cards(), None, "no graphics card"), (Cards(1), 1, "no graphics card 1, 1 are here")]
)
def test_cards_that_are_not_there_are_refused(cards: Cards, chosen: int | None, words: str) -> None:
    with pytest.raises(MeterError, match=words):
        nvml(cards, chosen).open()
    assert cards.opened == 0


def test_one_card_is_chosen_by_its_number() -> None:
    assert Nvml(Cards(None, 7000), 1).read() == {"gpu1": pytest.approx(7.0)}
    with pytest.raises(MeterError, match="is no number of a graphics card"):
        meter_of(Address("nvml", "first"))


def test_the_real_library_without_a_driver_is_a_sentence() -> None:
    pynvml = pytest.importorskip("pynvml")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        refused = meter_of(Address("nvml")).available()
        assert refused is not None
        assert "No driver of NVIDIA answers here" in refused.reason
    else:
        pytest.skip("expected in CI: there is a graphics card of NVIDIA here")


def test_a_package_that_is_missing_says_how_it_is_installed() -> None:
    with pytest.raises(MeterError, match=r'not installed. Install it: pip install "adafocus-edge\[energy\]"'):
        package("a_module_that_nobody_has", "a-package")


def test_a_package_that_does_not_load_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise OSError("libusb-1.0.so.0: cannot open shared object file")

    monkeypatch.setattr("adafocus.edge.meters.access.import_module", fail)
    with pytest.raises(ShutMeterError, match="does not load here: libusb"):
        package("pyjoulescope_driver", "pyjoulescope_driver")


class Driver:
    """The calls of a ``pyjoulescope_driver.Driver``, with an instrument that counts 4 W."""

    def __init__(self, *devices: str, refuses: bool = False) -> None:
        self.devices, self.refuses = devices, refuses
        self.published: dict[str, Any] = {}
        self.subscribed: dict[str, Any] = {}
        self.ended = threading.Event()

    def device_paths(self) -> list[str]:
        return list(self.devices)

    def open(self, device: str) -> None:
        if self.refuses:
            raise RuntimeError(f"jsdrv_open {device} failed 12")

    def publish(self, topic: str, value: Any) -> None:
        self.published[topic] = value

    def subscribe(self, topic: str, flags: str, call: Any) -> None:
        self.subscribed[topic] = call
        threading.Thread(target=self._send, args=(topic, call), daemon=True).start()

    def _send(self, topic: str, call: Any) -> None:
        while not self.ended.wait(0.02):
            energy = {"value": 4.0 * time.monotonic(), "units": "J"}
            call(topic, {"time": {}, "signals": {}, "accumulators": {"charge": {}, "energy": energy}})

    def finalize(self) -> None:
        self.ended.set()


def joulescope(driver: Driver, serial: str = "") -> LiveMeter:
    return LiveMeter("joulescope", "counter", "board input", 0.1, lambda: Joulescope(driver, serial))


@pytest.mark.parametrize(
    ("device", "topic"), [("u/js220/000001", "/s/stats/value"), ("u/js110/000001", "/s/sstats/value")]
)
def test_the_instrument_counts_by_itself(device: str, topic: str) -> None:
    driver = Driver(device)
    with joulescope(driver).open() as session:
        found = undisturbed_window(session, 0.3)
    assert found.joules == pytest.approx(4.0 * found.seconds, rel=0.2)
    assert list(driver.subscribed) == [device + topic]
    assert driver.ended.is_set()


def test_which_of_two_instruments_must_be_said() -> None:
    devices = "u/js220/000001", "u/js220/000002"
    first = Driver(*devices)
    with pytest.raises(MeterError, match="--meter joulescope:000001 or --meter joulescope:000002"):
        joulescope(first).open()
    assert first.ended.is_set()
    assert joulescope(Driver(*devices), "000002").available() is None


def test_an_instrument_that_another_program_holds_is_a_reason() -> None:
    driver = Driver("u/js220/000001", refuses=True)
    refused = joulescope(driver).available()
    assert refused is not None
    assert refused.present
    assert "cannot be opened" in refused.reason
    assert driver.ended.is_set()


def test_statistics_without_an_energy_are_a_failed_sample() -> None:
    driver = Driver("u/js220/000001")
    probe = Joulescope(driver)
    driver.ended.set()
    driver.subscribed["u/js220/000001/s/stats/value"]("", {"accumulators": {}})
    with pytest.raises(ShutMeterError, match="without an energy"):  # noqa: PT012
        # what the instrument has sent before is read first
        while True:
            probe.read()


def test_the_real_driver_without_an_instrument_is_a_sentence() -> None:
    pytest.importorskip("pyjoulescope_driver")
    refused = meter_of(Address("joulescope")).available()
    if refused is None:
        pytest.skip("expected in CI: a Joulescope is plugged in")
    assert "No Joulescope is plugged in" in refused.reason
