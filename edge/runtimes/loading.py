"""Native libraries that are installed and do not load: why, and the line that installs what does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType

from adafocus.edge.runtime_table import RUNTIMES
from adafocus.edge.runtimes.log_filter import IMPORT_LOG_PREFIXES, hide_log_lines
from adafocus.errors import WORKSTATION_INSTALL

OURS = "adafocus"
SHOWN_CHARACTERS = 300
# top-level modules that every installation needs -> the package, and what must go before it is installed again;
# OpenCV without windows needs none of the system's graphics libraries, and both write into one folder
NEEDED = {
    "cv2": ("opencv-python-headless", "pip uninstall -y opencv-python && "),
    "av": ("av", ""),
    "numpy": ("numpy", ""),
    "psutil": ("psutil", ""),
    "pydantic": ("pydantic", ""),
    "pydantic_core": ("pydantic", ""),
    "PIL": ("pillow", ""),
}


def load_problem(modules: Sequence[str]) -> str | None:
    """Import modules; return why one of them does not load, None where all do."""
    if all(module in sys.modules for module in modules):
        return None
    try:
        with hide_log_lines(IMPORT_LOG_PREFIXES):
            for module in modules:
                import_module(module)
    except Exception as error:
        # a library raises whatever it likes: ImportError, OSError, and AttributeError where numpy is another one
        return why(error)
    return None


def why(error: BaseException) -> str:
    """Return what a library said, on one line."""
    said = " ".join(str(error).split())[:SHOWN_CHARACTERS]
    return said if said and isinstance(error, (ImportError, OSError)) else f"{type(error).__name__}: {said}"


def does_not_load(library: str, reason: str) -> str:
    """Return a sentence with the line that installs a library again.

    Args:
        library: its top-level module.
        reason: what it said.
    """
    return f"The package {library} is installed, but does not load here: {reason}. Install it again: {again(library)}"


def again(library: str) -> str:
    """Return the line that installs a library anew, over what is there."""
    if library in NEEDED:
        package, before = NEEDED[library]
        return f"{before}pip install --force-reinstall {package}"
    for spec in RUNTIMES.values():
        if library in {module.partition(".")[0] for module in spec.imports}:
            return " && ".join(spec.install_steps()).replace("pip install", "pip install --force-reinstall")
    return WORKSTATION_INSTALL.replace("pip install", "pip install --force-reinstall")


def load_sentence(error: BaseException) -> str | None:
    """Return what to say of an error that a library raised when it was loaded; None where it is none of those."""
    library = _library_of(error)
    if library is None or library == OURS:
        return None
    if not isinstance(error, ModuleNotFoundError) or (error.name or "").partition(".")[0] != library:
        return does_not_load(library, why(error))
    if library in NEEDED:
        return f"The package {library} is not installed. Install it: pip install {NEEDED[library][0]}"
    return (
        f"This command runs on a workstation and needs the package {error.name!r}, which is not installed. "
        f"Install it: {WORKSTATION_INSTALL}"
    )


def _library_of(error: BaseException) -> str | None:
    """Return the top-level module whose import failed: the one that this program asked for last."""
    after, inside = None, error.__traceback__
    while inside is not None:
        if _room(inside) == OURS:
            after = inside.tb_next
        inside = inside.tb_next
    if after is not None and (isinstance(error, ImportError) or after.tb_frame.f_code.co_name == "<module>"):
        return _room(after)
    return (error.name or "").partition(".")[0] or None if isinstance(error, ImportError) else None


def _room(place: TracebackType) -> str:
    """Return the top-level module of one step of a traceback."""
    return str(place.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
