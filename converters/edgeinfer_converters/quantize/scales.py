"""The scale of each quantized tensor: from its histogram, shared where it must be."""

from __future__ import annotations

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, Form
from edgeinfer_converters.quantize.histogram import Histogram, merge
from edgeinfer_converters.quantize.operators import data_inputs, is_move
from edgeinfer_converters.quantize.placement import Placement
from edgeinfer_converters.quantize.ranges import Method, Ranges, choose


def choose_scales(
    view: GraphView, placement: Placement, ranges: Ranges, form: Form, method: Method
) -> dict[str, Affine]:
    """Scale and zero point by tensor. Raises ModelError if `ranges` is of another graph."""
    groups: dict[str, list[str]] = {}
    for name in placement.tensors:
        groups.setdefault(placement.leader[name], []).append(name)
    chosen: dict[str, Affine] = {}
    for members in groups.values():
        group = frozenset(members)
        seen = [one for name in members for one in _histograms(view, ranges, name, group)]
        affine = choose(merge(seen), form, method)
        chosen.update(dict.fromkeys(members, affine))
    return chosen


def _histograms(view: GraphView, ranges: Ranges, name: str, group: frozenset[str]) -> list[Histogram]:
    """What a tensor's values were, traced back to where they were computed; `group` is traced by itself."""
    if name in ranges.histograms:
        return [ranges.histograms[name]]
    sources = _sources(view, name)
    if not sources:
        raise ModelError(
            f"calibration has seen no values of the tensor `{name}`",
            hint="calibrate the same graph that is quantized",
        )
    outside = [source for source in sources if source not in group]
    return [histogram for source in outside for histogram in _histograms(view, ranges, source, group)]


def _sources(view: GraphView, name: str) -> list[str]:
    """The tensors whose values an operator moved into this one."""
    producer = view.producers.get(name)
    if producer is None or not (is_move(producer) or producer.op_type == "Concat"):
        return []
    return [source for source in dict.fromkeys(data_inputs(producer)) if source not in view.initializers]
