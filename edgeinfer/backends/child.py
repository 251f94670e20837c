"""Work on a model in a child process with limits: what crashes, hangs or bloats there stays there."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from edgeinfer.errors import EdgeInferError, MissingRuntimeError, ModelError

TIMEOUT_S = 60.0
MEMORY_BYTES = 3 * 1024**3
"""Address space of the child beyond its libraries and four times the model: what `tflite.memory` lets pass,
and as much again for weights in another layout."""

_MODEL_COPIES = 4
_REFUSED = 1
# Not -P, which Python 3.10 lacks: the parent's own path, so that the folder it was started in adds nothing.
_PROGRAM = (
    "import sys; end = 2 + int(sys.argv[1]); fields = sys.argv[2:end]; sys.path[:] = sys.argv[end:]; "
    "from edgeinfer.backends.child import perform; sys.exit(perform(*fields))"
)


def in_child(
    work: str,
    model: bytes,
    *arguments: str,
    timeout_s: float = TIMEOUT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Any:
    """What a function makes of a model on its first run, in a child process.

    Args:
        work: The function as `package.module:name`. It takes the model and the arguments, and returns what
            JSON can hold.
        memory_bytes: Address space of the child beyond its libraries and four times the model.

    Raises ModelError with what the function says, or where the child crashes or takes more time or memory
    than it may; MissingRuntimeError.
    """
    limits = [str(memory_bytes + _MODEL_COPIES * len(model)), str(int(timeout_s) + 1)]
    fields = [work, *limits, *arguments]
    command = [sys.executable, "-c", _PROGRAM, str(len(fields)), *fields, *sys.path]
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
    return _last_line(done.stdout)


def perform(work: str, memory_bytes: str, processor_s: str, *arguments: str) -> int:
    """What the child does: the exit code, and on stdout the result, or the reason if the code is not 0."""
    module, _, name = work.partition(":")
    function = getattr(import_module(module), name)
    model = sys.stdin.buffer.read()
    _limit(int(memory_bytes), int(processor_s))
    try:
        _tell(function(model, *arguments))
    except EdgeInferError as error:
        return _refuse(type(error).__name__, error.message, error.hint)
    except MemoryError:
        return _refuse("ModelError", "the model needs more memory than it may have", "")
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


def _refuse(kind: str, message: str, hint: str) -> int:
    _tell([kind, message, hint])
    return _REFUSED


def _tell(found: Any) -> None:
    """On a line of its own: a runtime may have written something before it."""
    sys.stdout.write("\n" + json.dumps(found))


def _last_line(output: bytes) -> Any:
    try:
        return json.loads(output.rpartition(b"\n")[2])
    except ValueError as error:
        raise ModelError("the first run of the model ended without a result") from error


def _refusal(output: bytes) -> EdgeInferError:
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
