"""Calibration: the ranges of a graph's activations, measured on samples that stream by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import onnx

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer_converters.calibration.checkpoint import Checkpoint
from edgeinfer_converters.calibration.resume import Resumable
from edgeinfer_converters.graph.shapes import OPEN
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.extremes import ChannelObserver
from edgeinfer_converters.quantize.hessian import GramObserver, Grams, columns_of
from edgeinfer_converters.quantize.observers import HistogramObserver
from edgeinfer_converters.quantize.placement import observed_tensors
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.relay import Relay
from edgeinfer_converters.quantize.residual import stream_terms
from edgeinfer_converters.quantize.threads import ahead, each

Parts = Iterator[Mapping[str, Array]]
"""The tensors of a sample, some at a time."""

PARTS_AHEAD = 2
"""Of the tensors of samples, made while some are looked at: some take long to make, others to look at."""

T = TypeVar("T")

_Observer = HistogramObserver | ChannelObserver | GramObserver


def observe(
    model: onnx.ModelProto,
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None],
    grams: bool = False,
    checkpoint: Checkpoint | None = None,
) -> Ranges:
    """The ranges of every activation that quantization may need, over all samples.

    `model` is a prepared float graph; a sample holds each of its inputs by name, with the batch axis.
    With `grams` also the Gram matrix of the inputs of each product. Memory does not grow with the number
    of samples. `total` is how many are expected, for messages; `progress` is called with 1 after each.
    With a `checkpoint` an interrupted pass goes on from there, and gives what one without a break gives;
    the samples must begin anew whenever they are iterated. `progress` is told at once what was done before.
    The histograms do not depend on the order of the samples, and nothing on the number of threads.
    Raises DataError: no samples; a sample with wrong names, types or shapes, or with NaN or infinity in
    it or in an activation that it leads to. Raises ModelError if the model cannot be run.
    """
    watch = _Watch(GraphView(model), total, grams=grams)
    counted = _Count(progress)
    with single_threaded():
        if checkpoint is None:
            watch.update_all(stream(model, watch.names, samples, total=total, progress=counted))
        else:
            _resume(watch, model, Resumable(samples, checkpoint), total, counted)
    return watch.ranges(counted.count)


def _resume(
    watch: _Watch, model: onnx.ModelProto, resumable: Resumable, total: int, counted: Callable[[int], None]
) -> None:
    known = resumable.begin(watch.restore)
    counted(known)
    with resumable.running(watch.state) as done:

        def one_more(count: int) -> None:
            counted(count)
            done()

        rest = resumable.rest()
        watch.update_all(stream(model, watch.names, rest, total=total, progress=one_more, known=known))


class _Watch:
    """The observers of a graph's tensors."""

    def __init__(self, view: GraphView, total: int, *, grams: bool) -> None:
        self._histograms = {name: HistogramObserver(total) for name in observed_tensors(view)}
        columns = columns_of(view) if grams else {}
        self._grams = {name: GramObserver(one, total) for name, one in columns.items()}
        self._channels = {name: ChannelObserver() for name in stream_terms(view)}
        self._by_tensor: defaultdict[str, list[_Observer]] = defaultdict(list)
        for observers in (self._histograms, self._channels):
            for name, observer in observers.items():
                self._by_tensor[name].append(observer)
        for node in view.nodes:
            if node.name in self._grams:
                self._by_tensor[node.input[0]].append(self._grams[node.name])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_tensor)

    def update_all(self, parts: Iterable[Mapping[str, Array]]) -> None:
        # In one thread: what others do to small arrays at the same time costs more than it gains.
        for values in parts:
            for name, array in values.items():
                for one in self._by_tensor[name]:
                    one.update(array)

    def ranges(self, count: int) -> Ranges:
        histograms = {name: one for name, seen in self._histograms.items() if (one := seen.result())}
        channels = {name: wide for name, seen in self._channels.items() if (wide := seen.result())}
        return Ranges(histograms, count, Grams(self._grams), channels)

    def state(self) -> Mapping[str, Array]:
        """All that the observers know: their arrays by number and name."""
        states = enumerate(one.state() for one in self._all())
        return {f"{index}.{name}": array for index, state in states for name, array in state.items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError, and then nothing has changed."""
        states: dict[str, dict[str, Array]] = {str(index): {} for index in range(len(self._all()))}
        for key, array in arrays.items():
            index, _, name = key.partition(".")
            if index not in states:
                raise ValueError("more than is observed")
            states[index][name] = array
        before = [one.state() for one in self._all()]
        try:
            self._restore_all(states.values())
        except ValueError:
            self._restore_all(before)
            raise

    def _restore_all(self, states: Iterable[Mapping[str, Array]]) -> None:
        for observer, state in zip(self._all(), states, strict=True):
            observer.restore(state)

    def _all(self) -> Sequence[_Observer]:
        return [*self._histograms.values(), *self._channels.values(), *self._grams.values()]


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
    known: int = 0,
) -> Iterator[Mapping[str, Array]]:
    """The values of the tensors `names`, sample by sample, those of a sample in several parts.

    Each part is worth about PIECE_BYTES; let go of it before asking for the next one. Another thread makes
    the next PARTS_AHEAD meanwhile: samples are read there, too. `progress` is called with 1 after each
    sample. `known` samples came before these. Raises what `observe` raises.
    """
    for part in ahead(_in_parts(model, names, samples, total, known), PARTS_AHEAD):
        if part is None:
            progress(1)
        else:
            yield part


def look_at_each(
    look: Callable[[Parts], T],
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[T]:
    """What `look` makes of the parts of each sample, see `stream`; several samples run at the same time.

    Raises what `observe` raises.
    """
    run = _Run(model, names, total)
    for found in each(lambda numbered: look(run.parts(*numbered)), _numbered(samples)):
        yield found
        progress(1)


def _in_parts(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    total: int,
    known: int,
) -> Iterator[Mapping[str, Array] | None]:
    """What `stream` gives, with None behind the last part of a sample."""
    run = _Run(model, names, total)
    for number, sample in _numbered(samples, known):
        yield from run.parts(number, sample)
        yield None


def _numbered(
    samples: Iterable[Mapping[str, Array]], known: int = 0
) -> Iterator[tuple[int, Mapping[str, Array]]]:
    """Samples and their numbers, behind those that are known. Raises DataError if there is none at all."""
    number = known
    for number, sample in enumerate(samples, known + 1):
        yield number, sample
    if not number:
        raise DataError("there are no calibration samples", hint="give some tens of typical inputs")


class _Run:
    """Runs samples through a graph whose tensors `names` are asked for."""

    def __init__(self, model: onnx.ModelProto, names: tuple[str, ...], total: int) -> None:
        self._view = GraphView(model)
        self._relay = Relay(model, names)
        self._total = total

    def parts(self, number: int, sample: Mapping[str, Array]) -> Parts:
        """The tensors of a sample, checked."""
        where = f"calibration sample {number} of {max(self._total, number)}"
        _check_sample(self._view, sample, where)
        for part in self._relay.run(sample, where):
            for name, values in part.items():
                _check_finite(values, f"{where}: the activation `{name}`")
            yield part


def bounds(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, tuple[float, float]]:
    """The least and the largest value of each tensor over all samples. Raises what `observe` raises."""
    found: dict[str, tuple[float, float]] = {}
    with single_threaded():
        for part in stream(model, names, samples, total=total, progress=progress):
            for name, values in part.items():
                low, high = found.get(name, (np.inf, -np.inf))
                found[name] = min(low, float(values.min())), max(high, float(values.max()))
    return found


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
    # NaN and infinity show in the sum of squares: one fast pass, and no array of flags. Large numbers may
    # overflow it, and are looked at one by one. (Other threads wait for `@`, but not for `dot`.)
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.isfinite(np.dot(flat, flat))
    if not fine and not np.isfinite(flat).all():
        raise DataError(f"{where} holds NaN or infinity", hint="look at this sample, or leave it out")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
