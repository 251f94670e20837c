"""The scale of each quantized tensor: from its histogram, shared where it must be."""

from __future__ import annotations

from collections.abc import Collection

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.quantize.activations import IDENTITY, SURE, activation_behind
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of, stretched
from edgeinfer_converters.quantize.histogram import Histogram, merge
from edgeinfer_converters.quantize.operators import clamp_bounds, data_inputs, is_move
from edgeinfer_converters.quantize.placement import Placement
from edgeinfer_converters.quantize.ranges import Method, Ranges, choose
from edgeinfer_converters.quantize.threads import each

TFLITE_GATE = 255 / 256
"""How far a gate opens with the scale of 1/256 that LOGISTIC's 8-bit kernel is specified with."""


TFLITE_ROOM = 1.2
"""How much farther than in calibration final results may reach: of a hundred samples several go beyond what
sixty have shown. TFLite's nine bits cost less there than being cut off; ONNX's results are floats, most of
them."""


_LIMITS = {"HardSigmoid": (0.0, 1.0), "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
"""What functions give, whatever they are given."""

_BOUNDS = 2
"""Values in the histogram of a tensor whose bounds were set: these have their room."""


def choose_scales(
    view: GraphView, placement: Placement, ranges: Ranges, form: Form, method: Method
) -> dict[str, Affine]:
    """Scale and zero point by tensor. Raises ModelError if `ranges` is of another graph."""

    def shared(members: list[str]) -> Affine:
        group = frozenset(members)
        seen = merge([one for name in members for one in _histograms(view, ranges, name, group)])
        behind = activation_behind(view, members[0]) if len(members) == 1 else IDENTITY
        # What the model says is not clipped: TFLite files have nine bits for it (`tflite.finer`).
        rule: Method = "minmax" if members[0] in placement.finals else method
        factor = next((ranges.factors[name] for name in members if name in ranges.factors), 1.0)
        affine = stretched(choose(seen, form, rule, behind, ranges.reach.clip_weight), factor)
        if members[0] not in placement.finals:
            affine = _roomy(affine, ranges.reach.room, *_limits(view, group))
        else:
            is_seen = seen.total > _BOUNDS
            affine = stretched(affine, TFLITE_ROOM if placement.integer_results and is_seen else 1.0)
            affine = _with_room(affine, _ends(view, members[0]))
        if seen.minimum >= 0 and seen.maximum <= 1 and any(_is_gate(view, name) for name in members):
            affine = affine_of(0.0, TFLITE_GATE if placement.integer_results else 1.0, form)
        return affine

    groups = placement.groups().values()
    chosen = zip(groups, each(shared, groups), strict=True)
    found = {name: affine for members, affine in chosen for name in members}
    give_back()  # the search takes forty megabytes in small pieces, and the next steps need large ones
    return found


def _roomy(affine: Affine, room: float, least: float | None, most: float | None) -> Affine:
    """The range widened, but not beyond what the values can be: a clamp would no longer be saturation."""
    if room == 1.0:
        return affine
    low, high = affine.bounds
    wide_low = low * room if least is None else min(low, max(low * room, least))
    wide_high = high * room if most is None else max(high, min(high * room, most))
    return affine_of(wide_low, wide_high, affine.form)


def _limits(view: GraphView, group: Collection[str]) -> tuple[float | None, float | None]:
    """What the values of tensors with one scale can be at least and at most, None where anything."""
    limits = [_limits_of(view, name, group) for name in group]
    known = [one for one in limits if one is not None]
    lows, highs = [low for low, _ in known], [high for _, high in known]
    return (
        None if not lows or None in lows else min(low for low in lows if low is not None),
        None if not highs or None in highs else max(high for high in highs if high is not None),
    )


def _limits_of(
    view: GraphView, name: str, group: Collection[str]
) -> tuple[float | None, float | None] | None:
    """Those of one tensor; None if it holds nothing but values of others in the group."""
    producer = view.producers.get(name)
    if producer is None or not is_standard(producer):
        return None, None
    if is_move(producer) or producer.op_type == "Concat":
        return None if set(data_inputs(producer)) <= set(group) else (None, None)
    return _LIMITS.get(producer.op_type) or clamp_bounds(producer, view) or (None, None)


def _is_gate(view: GraphView, name: str) -> bool:
    """A sigmoid multiplies what may be large: a gate that is open must be 1, however rare that was."""
    producer = view.producers.get(name)
    return producer is not None and is_standard(producer) and producer.op_type == "Sigmoid"


def _with_room(affine: Affine, ends: set[str]) -> Affine:
    """A sigmoid makes a probability of it: what calibration data say is unlikely may yet be certain."""
    if ends == {"Sigmoid"}:
        return affine_of(-SURE, SURE, affine.form)
    if "Sigmoid" not in ends:
        return affine
    # Some of it are logits, the rest something else, such as distances.
    low, high = affine.bounds
    return affine_of(low, max(high, SURE), affine.form)


def _ends(view: GraphView, name: str) -> set[str]:
    """The operators that read a tensor, looked up behind those that move or join it; "" for an output, and
    for a Sigmoid that is a gate: something else reads the same numbers."""
    ends: set[str] = set()
    found, waiting = {name}, [name]
    while waiting:
        tensor = waiting.pop()
        readers = view.readers.get(tensor, ())
        moves = [one for one in readers if is_move(one) or (one.op_type == "Concat" and is_standard(one))]
        results = {result for move in moves for result in move.output if result} - found
        found |= results
        waiting.extend(sorted(results))
        kinds = {one.op_type if is_standard(one) else "" for one in readers if one not in moves}
        ends |= (
            kinds if kinds == {"Sigmoid"} else kinds - {"Sigmoid"} | ({""} if "Sigmoid" in kinds else set())
        )
        if tensor in view.outputs:
            ends.add("")
    return ends


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
