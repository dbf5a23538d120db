"""Verbs of the device, one file each."""

from __future__ import annotations

from adafocus.edge.commands.bench import bench
from adafocus.edge.commands.doctor import doctor
from adafocus.edge.commands.inspect import inspect
from adafocus.edge.commands.run import run
from adafocus.edge.commands.selftest import selftest
from adafocus.edge.commands.stream import stream

ALL = (run, stream, inspect, selftest, bench, doctor)
