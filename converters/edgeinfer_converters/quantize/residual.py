"""Residual streams in float, where their rounding is most of a model's noise.

A stream of linear bottlenecks (MobileNetV2 and its kin) is a sum that grows from block to block, its
values spread wide, and nothing behind it takes the rounding of 8 bits back. Where one such sum carries
much of the noise at the outputs, it is kept in float: the projections that feed it are integer products
with float results, the sum is added up in float, and the products that read it take it with a step and a
middle for each channel (`spread`), which costs next to nothing. That takes some 10 dB of the noise of reading
away; the loudest streams are read in two parts instead (`two_part`), at the cost of larger products. All
products stay integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.rows import is_pointwise
from edgeinfer_converters.graph.view import GraphView, elements
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.noise import NoiseMeter
from edgeinfer_converters.quantize.operators import PRODUCTS
from edgeinfer_converters.quantize.placement import Placement, place

GOOD_DB = 30.0
"""Below this noise the whole is left alone: a thousandth of the signal's power changes few decisions."""

MIN_SHARE = 0.08
"""Of the whole noise, that a stream must carry."""

LOUD_SHARE, MAX_DOUBLED = 0.15, 0.03
"""Streams with more of the noise are read in two parts, where that adds no more multiply-accumulates, as a
share of the model's."""

MAX_COST = 0.006
"""Of the numbers that the model's products write, how many of streams may be in float. Each takes about ten
times as long as the others on average: it is added, scaled, moved and quantized."""


@dataclass(frozen=True)
class Stream:
    """The sum `add` and its surroundings, by node name: `projections` feed it and are read by nothing
    else, `branches` feed it too, `readers` are the products that read it."""

    add: str
    tensor: str
    projections: Mapping[str, str]
    branches: frozenset[str]
    readers: frozenset[str]


@dataclass(frozen=True)
class Widening:
    """What is done: sums in float, products with float results, those that read a sum by channel, and those
    that read one as twice as many channels."""

    adds: frozenset[str] = frozenset()
    float_results: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    shares: Mapping[str, float] = field(default_factory=dict)


def find_streams(view: GraphView, placement: Placement) -> list[Stream]:
    """The sums that pointwise products alone read, other sums aside, in topological order."""
    found = []
    for node in view.nodes:
        if node.op_type != "Add" or node.name not in placement.nodes or node.output[0] in view.outputs:
            continue
        readers = view.readers.get(node.output[0], ())
        products = [one for one in readers if one.op_type != "Add"]
        if not products or not all(is_pointwise(one, view) for one in products):
            continue
        makers = [view.producers[name] for name in node.input if name in view.producers]
        integer = [one for one in makers if one.name in placement.nodes and is_pointwise(one, view)]
        linear = [one for one in integer if one.output[0] not in view.outputs]
        private = {one.name: one.output[0] for one in linear if view.is_private(one.output[0])}
        branches = frozenset(one.name for one in linear) - private.keys()
        names = frozenset(one.name for one in products) & placement.nodes
        if not names:
            continue
        found.append(Stream(node.name, node.output[0], private, branches, names))
    return found


def affordable_streams(view: GraphView, placement: Placement) -> list[Stream]:
    """Those that alone do not cost too much in float."""
    streams, budget = find_streams(view, placement), _budget(view)
    return [one for one in streams if elements(view, one.tensor) <= budget]


def stream_tensors(view: GraphView) -> tuple[str, ...]:
    """Streams, and the tensors that they add up and pointwise products make, in topological order."""
    streams = find_streams(view, place(view, integer_results=True))
    names = {name for one in streams for name in (*one.projections, *one.branches, one.add)}
    return tuple(node.output[0] for node in view.nodes if node.name in names)


def choose_streams(
    model: onnx.ModelProto, placement: Placement, scales: Mapping[str, Affine], meter: NoiseMeter
) -> Widening:
    """The streams that are worth it, by their measured share of the noise."""
    view = GraphView(model)
    streams = affordable_streams(view, placement)
    whole = meter.of(scales) if streams else 0.0
    if whole <= 10 ** (-GOOD_DB / 10):
        return Widening()
    noise = meter.of_each([_of_stream(one, scales) for one in streams])
    shares = {one.add: alone / whole for one, alone in zip(streams, noise, strict=True)}
    budget = _budget(view)
    chosen: list[Stream] = []
    for one in sorted(streams, key=lambda stream: (-shares[stream.add], stream.add)):
        cost = elements(view, one.tensor)
        if shares[one.add] >= MIN_SHARE and cost <= budget:
            budget -= cost
            chosen.append(one)
    fed = frozenset(name for one in chosen for name in (*one.projections, *one.branches))
    loud = [one.readers - fed for one in chosen if shares[one.add] > LOUD_SHARE]
    doubled = _doubled(model, loud)
    return Widening(
        adds=frozenset(one.add for one in chosen),
        float_results=fed,
        readers=frozenset(name for one in chosen for name in one.readers) - doubled,
        doubled=doubled,
        shares={one.add: shares[one.add] for one in chosen},
    )


def _budget(view: GraphView) -> float:
    """How many numbers of streams may be in float."""
    return MAX_COST * sum(elements(view, node.output[0]) for node in view.nodes if node.op_type in PRODUCTS)


def _doubled(model: onnx.ModelProto, loud: list[frozenset[str]]) -> frozenset[str]:
    """The products that read loud streams, the loudest first, as long as they may be larger.

    Not those that feed another stream: what has a float result is a matrix product of rows, no convolution.
    """
    macs = count_macs(model)
    budget = MAX_DOUBLED * sum(macs.values())
    found: set[str] = set()
    for readers in loud:
        cost = sum(macs[name] for name in readers)
        if cost <= budget:
            budget -= cost
            found |= readers
    return frozenset(found)


def _of_stream(stream: Stream, scales: Mapping[str, Affine]) -> Mapping[str, Affine]:
    names = (stream.tensor, *stream.projections.values())
    return {name: scales[name] for name in names if name in scales}
