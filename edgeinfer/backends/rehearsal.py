"""The first load and run of a model happen in a child: what crashes, hangs or bloats there stays there."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from edgeinfer.backends import BackendOptions, ModelFormat, open_backend
from edgeinfer.errors import EdgeInferError, MissingRuntimeError, ModelError
from edgeinfer.frames import DTYPES, TensorInfo

TIMEOUT_S = 60.0
MEMORY_BYTES = 3 * 1024**3
"""Address space of the child beyond its libraries and four times the model: what `tflite.memory` lets pass,
and as much again for weights in another layout."""

_MODEL_COPIES = 4
_REFUSED = 1
# Not -P, which Python 3.10 lacks: the parent's own path, so that the folder it was started in adds nothing.
_PROGRAM = (
    "import sys; fields = sys.argv[1:4]; sys.path[:] = sys.argv[4:]; "
    "from edgeinfer.backends.rehearsal import perform; "
    "sys.exit(perform(fields[0], int(fields[1]), int(fields[2])))"
)


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
    limits = [str(memory_bytes + _MODEL_COPIES * len(model)), str(int(timeout_s) + 1)]
    command = [sys.executable, "-c", _PROGRAM, model_format, *limits, *sys.path]
    try:
        done = subprocess.run(command, input=model, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"the first run of the model, on zeros, did not end within {timeout_s:g} seconds",
            hint="a loop in the model may not end, or the model is too large for this machine",
        ) from error
    if done.returncode == _REFUSED:
        raise _refusal(done.stdout)
    if done.returncode:
        raise ModelError(
            f"the runtime crashed with the model ({_death(done.returncode)})",
            hint="the file is damaged, or an operator of it is broken in this version of the runtime",
        )


def perform(model_format: ModelFormat, memory_bytes: int, processor_s: int) -> int:
    """What the child does: the exit code, and on stdout the reason if it is not 0."""
    model = sys.stdin.buffer.read()
    _limit(memory_bytes, processor_s)
    try:
        with open_backend(model, model_format, BackendOptions()) as backend:
            backend.run({one.name: _zeros(one) for one in backend.inputs})
    except EdgeInferError as error:
        return _tell(type(error).__name__, error.message, error.hint)
    except MemoryError:
        return _tell("ModelError", "the model needs more memory than it may have", "")
    return 0


def _limit(memory_bytes: int, processor_s: int) -> None:
    """Bound this process, and make it the first to go where the machine runs out of memory."""
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_AS, mapped + memory_bytes),
        (resource.RLIMIT_CPU, processor_s),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _zeros(tensor: TensorInfo) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.zeros([1 if size < 0 else size for size in tensor.shape], DTYPES[tensor.dtype])


def _tell(kind: str, message: str, hint: str) -> int:
    sys.stdout.write("\n" + json.dumps([kind, message, hint]))
    return _REFUSED


def _refusal(output: bytes) -> EdgeInferError:
    """The reason on the last line; a runtime may have written more before it."""
    try:
        kind, message, hint = json.loads(output.rpartition(b"\n")[2])
    except ValueError:
        return ModelError("the first run of the model failed, and the runtime does not say why")
    errors = {"MissingRuntimeError": MissingRuntimeError}
    return errors.get(kind, ModelError)(message, hint=hint)


def _death(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"
