"""Calibration: the ranges of a graph's activations, measured on samples that stream by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import onnx
import onnxruntime

from edgeinfer.errors import DataError, ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.operators import PROVIDER
from edgeinfer_converters.graph.shapes import OPEN
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.observers import HistogramObserver, Observer
from edgeinfer_converters.quantize.placement import observed_tensors
from edgeinfer_converters.quantize.ranges import Ranges


def observe(
    model: onnx.ModelProto,
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None],
) -> Ranges:
    """The ranges of every activation that quantization may need, over all samples.

    `model` is a prepared float graph; a sample holds each of its inputs by name, with the batch axis.
    Memory does not grow with the number of samples. `total` is how many are expected, for messages;
    `progress` is called with 1 after each. The result depends neither on the order of the samples nor on the
    number of threads.
    Raises DataError: no samples; a sample with wrong names, types or shapes, or with NaN or infinity in
    it or in an activation that it leads to. Raises ModelError if the model cannot be run.
    """
    view = GraphView(model)
    names = observed_tensors(view)
    observers: dict[str, Observer] = {name: HistogramObserver() for name in names}
    session = _open_session(_with_outputs(model, view, names))
    fetched = [name for name in names if name not in view.inputs]
    count = 0
    for sample in samples:
        count += 1
        where = f"calibration sample {count} of {max(total, count)}"
        _check_sample(view, sample, where)
        values = dict(sample) | dict(zip(fetched, _run(session, fetched, sample, where), strict=True))
        for name, observer in observers.items():
            _check_finite(values[name], f"{where}: the activation `{name}`")
            observer.update(values[name])
        progress(1)
    if not count:
        raise DataError("there are no calibration samples", hint="give some tens of typical inputs")
    results = {name: observer.result() for name, observer in observers.items()}
    return Ranges({name: seen for name, seen in results.items() if seen is not None}, count)


def _with_outputs(model: onnx.ModelProto, view: GraphView, names: tuple[str, ...]) -> bytes:
    """The model with tensors of its inside as further outputs."""
    augmented = onnx.ModelProto()
    augmented.CopyFrom(model)
    for name in names:
        if name not in view.outputs and name not in view.inputs:
            kind = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            augmented.graph.output.append(kind)
    serialized: bytes = augmented.SerializeToString(deterministic=True)
    return serialized


def _open_session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # One thread and deterministic kernels: sums are added up in the same order on every machine.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=[PROVIDER])
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"ONNX Runtime cannot load the model: {short_reason(error)}", hint="export the model again"
        ) from error


def _run(
    session: onnxruntime.InferenceSession, names: list[str], sample: Mapping[str, Array], where: str
) -> list[Array]:
    if not names:
        return []
    try:
        return list(session.run(names, dict(sample)))
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"{where}: ONNX Runtime cannot run the model: {short_reason(error)}",
            hint="export the model again",
        ) from error


def _check_sample(view: GraphView, sample: Mapping[str, Array], where: str) -> None:
    if set(sample) != set(view.inputs):
        raise DataError(
            f"{where}: expected the inputs {_list(view.inputs)}, got {_list(sample)}",
            hint="name the arrays as the model names its inputs",
        )
    for value in view.model.graph.input:
        if value.name in view.inputs:
            _check_array(view, value, sample[value.name], f"{where}: input `{value.name}`")


def _check_array(view: GraphView, value: onnx.ValueInfoProto, array: Array, where: str) -> None:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    if array.dtype != dtype:
        raise DataError(f"{where}: expected {dtype}, got {array.dtype}", hint="convert the calibration data")
    shape = view.shapes[value.name]
    fits = len(shape) == array.ndim and all(
        want in (OPEN, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise DataError(
            f"{where}: expected the shape {list(shape)}, got {list(array.shape)}",
            hint="calibration data must be preprocessed as the model's input is, with the batch axis",
        )
    if array.dtype.kind == "f":
        _check_finite(array, where)


def _check_finite(values: Array, where: str) -> None:
    # The sum is not finite if a value is not: one pass instead of two. It may also overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(values.sum(dtype=np.float64))
    if suspicious and not np.isfinite(values).all():
        raise DataError(f"{where} holds NaN or infinity", hint="look at this sample, or leave it out")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
