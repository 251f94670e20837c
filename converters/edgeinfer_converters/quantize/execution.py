"""Running graphs so that the same numbers come out on every machine with the same instruction set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnxruntime
from threadpoolctl import threadpool_limits

from edgeinfer.backends.onnx import INTEGER_FUSIONS
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.operators import PROVIDER


@contextmanager
def single_threaded() -> Iterator[None]:
    """Numpy's matrix products and factorizations on one thread: sums are added up in one order."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def open_session(model: bytes, *, pooled: bool = True) -> onnxruntime.InferenceSession:
    """A session for a float graph, or one of QDQ form whose integers are simulated in float32.

    With `pooled` it keeps memory between runs, more than they need: right where it is soon closed, and its
    results are copied. Without, memory goes back after each run: right where many are open.
    Raises ModelError if the runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # One thread and deterministic kernels: sums are added up in the same order on every machine.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = pooled
    # Else all of a run's tensors would be one block: another one beside those of the first run in a pool; and
    # without one asked from the system and given back in every run.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=[PROVIDER], disabled_optimizers=list(INTEGER_FUSIONS)
        )
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"ONNX Runtime cannot load the model: {short_reason(error)}", hint="export the model again"
        ) from error
    # It keeps the file for the case that its providers are changed; as large as the weights themselves.
    session._model_bytes = None
    return session


def run_session(
    session: onnxruntime.InferenceSession, names: Sequence[str], inputs: Mapping[str, Array], where: str
) -> list[Array]:
    """The outputs `names`. Raises ModelError that begins with `where`."""
    if not names:
        return []
    try:
        return list(session.run(list(names), dict(inputs)))
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"{where}: ONNX Runtime cannot run the model: {short_reason(error)}",
            hint="export the model again",
        ) from error
