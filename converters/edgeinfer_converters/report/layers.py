"""Layer by layer: the float graph and the quantized graph side by side, on a few samples.

Operators keep their names when a graph is quantized, so they can be paired by them. What an operator of the
quantized graph gives is taken behind its QuantizeLinear and DequantizeLinear, where it has these, and held
against the float tensor that it stands for: behind the clamps that saturation replaced. Where a function such
as a sigmoid alone reads a tensor, what it makes of both counts: a range that ends where the function does not
distinguish values any more is no loss. Both graphs run as they are written, unfused, on one thread: the same
numbers on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.operators import PROVIDER
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.judging.verify import SqnrMeter
from edgeinfer_converters.quantize.activations import Activation, activation_behind
from edgeinfer_converters.report.facts import LayerFacts, RangeFacts
from edgeinfer_converters.report.probes import Probe, Quantizer, find_probes
from edgeinfer_converters.samples.sample import Sample

MAX_SAMPLES = 8
BUDGET_BYTES = 48 * 1024 * 1024
"""Of float activations fetched at a time: the graphs run once a sample for each such part."""


@dataclass(frozen=True)
class Inside:
    """What was found: layers in the order of the graph, and the ranges of what is stored in 8 bits."""

    samples: int
    layers: tuple[LayerFacts, ...]
    ranges: tuple[RangeFacts, ...]


def look_inside(
    reference: onnx.ModelProto,
    quantized: onnx.ModelProto,
    samples: Iterable[Sample],
    float_nodes: frozenset[str] = frozenset(),
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Inside:
    """Compare two graphs tensor by tensor, in bounded memory. Shapes must have been inferred.

    `float_nodes` are the products that run in float. `progress` is called with 1 after each
    sample. Raises ModelError if a graph cannot be run.
    """
    probes = find_probes(GraphView(reference), GraphView(quantized))
    sides = (
        _Side(reference, [probe.tensor for probe in probes]),
        _Side(quantized, [probe.twin for probe in probes]),
    )
    view = GraphView(reference)
    parts = list(_parts(probes, view))
    gauges = [_Gauge(probe, activation_behind(view, probe.tensor)) for probe in probes]
    count = 0
    for sample in samples:
        count += 1
        for part in parts:
            wanted = sides[0].run(sample, [probes[k].tensor for k in part])
            found = sides[1].run(sample, [probes[k].twin for k in part])
            for k in part:
                gauges[k].add(wanted[probes[k].tensor], found[probes[k].twin])
        progress(1)
    return _inside(reference, gauges, float_nodes, count)


def _parts(probes: Sequence[Probe], view: GraphView) -> Iterator[list[int]]:
    """The probes in groups whose float tensors fit the budget together; one at least in each."""
    part: list[int] = []
    held = 0
    for k, probe in enumerate(probes):
        size = int(np.prod([max(dim, 1) for dim in view.shapes.get(probe.tensor, ())])) * 4
        if part and held + size > BUDGET_BYTES:
            yield part
            part, held = [], 0
        part.append(k)
        held += size
    if part:
        yield part


class _Side:
    """A graph that gives tensors of its inside."""

    def __init__(self, model: onnx.ModelProto, tensors: Sequence[str]) -> None:
        view = GraphView(model)
        self._inputs = frozenset(view.inputs)
        augmented = onnx.ModelProto()
        augmented.CopyFrom(model)
        for name in dict.fromkeys(tensors):
            if name not in view.outputs and name not in view.inputs:
                kind = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                augmented.graph.output.append(kind)
        self._session = _open(augmented)

    def run(self, sample: Sample, names: Sequence[str]) -> dict[str, Array]:
        """The tensors of these names."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._inputs]
        try:
            found = self._session.run(wanted, sample.inputs) if wanted else []
        except RUNTIME_ERRORS as error:
            raise ModelError(
                f"{sample.name}: ONNX Runtime cannot run the model: {short_reason(error)}",
                hint="leave out --report, and report this model",
            ) from error
        return {**sample.inputs, **dict(zip(wanted, found, strict=True))}


def _open(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # As written: fused kernels round in their own ways, and not alike on each machine.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(deterministic=True), options, providers=[PROVIDER]
        )
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"ONNX Runtime cannot load the model: {short_reason(error)}",
            hint="leave out --report, and report this model",
        ) from error


class _Gauge:
    """What is measured of one probe, as far as it comes through the function behind it."""

    def __init__(self, probe: Probe, behind: Activation) -> None:
        self.probe = probe
        self._behind = behind.apply
        self.alike = True
        self.low, self.high = np.inf, -np.inf
        self._meter = SqnrMeter()
        self._values = self._outside = 0

    def add(self, wanted: Array, found: Array) -> None:
        """Take one sample's tensors. Of another shape, as in another layout, they cannot be compared."""
        self.alike = self.alike and wanted.shape == found.shape and wanted.size > 0
        if not self.alike:
            return
        through = self._behind(wanted)
        self._meter.add(through, self._behind(found))
        self.low, self.high = min(self.low, float(wanted.min())), max(self.high, float(wanted.max()))
        quantizer = self.probe.quantizer
        if quantizer is not None:
            kept = self._behind(np.clip(wanted, quantizer.low, quantizer.high))
            outside = np.abs(through - kept) > quantizer.scale / 2
            self._values += wanted.size
            self._outside += int(np.count_nonzero(outside))

    @property
    def sqnr_db(self) -> float:
        return self._meter.value_db()

    def range_facts(self, quantizer: Quantizer) -> RangeFacts:
        """The range seen and the range that is kept."""
        return RangeFacts(
            tensor=self.probe.tensor,
            seen_low=_significant(self.low),
            seen_high=_significant(self.high),
            low=_significant(quantizer.low),
            high=_significant(quantizer.high),
            scale=_significant(quantizer.scale),
            zero_point=quantizer.zero_point,
            clipped=self.clipped or 0.0,
        )

    @property
    def clipped(self) -> float | None:
        """The share of the values that the kept range cuts off; None where no range is kept."""
        return None if self.probe.quantizer is None else _significant(self._outside / self._values)


def _inside(
    reference: onnx.ModelProto, gauges: Sequence[_Gauge], float_nodes: frozenset[str], samples: int
) -> Inside:
    macs = count_macs(reference)
    total = sum(macs.values()) or 1
    measured = [gauge for gauge in gauges if gauge.alike] if samples else []
    layers = tuple(
        LayerFacts(
            name=gauge.probe.node,
            operator=gauge.probe.operator,
            macs_share=_significant(macs.get(gauge.probe.node, 0) / total),
            sqnr_db=gauge.sqnr_db,
            integer=_is_integer(gauge.probe, macs, float_nodes),
            clipped=gauge.clipped,
        )
        for gauge in measured
        if gauge.probe.node
    )
    ranges = tuple(
        gauge.range_facts(gauge.probe.quantizer) for gauge in measured if gauge.probe.quantizer is not None
    )
    return Inside(samples, layers, ranges)


def _is_integer(probe: Probe, macs: Mapping[str, int], float_nodes: frozenset[str]) -> bool:
    # A product may have integer operands and a float result; of the others only the result tells.
    return probe.node not in float_nodes if probe.node in macs else probe.quantizer is not None


def _significant(value: float) -> float:
    return float(f"{value:.4g}")
