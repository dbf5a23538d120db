"""Runtimes, one table: a new runtime is a module with an opener and a row here. Everything else takes names from it."""

from __future__ import annotations

from dataclasses import dataclass

from adafocus.errors import MissingRuntimeError

SYSTEM_NAMES = {"Darwin": "macOS"}


@dataclass(frozen=True)
class RuntimeSpec:
    """One runtime.

    Attributes:
        name: in manifests, and after ``--runtime``.
        opener: ``module:function`` that opens a graph; the module is imported only when its runtime is asked for.
        imports: modules that the opener imports, down to those that load a native library.
        distribution: the package in the package index whose version is that of the runtime.
        extra: of ``adafocus-edge``, which installs it.
        same_files_as: another runtime, whose files this one opens too.
        install_first: packages that pip must install before the extra.
        numpy: the major version of numpy that the distribution was built for; None: any.
        needs: what else the installation asks for, in words.
        systems: operating systems as :func:`platform.system` names them; empty: any.
        one_thread_pool: whether all graphs of a process share one pool of threads.
        runs_on: the processor that it usually runs on; ``any``: the runtime chooses.
        problem: ``module:function`` that gives a sentence on what is missing besides the packages, or None.
    """

    name: str
    opener: str
    imports: tuple[str, ...]
    distribution: str
    extra: str
    same_files_as: str | None = None
    install_first: tuple[str, ...] = ()
    numpy: int | None = None
    needs: str = ""
    systems: tuple[str, ...] = ()
    one_thread_pool: bool = False
    runs_on: str = "cpu"
    problem: str = ""

    @property
    def loads(self) -> tuple[str, ...]:
        """What is imported before a graph is opened: the opener's own module, which says first how, and its imports."""
        return (self.opener.partition(":")[0], *self.imports)

    def install_steps(self, pip: str = "pip") -> list[str]:
        """Return the commands that install it, in order, with the given way to call pip."""
        packages = (*self.install_first, f'"adafocus-edge[{self.extra}]"')
        return [f"{pip} install {package}" for package in packages]

    def refusal(self, system: str) -> str | None:
        """Return a sentence where it does not exist on an operating system, else None."""
        if not self.systems or system in self.systems:
            return None
        names = " and ".join(SYSTEM_NAMES.get(name, name) for name in self.systems)
        return (
            f"The runtime {self.name} exists on {names} only, this is {SYSTEM_NAMES.get(system, system)}. Use another "
            f"one here, for example --runtime {DEFAULT_RUNTIME}."
        )


_ROOM = "adafocus.edge.runtimes"
_JETPACK = (
    "JetPack's own TensorRT, sudo apt install python3-libnvinfer, and an environment that sees it, python3 -m venv "
    "--system-site-packages"
)
_PORTABLE = "executorch.extension.pybindings.portable_lib"
RUNTIMES: dict[str, RuntimeSpec] = {
    spec.name: spec
    for spec in (
        RuntimeSpec(
            "litert", f"{_ROOM}.litert:open_litert", ("ai_edge_litert.interpreter",), "ai-edge-litert", "litert",
        ),
        RuntimeSpec(
            "tflite", f"{_ROOM}.litert:open_tflite", ("tflite_runtime.interpreter",), "tflite-runtime", "tflite",
            same_files_as="litert", numpy=1, needs="Python 3.11 or older, numpy 1",
        ),
        RuntimeSpec("onnx", f"{_ROOM}.onnx:open_graph", ("onnxruntime",), "onnxruntime", "onnx"),
        RuntimeSpec(
            "executorch", f"{_ROOM}.executorch:open_graph", (_PORTABLE, "executorch.runtime", "torch"), "executorch",
            "executorch", install_first=("torch==2.13.0",), one_thread_pool=True,
        ),
        RuntimeSpec(
            "coreml", f"{_ROOM}.coreml:open_graph", ("coremltools",), "coremltools", "coreml", systems=("Darwin",),
            runs_on="any",
        ),
        RuntimeSpec(
            "tensorrt", f"{_ROOM}.tensorrt:open_graph", ("tensorrt", "polygraphy", "onnxruntime"), "tensorrt",
            "tensorrt", same_files_as="onnx", needs=_JETPACK, systems=("Linux",), runs_on="gpu",
            problem=f"{_ROOM}.tensorrt:problem",
        ),
    )
}  # fmt: skip
DEFAULT_RUNTIME = next(iter(RUNTIMES))


def runtime_spec(name: str) -> RuntimeSpec:
    """Return the row of a runtime.

    Raises:
        MissingRuntimeError: there is no such runtime.
    """
    if name not in RUNTIMES:
        raise MissingRuntimeError(f"There is no runtime {name!r}, expected one of {', '.join(RUNTIMES)}.")
    return RUNTIMES[name]


def file_runtime(name: str) -> str:
    """Return the runtime for whose files a runtime is: itself, or the one whose files it opens too."""
    spec = RUNTIMES.get(name)
    return (spec.same_files_as if spec else None) or name


def file_runtimes() -> tuple[str, ...]:
    """Return the runtimes that have files of their own."""
    return tuple(name for name in RUNTIMES if file_runtime(name) == name)
