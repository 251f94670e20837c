"""From a float graph and samples to an int8 model: the steps of post-training quantization in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import onnx

from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.calibration.checkpoint import Checkpoint, key_of
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.gemms import fold_factors
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.rows import as_rows
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.quantize.affine import Affine, activation_form
from edgeinfer_converters.quantize.affordable import affordable
from edgeinfer_converters.quantize.divided import Divided, divide_gates
from edgeinfer_converters.quantize.equalize import equalize, equalized_tensors
from edgeinfer_converters.quantize.finite import check_weights
from edgeinfer_converters.quantize.gates import gate_tensors
from edgeinfer_converters.quantize.hessian import GramsAround
from edgeinfer_converters.quantize.histogram import Histogram, merge
from edgeinfer_converters.quantize.islands import MAX_EXTRA, choose_islands, count_tensors
from edgeinfer_converters.quantize.noise import noise_meter
from edgeinfer_converters.quantize.placement import Placement, place
from edgeinfer_converters.quantize.ranges import Method, Ranges
from edgeinfer_converters.quantize.reach import NARROW, WIDER, Reach, choose_reach
from edgeinfer_converters.quantize.refinement import RUNS, refine_ranges
from edgeinfer_converters.quantize.residual import affordable_streams, choose_streams
from edgeinfer_converters.quantize.scales import choose_scales
from edgeinfer_converters.quantize.sequential import correct_biases
from edgeinfer_converters.quantize.spread import Spread, spread_channels, spread_inputs
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.sources.source import serialized

RANKING_SAMPLES = 4
"""All tensors are ranked on them: a few suffice to find the worst."""

NOISE_SAMPLES = 4
"""Enough to tell a stream that carries a tenth of the noise from one that carries a hundredth."""

COMPARING_MACS, FEWEST_COMPARED = 60e9, 16
"""Multiply-accumulates that a run of all samples may take in which ranges are compared, and how many samples
there must be: from fewer none learns how far others reach."""

FOLDS = 4
"""Of the samples: ranges are learnt from all but one, and judged on that one."""

REFINING_MACS, FEWEST_REFINING, MOST_REFINING = 8e11, 8, 64
"""Multiply-accumulates that refining ranges may take, a minute or two, and how many samples it looks at."""

Inputs = Callable[[], Iterable[Mapping[str, Array]]]
"""The calibration samples, each time from the beginning."""


class Progress(Protocol):
    """How far a step is."""

    def __call__(
        self, total: int, step: str, unit: str = ..., /
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Given the number of samples, or of what `unit` says: a context with a function that counts them."""


@dataclass(frozen=True)
class Int8Model:
    """A quantized graph, and the float graph of the same function whose tensors its own stand for.

    `reasons`: what was done for this model in particular, and why; for the bundle's decisions.
    """

    quantized: onnx.ModelProto
    twin: onnx.ModelProto
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Aims:
    """What the model is made for.

    `method`: the rule that ranges of activations are chosen by.
    `on_cpu`: it runs on ONNX Runtime's own kernels, and may use what only they are good at.
    `float_share`: of the multiply-accumulates, that may stay float where rounding hurts most.
    `integer_results`: integer products write integers only, as TFLite's do.
    `refine`: ranges are refined by the error at the outputs, where that does not take too long.
    """

    integer: Integer
    on_cpu: bool = True
    float_share: float = 0.0
    method: Method = "mse"
    integer_results: bool = False
    refine: bool = False


