"""ONNX Runtime.

It never spins: waiting threads that burn the processor save microseconds at full load and cost half a core
at ten frames per second. It never falls back to another execution provider quietly, and its log stays off
stderr: what matters of it is in the error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgeinfer.backends.checks import check_distinct, check_tensors
from edgeinfer.errors import MissingRuntimeError, ModelError
from edgeinfer.frames import Array, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeinfer.backends import BackendOptions

logger = logging.getLogger(__name__)

_DTYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
INTEGER_FUSIONS = ("WeightBiasQuantization", "QDQSelectorActionTransformer", "QDQPropagationTransformer")
"""The optimizers that turn a QDQ graph into integer kernels."""
_SILENT = 4  # ONNX Runtime's log level "fatal": it raises what it would print as an error
_GPU_PROVIDERS = ("CUDAExecutionProvider", "TensorrtExecutionProvider")


class OnnxBackend:
    """A session of ONNX Runtime behind the `Backend` seam."""

    def __init__(self, session: Any, errors: tuple[type[Exception], ...]) -> None:
        """`errors` are the exceptions that this build of ONNX Runtime raises."""
        self._session = session
        self._errors = errors
        self.inputs = tuple(_tensor(one) for one in session.get_inputs())
        self.outputs = tuple(_tensor(one) for one in session.get_outputs())
        check_distinct(self.inputs, self.outputs)
        self._names = [one.name for one in self.outputs]

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """All outputs by name. Raises ModelError for tensors that do not fit and when running fails."""
        check_tensors(tensors, self.inputs)
        try:
            arrays = self._session.run(self._names, dict(tensors))
        except self._errors as error:
            raise ModelError(f"ONNX Runtime could not run the model: {error}") from error
        return dict(zip(self._names, arrays, strict=True))

    def bare(self) -> Callable[[Mapping[str, Array]], object]:
        """The runtime's own call without our checks: what `edgeinfer bench` holds the pipeline against."""
        session = self._session
        return lambda tensors: session.run(None, tensors)

    def __enter__(self) -> OnnxBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The session frees its memory with its last reference; a closed backend must not keep it alive.
        self._session = None


def load(model: bytes, options: BackendOptions) -> OnnxBackend:
    """Load an ONNX model. Raises ModelError, MissingRuntimeError."""
    runtime = _import_runtime(options)
    errors = _native_errors(runtime)
    providers = _choose_providers(runtime.get_available_providers(), options)
    with _translated(errors, "ONNX Runtime cannot load the model"):
        session = runtime.InferenceSession(
            model,
            _session_options(runtime, options),
            providers=[(name, _provider_options(name, model, options)) for name in providers],
            enable_fallback=0,
            **({"disabled_optimizers": list(INTEGER_FUSIONS)} if options.simulate_integers else {}),
        )
        session.disable_fallback()
    _check_active(session.get_providers(), options)
    return OnnxBackend(session, errors)


def _import_runtime(options: BackendOptions) -> Any:
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise MissingRuntimeError(
            f"this model needs ONNX Runtime, which cannot be loaded ({error})",
            hint=_installation(options.required_providers),
        ) from error
    runtime.set_default_logger_severity(_SILENT)
    runtime.disable_telemetry_events()
    return runtime


def _session_options(runtime: Any, options: BackendOptions) -> Any:
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    settings.log_severity_level = _SILENT
    # What is not ONNX is refused: the same bytes may be a model in ONNX Runtime's own format besides, and
    # then another one than the bundle says.
    settings.add_session_config_entry("session.load_model_format", "ONNX")
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return settings


def _choose_providers(available: list[str], options: BackendOptions) -> list[str]:
    missing = [name for name in options.required_providers if name not in available]
    chosen = [name for name in options.providers if name in available]
    if missing or not chosen:
        wanted = ", ".join(missing or options.providers)
        raise MissingRuntimeError(
            f"this ONNX Runtime has no {wanted}; it has {', '.join(available)}",
            hint=_installation(options.required_providers),
        )
    return chosen


def _provider_options(name: str, model: bytes, options: BackendOptions) -> dict[str, str]:
    if name != "TensorrtExecutionProvider":
        return {}
    # Without its own flag TensorRT refuses the Q/DQ operators of a quantized graph.
    chosen = {"trt_int8_enable": "True"} if b"DequantizeLinear" in model else {}
    if options.engine_cache is not None:
        folder = _made(options.engine_cache)
        chosen |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder),
        }
    return chosen


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be made to keep built engines in ({error.strerror})") from error
    return folder


def _check_active(active: list[str], options: BackendOptions) -> None:
    idle = [name for name in options.required_providers if name not in active]
    if idle:
        raise MissingRuntimeError(
            f"ONNX Runtime could not start {', '.join(idle)} and would run on {', '.join(active)}",
            hint="the driver and the CUDA and TensorRT libraries have to fit this build of onnxruntime-gpu",
        )
    logger.debug("ONNX Runtime runs the model with %s", ", ".join(active))


def _installation(required: tuple[str, ...]) -> str:
    if any(name in _GPU_PROVIDERS for name in required):
        return "install `onnxruntime-gpu` as built for this device instead of `edgeinfer[onnx]`"
    return "pip install 'edgeinfer[onnx]'"


def _tensor(node: Any) -> TensorInfo:
    if node.type not in _DTYPES:
        raise ModelError(f"the model's `{node.name}` is a {node.type}; only tensors of numbers are supported")
    shape = tuple(side if isinstance(side, int) and side >= 0 else -1 for side in node.shape)
    return TensorInfo(name=node.name, dtype=_DTYPES[node.type], shape=shape)


def _native_errors(runtime: Any) -> tuple[type[Exception], ...]:
    """Its exceptions have no common base but Exception, and a list of them grows with each release."""
    native = getattr(getattr(runtime, "capi", None), "onnxruntime_pybind11_state", None)
    kinds = vars(native).values() if native else ()
    own = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, TypeError)


@contextmanager
def _translated(errors: tuple[type[Exception], ...], what: str) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise ModelError(f"{what}: {error}") from error
