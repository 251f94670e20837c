"""Calibration: the ranges of a graph's activations, measured on samples that stream by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.calibration.checkpoint import Checkpoint
from edgeinfer_converters.calibration.resume import Resumable
from edgeinfer_converters.calibration.streaming import Bounded, bounded_stream
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affordable import is_costly
from edgeinfer_converters.quantize.columns import columns_of
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.extremes import ChannelObserver
from edgeinfer_converters.quantize.hessian import GramObserver, Grams, gram_observers
from edgeinfer_converters.quantize.observers import HistogramObserver
from edgeinfer_converters.quantize.placement import observed_tensors
from edgeinfer_converters.quantize.ranges import Ranges
from edgeinfer_converters.quantize.residual import stream_tensors
from edgeinfer_converters.shelf import ReadLater

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
            watch.update_all(bounded_stream(model, watch.names, samples, total=total, progress=counted))
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
        watch.update_all(
            bounded_stream(model, watch.names, rest, total=total, progress=one_more, known=known)
        )


class _Watch:
    """The observers of a graph's tensors."""

    def __init__(self, view: GraphView, total: int, *, grams: bool) -> None:
        self._view, self._total, self._with_grams = view, total, grams
        self._begin()

    def _begin(self) -> None:
        view, total = self._view, self._total
        self._histograms = {name: HistogramObserver(total) for name in observed_tensors(view)}
        columns = columns_of(view) if self._with_grams else {}
        self._grams = gram_observers(columns, total, sparing=is_costly(view.model))
        self._channels = {name: ChannelObserver() for name in stream_tensors(view)}
        self._by_tensor: defaultdict[str, list[ChannelObserver | GramObserver]] = defaultdict(list)
        for name, observer in self._channels.items():
            self._by_tensor[name].append(observer)
        for node in view.nodes:
            if node.name in self._grams:
                self._by_tensor[node.input[0]].append(self._grams[node.name])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self._histograms, *self._by_tensor]))

    def update_all(self, parts: Iterable[Mapping[str, Bounded]]) -> None:
        # In one thread: what others do to small arrays at the same time costs more than it gains.
        for values in parts:
            for name, (array, extremes) in values.items():
                if name in self._histograms:
                    self._histograms[name].update(array, extremes)
                for one in self._by_tensor[name]:
                    one.update(array)

    def ranges(self, count: int) -> Ranges:
        histograms = {name: one for name, seen in self._histograms.items() if (one := seen.result())}
        channels = {name: wide for name, seen in self._channels.items() if (wide := seen.result())}
        return Ranges(histograms, count, Grams(self._grams), channels)

    def state(self) -> Mapping[str, Array]:
        """All that the observers know: their arrays by number and name."""
        states = {str(index): one.state() for index, one in enumerate(self._all())}
        return ReadLater(
            {
                f"{index}.{name}": partial(state.__getitem__, name)
                for index, state in states.items()
                for name in state
            }
        )

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError, and then everything begins anew."""
        states: dict[str, dict[str, Array]] = {str(index): {} for index in range(len(self._all()))}
        for key, array in arrays.items():
            index, _, name = key.partition(".")
            if index not in states:
                raise ValueError("more than is observed")
            states[index][name] = array
        try:
            for observer, state in zip(self._all(), states.values(), strict=True):
                observer.restore(state)
        except ValueError:
            self._begin()
            raise

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
