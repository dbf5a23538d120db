"""A light, a relay or a buzzer on a pin of the board: on while a label is shown."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from adafocus.apps.camera.actions.action import Event
from adafocus.errors import AdafocusError

ADDRESS = re.compile(r"((?P<label>.+)=)?((?P<chip>gpiochip\d+):)?(?P<pin>\d+)")
LIMIT_S = 2.0
GPIOZERO = "sudo apt install python3-gpiozero python3-lgpio, and make the environment with --system-site-packages"
GPIOD = "pip install gpiod"
Switch = Callable[[bool], None]


class Led:
    """Switches one pin."""

    kinds = frozenset({"switched"})
    limit_s = LIMIT_S

    def __init__(self, address: str) -> None:
        """Take the pin.

        Args:
            address: ``17`` is the pin GPIO17 by gpiozero, ``gpiochip0:17`` line 17 of a chip by libgpiod. With
                ``LABEL=`` in front it is on for this label, otherwise for any.

        Raises:
            AdafocusError: it is no such address, or the pin cannot be had.
        """
        found = ADDRESS.fullmatch(address)
        if found is None:
            raise AdafocusError(
                f"--led is {address!r}, expected a pin or a label and a pin: --led 17 or --led 'fight=17'"
            )
        self._label, pin = found["label"], int(found["pin"])
        self.name = f"LED on {found['chip'] + ' line ' if found['chip'] else 'GPIO'}{pin}"
        self._switch, self._release = _by_libgpiod(found["chip"], pin) if found["chip"] else _by_gpiozero(pin)

    def check(self, labels: Sequence[str]) -> None:
        """Look whether the model has the label.

        Raises:
            AdafocusError: it has not.
        """
        if self._label is None or self._label in labels:
            return
        near = difflib.get_close_matches(self._label, labels, n=1) or labels[:1]
        raise AdafocusError(
            f"--led names {self._label!r}, which is no label of this model. Meant is perhaps {near[0]!r}."
        )

    def act(self, event: Event) -> None:
        """Switch it on or off.

        Raises:
            AdafocusError: the pin does not obey.
        """
        shown = event["to"]
        try:
            self._switch(shown is not None and self._label in (None, shown))
        except Exception as error:
            # whatever the library raises
            raise AdafocusError(f"{self.name} cannot be switched: {type(error).__name__}: {error}.") from error

    def close(self) -> None:
        """Switch it off and give the pin back."""
        self._release()


def _by_gpiozero(pin: int) -> tuple[Switch, Callable[[], None]]:
    """Return what switches a pin of the header, and what gives it back.

    Raises:
        AdafocusError: gpiozero is not here, or finds no pins.
    """
    library = _library("gpiozero", GPIOZERO)
    led = _taken(lambda: library.LED(pin), f"GPIO{pin}", GPIOZERO)

    def switch(on: bool) -> None:
        led.value = on

    def release() -> None:
        led.off()
        led.close()

    return switch, release


def _by_libgpiod(chip: str, line: int) -> tuple[Switch, Callable[[], None]]:
    """Return what switches a line of a chip, and what gives it back.

    Raises:
        AdafocusError: libgpiod 2 is not here, or the line cannot be had.
    """
    library = _library("gpiod", GPIOD)
    if not hasattr(library, "request_lines"):
        raise AdafocusError(f"--led needs libgpiod 2, and this Python has an older one. Install it: {GPIOD}")
    values = library.line.Value

    def take() -> Any:
        settings = library.LineSettings(direction=library.line.Direction.OUTPUT, output_value=values.INACTIVE)
        return library.request_lines(f"/dev/{chip}", consumer="adafocus", config={line: settings})

    taken = _taken(take, f"line {line} of {chip}", "sudo usermod -aG gpio $USER, then log in again")

    def switch(on: bool) -> None:
        taken.set_value(line, values.ACTIVE if on else values.INACTIVE)

    def release() -> None:
        switch(False)
        taken.release()

    return switch, release


def _library(name: str, install: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise AdafocusError(f"--led needs {name}, which this Python cannot import. Install it: {install}") from error


def _taken(take: Callable[[], Any], what: str, hint: str) -> Any:
    try:
        with warnings.catch_warnings():
            # of ways to the pins that were tried before the one that works
            warnings.simplefilter("ignore")
            return take()
    except Exception as error:
        # libraries of pins raise errors of their own and of the system
        raise AdafocusError(f"{what} cannot be used: {type(error).__name__}: {error}. Try: {hint}") from error