@dataclass(frozen=True)
class _Draft:
    """A calibrated graph, and what is special in it."""

    graph: onnx.ModelProto
    ranges: Ranges
    floats: frozenset[str] = frozenset()
    two_part: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    reasons: tuple[tuple[str, str], ...] = ()

    def in_rows(self, float_results: frozenset[str], two_part: frozenset[str] = frozenset()) -> _Draft:
        """With pointwise convolutions as matrix products that give floats, or take their input in parts."""
        rows = as_rows(self.graph, float_results | two_part)
        moves = [rows.back[name] for name in float_results] + [rows.into[name] for name in two_part]
        seen = dict(self.ranges.histograms)
        seen |= {name: seen[of] for name, of in rows.tensors.items() if of in seen}
        return replace(
            self,
            graph=rows.model,
            ranges=replace(self.ranges, histograms=seen),
            floats=self.floats.union(*moves),
            two_part=self.two_part | two_part,
        )

    def spread(self, spread: Spread) -> _Draft:
        """With the graph in which some tensors have a scale for each channel."""
        ranges = replace(
            self.ranges,
            histograms={**self.ranges.histograms, **spread.histograms},
            grams=GramsAround(self.ranges.grams, spread.spans),
        )
        return replace(self, graph=spread.model, ranges=ranges, floats=self.floats | spread.floats)


@dataclass(frozen=True)
class Calibration:
    """The float graph that will be quantized, and what was learnt of its tensors.

    `shelved`: the graph, which waits on disk: quantizing changes it, and two would be in memory. `divided`:
    how many of its gates are divided by channel, see `quantize.divided`.
    """

    shelved: Shelved
    ranges: Ranges
    divided: int = 0

    @property
    def graph(self) -> onnx.ModelProto:
        """The graph, parsed anew each time."""
        return onnx.load_from_string(self.shelved.read())


def calibrate(
    prepared: Shelved,
    inputs: Inputs,
    count: int,
    progress: Progress,
    cache: Path | None = None,
    *,
    thrifty: bool = False,
) -> Calibration:
    """Make a prepared float graph easier to quantize, and learn from `count` samples.

    The graph comes from disk, so that none but the changed one is in memory. `inputs` yields the same
    samples each time; they run through the graph twice at most, in constant memory. In the folder `cache` a
    run that is interrupted leaves a checkpoint, from which the next one goes on. `thrifty`: only gates that
    need it are divided by channel, with few multiply-accumulates: where the worst operators stay float
    anyway, the others gain nothing.
    Raises DataError for samples that do not fit, ModelError for a graph that does not run or whose
    weights are no numbers.
    """
    divided = _equalized(prepared, inputs, count, progress, thrifty=thrifty)
    give_back()
    graph = divided.model
    checkpoint = None if cache is None else Checkpoint(cache, key_of(graph, count))
    with progress(count, "calibrating") as advance:
        ranges = observe(
            graph, _Anew(inputs), total=count, progress=advance, grams=True, checkpoint=checkpoint
        )
    give_back()
    return Calibration(shelve(serialized(graph)), ranges, divided.gates)


@dataclass(frozen=True)
class _Anew:
    """Samples that begin anew whenever they are iterated."""

    inputs: Inputs

    def __iter__(self) -> Iterator[Mapping[str, Array]]:
        return iter(self.inputs())


def to_int8(
    calibration: Calibration, inputs: Inputs, count: int, aims: Aims, progress: Progress
) -> Int8Model:
    """The QDQ model of a calibrated graph. The same samples give the same bytes, on any number of threads.

    `inputs` and `count` are those of `calibrate`. Raises ModelError for a graph that cannot be quantized.
    """
    draft = _Draft(calibration.graph, calibration.ranges, reasons=tuple(_divisions(calibration)))
    give_back()
    draft = _with_islands(draft, aims, inputs, progress)
    draft = _with_streams(draft, aims, inputs)
    draft = _with_reach(draft, aims, inputs, count, progress)
    if aims.refine:
        draft = _refined(draft, aims, inputs, count, progress)
    give_back()
    quantized = quantize_int8(
        draft.graph,
        draft.ranges,
        aims.integer,
        exclude=draft.floats,
        two_part=draft.two_part,
        doubled=draft.doubled,
        pad_channels=aims.on_cpu,
        method=aims.method,
        integer_results=aims.integer_results,
    )
    give_back()
    with progress(affordable(draft.graph, count), "correcting biases"):
        corrected = correct_biases(draft.graph, quantized, inputs, count)
    return Int8Model(corrected, draft.graph, draft.reasons)


