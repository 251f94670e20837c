"""The first load and run of a model."""

from __future__ import annotations

import numpy as np

from edgeinfer.backends import BackendOptions, ModelFormat, open_backend
from edgeinfer.backends.child import MEMORY_BYTES, TIMEOUT_S, in_child
from edgeinfer.frames import DTYPES, TensorInfo


def rehearse(
    model: bytes,
    model_format: ModelFormat,
    *,
    timeout_s: float = TIMEOUT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> None:
    """Load a model and run it once, on zeros, in a child process.

    Raises ModelError with what the runtime says, or where the child crashes, takes longer than `timeout_s`
    or more than `memory_bytes` of address space; MissingRuntimeError.
    """
    in_child(f"{__name__}:run_once", model, model_format, timeout_s=timeout_s, memory_bytes=memory_bytes)


def run_once(model: bytes, model_format: ModelFormat) -> None:
    """What the child does. Raises what loading and running raise."""
    with open_backend(model, model_format, BackendOptions()) as backend:
        backend.run({one.name: _zeros(one) for one in backend.inputs})


def _zeros(tensor: TensorInfo) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.zeros([1 if size < 0 else size for size in tensor.shape], DTYPES[tensor.dtype])
