"""Verbs of the device, one file each."""

from __future__ import annotations

from edge.commands.bench import bench
from edge.commands.doctor import doctor
from edge.commands.inspect import inspect
from edge.commands.run import run
from edge.commands.selftest import selftest
from edge.commands.stream import stream

ALL = (run, stream, inspect, selftest, bench, doctor)
