"""Open graphs in a runtime. The table of runtimes is :mod:`adafocus.edge.runtime_table`."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from adafocus.edge.runtime_table import RUNTIMES, RuntimeSpec, runtime_spec
from adafocus.edge.runtimes.loading import does_not_load, load_problem
from adafocus.errors import MissingRuntimeError

__all__ = ["RUNTIMES", "Opener", "RuntimeSpec", "missing", "open_graph", "unavailable"]

if TYPE_CHECKING:
    # the command line takes its sentences from this room, also where a library that these need does not load
    from adafocus.edge.bundle.manifest import GraphFile
    from adafocus.edge.runtimes.graph import Graph

Opener = Callable[[str, Path, "GraphFile", int], "Graph"]


def missing(name: str) -> str | None:
    """Return None where a runtime is installed, else a sentence with the command that installs it.

    Raises:
        MissingRuntimeError: there is no such runtime.
    """
    spec = runtime_spec(name)
    refusal = spec.refusal(platform.system())
    if refusal is not None:
        return refusal
    if all(find_spec(module.partition(".")[0]) is not None for module in spec.imports):
        return None
    needs = f" ({spec.needs})" if spec.needs else ""
    return f"The runtime {name} is not installed. Install it: {' && '.join(spec.install_steps())}{needs}"


def unavailable(name: str) -> str | None:
    """Return None where a runtime can be used here, else a sentence with the command that installs it.

    Its libraries are loaded to find out: one that is installed may not fit the system.

    Raises:
        MissingRuntimeError: there is no such runtime.
    """
    reason = missing(name)
    if reason is not None:
        return reason
    spec = runtime_spec(name)
    problem = load_problem(spec.loads)
    if problem is not None:
        return does_not_load(spec.imports[0].partition(".")[0], problem)
    return resolve_name(spec.problem)() if spec.problem else None


def open_graph(name: str, path: Path, description: GraphFile, threads: int, accelerator: str | None = None) -> Graph:
    """Open one converted stage. The policy stays on the CPU, whatever runs the others.

    Args:
        name: of the runtime.
        path: of the file.
        description: of its tensors.
        threads: CPU threads.
        accelerator: a name of :func:`adafocus.edge.runtimes.accelerators.names`; None: the runtime's usual processor.

    Raises:
        MissingRuntimeError: the runtime is not installed or does not load, there is no such runtime, or the accelerator
            is not here.
        BundleError: the file's tensors are not those that the manifest describes.
        AdafocusError: this runtime has no such accelerator, or not in this precision.
    """
    from adafocus.edge.runtimes.accelerators import choose, is_policy, proof_of

    reason = unavailable(name)
    if reason is not None:
        raise MissingRuntimeError(reason)
    row = choose(name, accelerator)
    if row is None or is_policy(description):
        beside = (row.policy if row else "") or name
        return resolve_name(runtime_spec(beside).opener)(path, description, threads)
    proof_of(name, accelerator, description.precision)
    return resolve_name(row.opener)(path, description, threads, row.option)
