"""How much of a model's error each quantized tensor is to blame for.

Quantization noise of different tensors hardly correlates, so that the noise of all of them is about the
sum of what each makes alone; what one tensor makes is measured at the model's outputs, with everything
else in float. Probabilities are measured in front of their Softmax or Sigmoid: where these are sure of
themselves, noise does not show until it turns a decision. How sure a Sigmoid is does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize.activations import SURE
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.execution import open_session, run_session
from edgeinfer_converters.quantize.threads import each

_PROBABILITIES = frozenset({"Identity", "LogSoftmax", "Sigmoid", "Softmax"})


@dataclass(frozen=True)
class NoiseMeter:
    """Measures a float graph's noise on a few samples: power of the error over that of the outputs."""

    model: onnx.ModelProto
    samples: Sequence[Mapping[str, Array]]
    outputs: Sequence[Sequence[Array]]

    def of(self, scales: Mapping[str, Affine]) -> float:
        """The noise with the tensors of `scales` quantized."""
        return self._of(_bytes_of(with_rounding(with_logits(self.model), scales)))

    def of_each(self, groups: Sequence[Mapping[str, Affine]]) -> list[float]:
        """The noise with each of the groups of tensors quantized; one graph does for all of them."""
        switched, switches = with_switches(with_logits(self.model), _together(groups))
        session = open_session(_bytes_of(switched), pooled=False)

        def noise_of(group: Mapping[str, Affine]) -> float:
            turned = {switch: np.array(name in group) for name, switch in switches.items()}
            return self._noise(list(_run(session, [{**sample, **turned} for sample in self.samples])))

        return list(each(noise_of, groups))

    def of_model(self, quantized: onnx.ModelProto) -> float:
        """The noise of a model that was quantized from the one measured."""
        return self._of(_bytes_of(with_logits(quantized)))

    def _of(self, model: bytes) -> float:
        # Of bytes: the graph itself is gone by now.
        return self._noise(list(_run(open_session(model, pooled=False), self.samples)))

    def _noise(self, noisy: Sequence[Sequence[Array]]) -> float:
        """The mean over the outputs of error to signal."""
        ratios = []
        for index in range(len(self.outputs[0])):
            pairs = [
                _finite(wanted[index], found[index])
                for wanted, found in zip(self.outputs, noisy, strict=True)
            ]
            signal = sum(float(np.square(wanted).sum()) for wanted, _ in pairs)
            error = sum(float(np.square(wanted - found).sum()) for wanted, found in pairs)
            ratios.append(error / signal if signal else 0.0)
        return float(np.mean(ratios))


def _bytes_of(model: onnx.ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _finite(wanted: Array, found: Array) -> tuple[Array, Array]:
    """The values that count: what a mask has made infinite is no signal."""
    known = np.isfinite(wanted)
    return wanted[known].astype(np.float64), found[known].astype(np.float64)


def noise_meter(model: onnx.ModelProto, samples: Iterable[Mapping[str, Array]]) -> NoiseMeter:
    """A meter for a prepared float graph. The samples and their outputs are kept: take few."""
    kept = [dict(sample) for sample in samples]
    session = open_session(_bytes_of(with_logits(model)), pooled=False)
    return NoiseMeter(model, kept, list(_run(session, kept)))


def with_logits(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with what its probabilities are made of as outputs instead of them."""
    view = GraphView(model)
    changed = with_initializers(model, model.graph.initializer)
    changed.graph.ClearField("output")
    names = dict.fromkeys(_in_front(value.name, view) for value in model.graph.output)
    for name, is_logit in names:
        measured = _limited(changed, name) if is_logit else name
        value = onnx.helper.make_tensor_value_info(measured, onnx.TensorProto.FLOAT, None)
        changed.graph.output.append(value)
    return changed


def _in_front(name: str, view: GraphView) -> tuple[str, bool]:
    """The tensor that an output is made of by what makes probabilities, and whether by a Sigmoid."""
    producer, is_logit = view.producers.get(name), False
    while producer is not None and producer.op_type in _PROBABILITIES and producer.input[0] in view.floats:
        name = producer.input[0]
        is_logit = is_logit or producer.op_type == "Sigmoid"
        producer = view.producers.get(name)
    return name, is_logit


def _limited(model: onnx.ModelProto, name: str) -> str:
    """Add to the graph a tensor that is another one clipped to what a Sigmoid distinguishes."""
    limits = {f"{name}_{side}": bound for side, bound in (("unlikely", -SURE), ("likely", SURE))}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(bound, np.float32), limit) for limit, bound in limits.items()
    )
    target = f"{name}_limited"
    model.graph.node.append(onnx.helper.make_node("Clip", [name, *limits], [target], target))
    return target


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
    session: onnxruntime.InferenceSession, samples: Sequence[Mapping[str, Array]]
) -> Iterable[Sequence[Array]]:
    names = [value.name for value in session.get_outputs()]
    return (run_session(session, names, sample, "measuring noise") for sample in samples)
