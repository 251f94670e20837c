"""Calibration: the ranges of a graph's activations, measured on samples that stream by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import onnx

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import OPEN
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.hessian import GramObserver, Grams, columns_of
from edgeinfer_converters.quantize.observers import HistogramObserver, Observer
from edgeinfer_converters.quantize.placement import observed_tensors
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.relay import Relay


def observe(
    model: onnx.ModelProto,
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None],
    grams: bool = False,
) -> Ranges:
    """The ranges of every activation that quantization may need, over all samples.

    `model` is a prepared float graph; a sample holds each of its inputs by name, with the batch axis.
    With `grams` also the Gram matrix of the inputs of each product. Memory does not grow with the number
    of samples. `total` is how many are expected, for messages; `progress` is called with 1 after each.
    The histograms do not depend on the order of the samples, and nothing on the number of threads.
    Raises DataError: no samples; a sample with wrong names, types or shapes, or with NaN or infinity in
    it or in an activation that it leads to. Raises ModelError if the model cannot be run.
    """
    view = GraphView(model)
    observers: dict[str, Observer] = {name: HistogramObserver() for name in observed_tensors(view)}
    matrices = {name: GramObserver(one) for name, one in columns_of(view).items()} if grams else {}
    watching: defaultdict[str, list[Observer | GramObserver]] = defaultdict(list)
    for name, observer in observers.items():
        watching[name].append(observer)
    for node in view.nodes:
        if node.name in matrices:
            watching[node.input[0]].append(matrices[node.name])
    counted = _Count(progress)
    with single_threaded():
        for values in stream(model, tuple(watching), samples, total=total, progress=counted):
            for name, array in values.items():
                for one in watching[name]:
                    one.update(array)
    seen = {name: observer.result() for name, observer in observers.items()}
    return Ranges(
        {name: one for name, one in seen.items() if one is not None}, counted.count, Grams(matrices)
    )


class _Count:
    """Counts samples, and passes the number on."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.count = 0
        self._progress = progress

    def __call__(self, done: int) -> None:
        self.count += done
        self._progress(done)


def stream(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Mapping[str, Array]]:
    """The values of the tensors `names`, sample by sample, those of a sample in several parts.

    Each part is worth about PIECE_BYTES; let go of it before asking for the next one. `progress` is called
    with 1 after each sample. Raises what `observe` raises.
    """
    view = GraphView(model)
    relay = Relay(model, names)
    count = 0
    for sample in samples:
        count += 1
        where = f"calibration sample {count} of {max(total, count)}"
        _check_sample(view, sample, where)
        for part in relay.run(sample, where):
            for name, values in part.items():
                _check_finite(values, f"{where}: the activation `{name}`")
            yield part
        progress(1)
    if not count:
        raise DataError("there are no calibration samples", hint="give some tens of typical inputs")


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
