"""How much of a model's error each quantized tensor is to blame for.

Quantization noise of different tensors hardly correlates, so that the noise of all of them is about the
sum of what each makes alone; what one tensor makes is measured at the model's outputs (`measured`), with
everything else in float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import onnxruntime

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import outlined, with_initializers
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.execution import open_model, open_session, run_session
from edgeinfer_converters.quantize.measured import Point, find_points, with_points
from edgeinfer_converters.quantize.threads import each
from edgeinfer_converters.shelf import Shelf, put_aside

GROUPS_AT_ONCE = 8
"""Groups of tensors that one graph measures: to open one takes as long as some runs, and in each run all of
them are rounded, wanted or not."""

_LEAST_LOGIT_POWER = 1.0
"""Of logits that are nearly all the same: one more or less is e times the odds."""


@dataclass(frozen=True)
class NoiseMeter:
    """Measures a float graph's noise on some samples: power of the error over that of the signal.

    `points`: where, and how much each of them counts. `outputs`: by sample what is there without noise, by
    the tensor of each point. `paired`: two samples run at a time.
    """

    model: onnx.ModelProto
    samples: Sequence[Mapping[str, Array]]
    points: tuple[Point, ...]
    outputs: Sequence[Mapping[str, Array]]
    paired: bool = False

    def of(self, scales: Mapping[str, Affine]) -> float:
        """The noise with the tensors of `scales` quantized."""
        session = _opened(self.model, with_rounding(_light(self.model, self.points), scales))
        return self._noise(_run(session, self.samples, paired=self.paired))

    def of_each(self, groups: Sequence[Mapping[str, Affine]]) -> Iterator[float]:
        """The noise with each of the groups of tensors quantized."""
        for start in range(0, len(groups), GROUPS_AT_ONCE):
            yield from self._of_some(groups[start : start + GROUPS_AT_ONCE])

    def _of_some(self, groups: Sequence[Mapping[str, Affine]]) -> Iterator[float]:
        """The same with one graph for all of them."""
        switched, switches = with_switches(_light(self.model, self.points), _together(groups))
        session = _opened(self.model, switched)

        def noise_of(group: Mapping[str, Affine]) -> float:
            turned = {switch: np.array(name in group) for name, switch in switches.items()}
            return self._noise(_run(session, [{**sample, **turned} for sample in self.samples]))

        yield from each(noise_of, groups)

    def of_model(self, quantized: onnx.ModelProto) -> float:
        """The noise of a model that was quantized from the one measured."""
        points = find_points(GraphView(quantized))
        if [one.is_logit for one in points] != [one.is_logit for one in self.points]:
            # Its ends are written otherwise, such as without a clamp that saturation replaces.
            points = tuple(Point(value.name, 1.0) for value in self.model.graph.output)
            plain = _meter_at(self.model, self.samples, points)
            return plain._of(_bytes_of(with_points(quantized, points)))
        return self._of(_bytes_of(with_points(quantized, points)))

    def _of(self, model: bytes) -> float:
        # Of bytes: the graph itself is gone by now.
        return self._noise(_run(open_session(model), self.samples, paired=self.paired))

    @cached_property
    def _signals(self) -> Sequence[float]:
        """Of each point over all samples."""
        return [_signal((found[point.tensor] for found in self.outputs), point) for point in self.points]

    def _noise(self, noisy: Iterable[Sequence[Array]]) -> float:
        """The weighted mean over the points of error to signal."""
        errors = [0.0] * len(self.points)
        for wanted, found in zip(self.outputs, noisy, strict=True):
            for index, (point, values) in enumerate(zip(self.points, found, strict=True)):
                errors[index] += _error(wanted[point.tensor], values)
        ratios = zip(self.points, errors, self._signals, strict=True)
        whole = sum(point.weight * error / signal for point, error, signal in ratios if signal)
        return whole / sum(point.weight for point in self.points)


def _signal(outputs: Iterable[Array], point: Point) -> float:
    """The power; that of logits around their mean."""
    power, total, count = 0.0, 0.0, 0
    for values in outputs:
        wanted = values[np.isfinite(values)].astype(np.float64)
        power += float(np.square(wanted).sum())
        total += float(wanted.sum())
        count += wanted.size
    if not point.is_logit:
        return power
    mean = total / max(count, 1)
    return max(power - count * mean**2, count * _LEAST_LOGIT_POWER)


def _error(wanted: Array, found: Array) -> float:
    """The squared error where values count: what a mask has made infinite is no signal."""
    known = np.isfinite(wanted)
    values = wanted[known].astype(np.float64)
    # Other values by their number, such as detections: all of them are wrong.
    return float(np.square(values - (found[known] if found.shape == wanted.shape else 0.0)).sum())


def _bytes_of(model: onnx.ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def noise_meter(
    model: onnx.ModelProto, samples: Iterable[Mapping[str, Array]], *, many: bool = False
) -> NoiseMeter:
    """A meter for a prepared float graph. The samples and their outputs are kept in memory: take few. If they
    are `many`, they lie on disk, and two run at a time. Raises OSError."""
    shelf = Shelf() if many else None
    kept = [_kept(sample, shelf) for sample in samples]
    return _meter_at(model, kept, find_points(GraphView(model)), shelf)


def _kept(arrays: Mapping[str, Array], shelf: Shelf | None) -> Mapping[str, Array]:
    # Copies: the runtime's own memory comes in larger parts.
    return {name: one.copy() for name, one in arrays.items()} if shelf is None else put_aside(arrays, shelf)


def _meter_at(
    model: onnx.ModelProto,
    samples: Sequence[Mapping[str, Array]],
    points: tuple[Point, ...],
    shelf: Shelf | None = None,
) -> NoiseMeter:
    names = [point.tensor for point in points]
    found = _run(_opened(model, _light(model, points)), samples, paired=shelf is not None)
    outputs = [_kept(dict(zip(names, values, strict=True)), shelf) for values in found]
    return NoiseMeter(model, samples, points, outputs, paired=shelf is not None)


def _light(model: onnx.ModelProto, points: tuple[Point, ...]) -> onnx.ModelProto:
    """The graph with the points as its outputs, and without its weights."""
    return with_points(outlined(model), points)


def _opened(model: onnx.ModelProto, light: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session for what was made of a light copy of a graph, with that graph's weights."""
    weights = {one.name: one for part in (light, model) for one in part.graph.initializer}
    return open_model(with_initializers(light), weights.values())