def _divisions(calibration: Calibration) -> Iterator[tuple[str, str]]:
    count = calibration.divided
    if count:
        name = "an uneven gate" if count == 1 else f"{count} uneven gates"
        yield f"{name} divided by channel", "one scale would leave many of the channels few levels"


def _scales(draft: _Draft, placement: Placement, aims: Aims) -> dict[str, Affine]:
    form = activation_form(aims.integer)
    return choose_scales(GraphView(draft.graph), placement, draft.ranges, form, aims.method)


def _with_islands(draft: _Draft, aims: Aims, inputs: Inputs, progress: Progress) -> _Draft:
    """Operators in float where their rounding hurts most."""
    placement = place(GraphView(draft.graph), draft.floats, integer_results=aims.integer_results)
    if not aims.float_share or not placement.nodes:
        return draft
    meter = noise_meter(draft.graph, islice(inputs(), RANKING_SAMPLES))
    scales = _scales(draft, placement, aims)
    count = count_tensors(draft.graph, draft.floats, integer_results=aims.integer_results)
    with progress(count, "ranking tensors", "tensors") as advance:
        extra = MAX_EXTRA if aims.on_cpu and not aims.integer_results else 0.0
        found = choose_islands(
            draft.graph,
            draft.floats,
            scales,
            meter,
            aims.float_share,
            advance,
            max_extra=extra,
            integer_results=aims.integer_results,
        )
    if not found.gains:
        return draft
    worst = max(found.gains, key=lambda name: found.gains[name])
    why = f"{len(found.gains)} tensors keep their decimals, among them the noisiest, {worst}"
    reasons = (*draft.reasons, (f"{len(found.nodes)} operators in float", why))
    freed = draft.in_rows(found.float_results, found.two_part)
    return replace(freed, floats=freed.floats | found.nodes, reasons=reasons)


def _with_streams(draft: _Draft, aims: Aims, inputs: Inputs) -> _Draft:
    """Residual streams in float where they carry much of the noise."""
    view = GraphView(draft.graph)
    placement = place(view, draft.floats, integer_results=aims.integer_results)
    if not (aims.on_cpu or aims.integer_results) or not affordable_streams(view, placement):
        return draft
    meter = noise_meter(draft.graph, islice(inputs(), NOISE_SAMPLES))
    scales = _scales(draft, placement, aims)
    chosen = choose_streams(draft.graph, placement, scales, meter)
    reasons = tuple(
        (f"residual sum {name} in float", f"it carried {share:.0%} of the rounding noise")
        for name, share in sorted(chosen.shares.items())
    )
    draft = replace(
        draft,
        floats=draft.floats | chosen.adds,
        doubled=chosen.doubled,
        reasons=(*draft.reasons, *reasons),
    )
    channels = draft.ranges.channels
    draft = draft.spread(spread_inputs(draft.graph, chosen.readers, channels))
    if aims.integer_results:
        return draft.spread(spread_channels(draft.graph, chosen.float_results, channels))
    return draft.in_rows(chosen.float_results)


