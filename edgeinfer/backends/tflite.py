"""LiteRT (`ai-edge-litert`), or `tflite-runtime` where that is all there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeinfer.backends.checks import check_distinct, check_tensors
from edgeinfer.errors import MissingRuntimeError, ModelError
from edgeinfer.frames import DTYPES, Array, Quantization, TensorInfo
from edgeinfer.tflite.inspect import check_loadable

if TYPE_CHECKING:
    from edgeinfer.backends import BackendOptions

_MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_ERRORS = (RuntimeError, ValueError, TypeError)


class TfliteBackend:
    """An interpreter behind the `Backend` seam, with a batch of one."""

    def __init__(self, interpreter: Any, model: bytes) -> None:
        # The interpreter reads weights out of these bytes for as long as it lives.
        self._model: bytes | None = model
        self._interpreter = interpreter
        details = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs, self.outputs = (tuple(_tensor(one) for one in part) for part in details)
        check_distinct(self.inputs, self.outputs)
        self._input_indices = {one["name"]: one["index"] for one in details[0]}
        self._output_indices = {one["name"]: one["index"] for one in details[1]}

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name. Raises ModelError for tensors that do not fit and when running fails.

        The same inputs give the same outputs: the state that recurrent layers would carry into the next
        run is cleared, since a frame has nothing to do with the one before (it may have been dropped).
        """
        check_tensors(tensors, self.inputs)
        interpreter = self._interpreter
        try:
            interpreter.reset_all_variables()
            for name, array in tensors.items():
                interpreter.set_tensor(self._input_indices[name], array)
            interpreter.invoke()
            return {name: interpreter.get_tensor(index) for name, index in self._output_indices.items()}
        except _ERRORS as error:
            raise ModelError(f"LiteRT could not run the model: {error}") from error

    def bare(self) -> Callable[[Mapping[str, Array]], object]:
        """The runtime's own calls without our checks: what `edgeinfer bench` holds the pipeline against."""
        interpreter, indices = self._interpreter, list(self._output_indices.values())

        def call(tensors: Mapping[str, Array]) -> object:
            for name, array in tensors.items():
                interpreter.set_tensor(self._input_indices[name], array)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in indices]

        return call

    def __enter__(self) -> TfliteBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interpreter = None
        self._model = None


def load(model: bytes, options: BackendOptions) -> TfliteBackend:
    """Load a TFLite model. Raises ModelError, MissingRuntimeError.

    The runtime's own parser sees only what passed ours: it believes most of what it reads.
    """
    if not model:
        raise ModelError("LiteRT cannot load the model: it is empty")
    interpreter_class = _import_interpreter()
    try:
        check_loadable(model)
        interpreter = interpreter_class(model_content=model, num_threads=options.threads)
        interpreter.allocate_tensors()
    except ModelError as error:
        raise ModelError(f"LiteRT cannot load the model: {error.message}", hint=error.hint) from error
    except _ERRORS as error:
        raise ModelError(f"LiteRT cannot load the model: {error}") from error
    return TfliteBackend(interpreter, model)


def _import_interpreter() -> Any:
    reasons = []
    for name in _MODULES:
        try:
            return import_module(name).Interpreter
        except ImportError as error:
            reasons.append(str(error))
    raise MissingRuntimeError(
        f"this model needs LiteRT, which cannot be loaded ({'; '.join(reasons)})",
        hint="pip install 'edgeinfer[tflite]'",
    )


def _tensor(detail: Any) -> TensorInfo:
    dtype = np.dtype(detail["dtype"]).name
    if dtype not in DTYPES:
        raise ModelError(f"the model's `{detail['name']}` is {dtype}; only tensors of numbers are supported")
    return TensorInfo(
        name=detail["name"],
        dtype=dtype,
        shape=tuple(int(side) for side in detail["shape"]),
        quantization=_quantization(detail),
    )


def _quantization(detail: Any) -> Quantization | None:
    scales = detail["quantization_parameters"]["scales"]
    if len(scales) == 0:
        return None
    if len(scales) > 1:
        raise ModelError(
            f"the model's `{detail['name']}` is quantized by channel, which no input or output is"
        )
    zero_point = int(detail["quantization_parameters"]["zero_points"][0])
    return Quantization(scale=float(scales[0]), zero_point=zero_point)
