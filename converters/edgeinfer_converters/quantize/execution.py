"""Running graphs so that the same numbers come out on every machine with the same instruction set."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import onnx
import onnxruntime
from threadpoolctl import ThreadpoolController

from edgeinfer.backends.onnx import INTEGER_FUSIONS
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.operators import PROVIDER
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.shelf import told_where

APART_BYTES = 8_000_000
"""Weights from which on they reach the runtime through a file: in a model of one piece they would be in
memory as a message, as its bytes, as what the runtime parses, and as its tensors at the same time."""

_LARGE_BYTES, _PAGE_BYTES = 65_536, 4096


_LIBRARIES = ThreadpoolController()
"""Looked up once: an interrupt that comes while the C library lists what is loaded would be lost."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """Numpy's matrix products and factorizations on one thread: sums are added up in one order."""
    with _LIBRARIES.limit(limits=1, user_api="blas"):
        yield


def open_model(
    model: onnx.ModelProto, weights: Iterable[onnx.TensorProto], *, pooled: bool = True
) -> onnxruntime.InferenceSession:
    """`open_session` for a graph without initializers, and these, each of which is looked at once.

    Raises ModelError, as it does, and OSError.
    """
    rest, held, size = iter(weights), list[onnx.TensorProto](), 0
    for tensor in rest:
        held.append(tensor)
        size += tensor.ByteSize()
        if size >= APART_BYTES:
            break
    if size < APART_BYTES:
        whole = with_initializers(model, held)
        return open_session(whole.SerializeToString(deterministic=True), pooled=pooled)
    with TemporaryDirectory(prefix="edgeinfer-") as folder:
        path = Path(folder, "model.onnx")
        with told_where():
            with Path(folder, "weights").open("wb") as stream:
                light = with_initializers(model, (_apart(one, stream) for one in itertools.chain(held, rest)))
            held.clear()
            path.write_bytes(light.SerializeToString(deterministic=True))
        return open_session(str(path), pooled=pooled)  # what it has mapped stays when the files go


def _apart(tensor: onnx.TensorProto, stream: BinaryIO) -> onnx.TensorProto:
    """The tensor with its values in the file `weights`, if there are many."""
    if tensor.ByteSize() < _LARGE_BYTES or not tensor.HasField("raw_data"):
        return tensor
    start = -(-stream.tell() // _PAGE_BYTES) * _PAGE_BYTES  # else it is copied, not mapped
    stream.seek(start)
    length = stream.write(tensor.raw_data)
    apart = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    apart.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "weights"), ("offset", start), ("length", length)):
        apart.external_data.add(key=key, value=str(value))
    return apart


def open_session(model: bytes | str, *, pooled: bool = True) -> onnxruntime.InferenceSession:
    """A session for a float graph, or one of QDQ form whose integers are simulated in float32.

    `model`: the bytes of a file, or its path. With `pooled` it keeps memory between runs, more than they
    need: right where it is soon closed, and its results are copied. Without, memory goes back after each run:
    right where many are open.
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