def _with_reach(draft: _Draft, aims: Aims, inputs: Inputs, count: int, progress: Progress) -> _Draft:
    """Ranges that reach as far as helps on samples that they were not learnt from."""
    placement = place(GraphView(draft.graph), draft.floats, integer_results=aims.integer_results)
    most = _comparable(draft.graph, count)
    if aims.method != "mse" or not placement.nodes or most < FEWEST_COMPARED:
        return draft
    graph = draft.graph
    # What is read in two parts is hardly rounded.
    finer = {node.input[0] for node in graph.graph.node if node.name in draft.two_part}
    step = count // most
    # In turns: samples of a kind often come together.
    starts = range(0, FOLDS * step, step)
    folds = [
        noise_meter(graph, islice(inputs(), start, most * step, len(starts) * step), many=True)
        for start in starts
    ]
    with progress(FOLDS + 1 + len(WIDER), "comparing ranges", "steps") as advance:
        seen, tried = list[Mapping[str, Histogram]](), list[Reach]()
        for fold in folds:
            ranges = observe(graph, fold.samples, total=len(fold.samples), progress=lambda _: None)
            seen.append(ranges.histograms)
            advance(1)

        def noise(reach: Reach) -> float:
            total = 0.0
            for index, fold in enumerate(folds):
                others = [one for other, one in enumerate(seen) if other != index]
                scales = _scales(_reaching(_as_seen(draft, others), reach), placement, aims)
                total += fold.of({name: one for name, one in scales.items() if name not in finer})
            tried.append(reach)
            advance(1)
            return total

        reach = choose_reach(noise)
        advance(1 + len(WIDER) - len(tried))
    if reach == NARROW:
        return draft
    why = "less noise on calibration samples that the ranges were not learnt from"
    how = f"widened by {reach.room - 1:.0%}" if reach.room > 1 else "clip less"
    return replace(_reaching(draft, reach), reasons=(*draft.reasons, (f"ranges {how}", why)))


def _comparable(graph: onnx.ModelProto, count: int) -> int:
    """How many of `count` samples there is time to compare ranges on."""
    macs = max(sum(count_macs(graph).values()), 1)
    return min(affordable(graph, count), max(FEWEST_COMPARED, int(COMPARING_MACS // macs)))


def _as_seen(draft: _Draft, histograms: Sequence[Mapping[str, Histogram]]) -> _Draft:
    """The draft as if calibration had seen no more than this."""
    merged = {name: merge([one[name] for one in histograms]) for name in histograms[0]}
    ranges = replace(draft.ranges, histograms={**draft.ranges.histograms, **merged})
    return replace(draft, ranges=ranges)


def _reaching(draft: _Draft, reach: Reach) -> _Draft:
    return replace(draft, ranges=replace(draft.ranges, reach=reach))


def _refined(draft: _Draft, aims: Aims, inputs: Inputs, count: int, progress: Progress) -> _Draft:
    """Ranges that err least at the outputs, where there are samples and time enough to look for them."""
    view = GraphView(draft.graph)
    placement = place(view, draft.floats, integer_results=aims.integer_results)
    runs = RUNS * len(placement.tensors) * max(sum(count_macs(draft.graph).values()), 1)
    most = min(int(REFINING_MACS // max(runs, 1)), MOST_REFINING, count // 2)
    if most < FEWEST_REFINING:
        return draft
    # In turns: samples of a kind often come together.
    step = count // (2 * most)
    every = (islice(inputs(), start, None, 2 * step) for start in (0, step))
    meter, judge = (noise_meter(draft.graph, islice(one, most)) for one in every)
    with progress(len(placement.tensors), "refining ranges", "tensors") as advance:
        scales = _scales(draft, placement, aims)
        factors = refine_ranges(view, placement, scales, meter, judge, advance)
    if not factors:
        return draft
    why = f"{len(factors)} tensors, by the error that each alone makes at the outputs"
    ranges = replace(draft.ranges, factors=factors)
    return replace(draft, ranges=ranges, reasons=(*draft.reasons, ("ranges refined", why)))


def _equalized(
    prepared: Shelved, inputs: Inputs, count: int, progress: Progress, *, thrifty: bool
) -> Divided:
    """A graph of the same function with channels more alike."""
    graph = add_biases(fold_factors(onnx.load_from_string(prepared.read())))
    view = GraphView(graph)
    check_weights(view)
    names = tuple(dict.fromkeys((*equalized_tensors(view), *gate_tensors(view))))
    if not names:
        return Divided(graph)
    most = affordable(graph, count)
    with progress(most, "equalizing channels") as advance:
        few = islice(inputs(), most)
        ranges = channel_extremes(graph, names, few, total=count, progress=advance)
    equal = infer_shapes(equalize(graph, ranges))
    return divide_gates(equal, ranges, thrifty=thrifty)
