"""Messages to a broker of MQTT: the label, kept there, and every prediction."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from adafocus.apps.camera.actions.action import WAITING, Event
from adafocus.errors import AdafocusError

PORTS = {"mqtt": 1883, "mqtts": 8883}
TOPIC = "adafocus"
LIMIT_S = 5.0
PASSWORD = "ADAFOCUS_MQTT_PASSWORD"
INSTALL = 'pip install "paho-mqtt>=2"'


class Mqtt:
    """Publishes ``TOPIC/label`` (kept), ``TOPIC/prediction`` (JSON) and ``TOPIC/status`` (``online``, ``offline``)."""

    kinds = frozenset({"switched", "answer"})
    limit_s = LIMIT_S

    def __init__(self, address: str) -> None:
        """Begin to connect; a broker that is not there yet is waited for.

        Args:
            address: ``mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]``, or ``mqtts://`` with TLS. A password may be in
                the environment instead, as ``ADAFOCUS_MQTT_PASSWORD``.

        Raises:
            AdafocusError: it is no such address, or paho-mqtt is not installed.
        """
        split = urlsplit(address)
        try:
            port = split.port or PORTS.get(split.scheme, 0)
        except ValueError:
            port = 0
        topic = split.path.strip("/") or TOPIC
        if split.scheme not in PORTS or not split.hostname or not port or {"+", "#", "?"} & set(address):
            raise AdafocusError(
                "--mqtt is no address of a broker, expected one like this: --mqtt mqtt://192.168.1.5/hall"
            )
        self.name, self._topic = f"MQTT to {split.hostname}", topic
        try:
            library = import_module("paho.mqtt.client")
        except ImportError as error:
            raise AdafocusError(f"--mqtt needs paho-mqtt, which is not installed. Install it: {INSTALL}") from error
        self._client: Any = library.Client(library.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(WAITING)
        if split.username:
            password = unquote(split.password) if split.password else os.environ.get(PASSWORD)
            self._client.username_pw_set(unquote(split.username), password)
        if split.scheme == "mqtts":
            self._client.tls_set()
        self._client.will_set(f"{topic}/status", "offline", qos=1, retain=True)
        self._connected = threading.Event()
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._connected.clear()
        self._client.connect_async(split.hostname, port, keepalive=30)
        self._client.loop_start()

    def check(self, labels: Sequence[str]) -> None:
        """Do nothing: any label may be told."""

    def act(self, event: Event) -> None:
        """Publish an event.

        Raises:
            AdafocusError: there is no connection, or the broker does not take it in time.
        """
        if not self._connected.wait(self.limit_s / 2):
            raise AdafocusError(f"{self.name}: there is no connection. Check that the broker runs and takes this user.")
        if event["event"] == "switched":
            self._publish("label", event["to"] or "", keep=True)
        else:
            self._publish("prediction", json.dumps(dict(event), ensure_ascii=False), keep=False)

    def close(self) -> None:
        """Say that this camera is away, and leave."""
        if self._connected.is_set():
            self._client.publish(f"{self._topic}/status", "offline", qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, name: str, content: str, keep: bool) -> None:
        told = self._client.publish(f"{self._topic}/{name}", content, qos=1 if keep else 0, retain=keep)
        try:
            told.wait_for_publish(self.limit_s / 2)
            taken = told.is_published()
        except (RuntimeError, ValueError):
            # the connection is gone, or too much waits
            taken = False
        if not taken:
            raise AdafocusError(f"{self.name}: the broker did not take a message within {self.limit_s / 2:g} s.")

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            self._connected.set()
            client.publish(f"{self._topic}/status", "online", qos=1, retain=True)
