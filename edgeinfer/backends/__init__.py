"""Runtimes behind one seam: `open_backend` picks one, `Backend` is all that the rest sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, cast

from edgeinfer.errors import CompatibilityError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.host import available_cores
from edgeinfer.profile import Profile, RuntimeName

ModelFormat = Literal["onnx", "tflite"]

RUNTIMES: dict[ModelFormat, RuntimeName] = {"onnx": "onnxruntime", "tflite": "tflite"}
"""The runtime of a profile that runs each format."""


@dataclass(frozen=True)
class BackendOptions:
    """How a model is to be run. `providers` and `required_providers` are ONNX Runtime's names.

    `simulate_integers`: ONNX Runtime computes in float what a QDQ graph says, rounding included, on a machine
    whose integer kernels would saturate where the device's do not. Slow; for verifying.
    """

    threads: int = 1
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    required_providers: tuple[str, ...] = ()
    engine_cache: Path | None = None
    simulate_integers: bool = False


class Backend(Protocol):
    """A loaded model. Not safe for use by two threads at once."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The model's inputs, in its order."""

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The model's outputs, in its order."""

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name. Raises ModelError; the arrays are the caller's to keep."""

    def __enter__(self) -> Backend: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Factory = Callable[[bytes, BackendOptions], Backend]

BACKENDS: dict[ModelFormat, str] = {
    "onnx": "edgeinfer.backends.onnx",
    "tflite": "edgeinfer.backends.tflite",
}
"""The module of each format, imported when a model of it is loaded: a device has one runtime, seldom two."""


def open_backend(model: bytes, model_format: ModelFormat, options: BackendOptions) -> Backend:
    """Load a model from memory. Raises ModelError, MissingRuntimeError."""
    module = import_module(BACKENDS[model_format])
    return cast(Factory, module.load)(model, options)


def options_for(
    profile: Profile, model_format: ModelFormat, *, threads: int | None = None, cache: Path | None = None
) -> BackendOptions:
    """How a profile wants a model of a format to be run.

    Without `threads` it is the profile's number, but never more than this process has cores: threads that
    share one only wait for each other. `cache` is the folder for built engines, used only where the
    runtime builds any. Raises CompatibilityError if the profile has no runtime for the format.
    """
    runtime = profile.runtime_for(RUNTIMES[model_format])
    if runtime is None:
        raise CompatibilityError(
            f"the profile {profile.name} has no runtime for {model_format} models",
            hint=f"it has {', '.join(one.name for one in profile.runtime)}",
        )
    return BackendOptions(
        threads=min(profile.limits.threads, available_cores()) if threads is None else threads,
        providers=runtime.providers or BackendOptions.providers,
        required_providers=runtime.required_providers,
        engine_cache=cache if runtime.engine_cache else None,
    )