def with_rounding(model: onnx.ModelProto, scales: Mapping[str, Affine]) -> onnx.ModelProto:
    """The graph with the tensors of `scales` rounded to their integers where nodes read them."""
    emitter = Emitter(GraphView(model))
    return _rewired(model, emitter, scales, lambda _, rounded: rounded)


def with_switches(
    model: onnx.ModelProto, scales: Mapping[str, Affine]
) -> tuple[onnx.ModelProto, Mapping[str, str]]:
    """The same with an input for each tensor, a bool: whether it is rounded; and their names by tensor."""
    emitter = Emitter(GraphView(model))
    switches = {name: emitter.free(f"{name}_switch") for name in scales}

    def chosen(name: str, rounded: str) -> str:
        target = emitter.free(f"{name}_chosen")
        emitter.add(onnx.helper.make_node("Where", [switches[name], rounded, name], [target], target))
        return target

    changed = _rewired(model, emitter, scales, chosen)
    changed.graph.input.extend(
        onnx.helper.make_tensor_value_info(switch, onnx.TensorProto.BOOL, []) for switch in switches.values()
    )
    return changed, switches


def _rewired(
    model: onnx.ModelProto,
    emitter: Emitter,
    scales: Mapping[str, Affine],
    instead: Callable[[str, str], str],
) -> onnx.ModelProto:
    """The graph whose nodes read `instead`, given a tensor of `scales` and what rounding has made of it."""
    view = GraphView(model)
    read: dict[str, str] = {}

    def round_all(names: Iterable[str]) -> None:
        for name in names:
            if name in scales:
                stored = emitter.quantize(name, scales[name], name)
                read[name] = instead(name, emitter.dequantize(stored, scales[name], name))

    round_all(view.inputs)
    for node in view.nodes:
        written = onnx.NodeProto()
        written.CopyFrom(node)
        for index, name in enumerate(node.input):
            written.input[index] = read.get(name, name)
        emitter.add(written)
        round_all(node.output)
    changed = with_initializers(model, [*model.graph.initializer, *emitter.initializers.values()])
    changed.graph.ClearField("node")
    changed.graph.node.extend(emitter.nodes)
    return changed


def _together(groups: Iterable[Mapping[str, Affine]]) -> Mapping[str, Affine]:
    return {name: affine for group in groups for name, affine in group.items()}


def _run(
    session: onnxruntime.InferenceSession, samples: Sequence[Mapping[str, Array]], *, paired: bool = False
) -> Iterable[Sequence[Array]]:
    names = [value.name for value in session.get_outputs()]

    def found(sample: Mapping[str, Array]) -> Sequence[Array]:
        return run_session(session, names, sample, "measuring noise")

    return each(found, samples) if paired else map(found, samples)
