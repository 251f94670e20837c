"""Emitting a model in one precision after the other, until one is good enough."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import onnx

from edgeinfer.backends import Backend, BackendOptions, open_backend
from edgeinfer.errors import BudgetError
from edgeinfer_converters.emitting.choose import Candidate, Decision, Emitted, Plan
from edgeinfer_converters.emitting.model_file import ModelFile
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.judging.estimate import Forecast
from edgeinfer_converters.judging.measure import Timing, measure
from edgeinfer_converters.judging.verify import Comparison, compare
from edgeinfer_converters.progress import announce, track
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.sources.source import serialized


@dataclass(frozen=True)
class EmittedModel:
    """A model that runs, and how it compares; its speed is either measured or estimated, or not known.

    `quantized_from`: of int8 and mixed models the float graph that they were made from. `written_from`: the
    ONNX graph of a file in another format. `decisions`: what was done for this model in particular. `note`:
    what else its precision says too little of, for the report.
    """

    precision: Emitted
    file: ModelFile
    comparison: Comparison
    timing: Timing | None = None
    forecast: Forecast | None = None
    quantized_from: Shelved | None = None
    written_from: Shelved | None = None
    decisions: tuple[Decision, ...] = ()
    note: str = ""

    @property
    def twin(self) -> onnx.ModelProto | None:
        """The float graph that it was quantized from, parsed anew; None for other precisions."""
        return _read(self.quantized_from)

    @property
    def graph(self) -> onnx.ModelProto | None:
        """The ONNX graph of the file, parsed anew; None for a TFLite file that is packed as it is."""
        if self.file.model_format == "onnx":
            return onnx.load_from_string(self.data)
        return _read(self.written_from)

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.file.data


def _read(graph: Shelved | None) -> onnx.ModelProto | None:
    return None if graph is None else onnx.load_from_string(graph.read())


@dataclass(frozen=True)
class Fault:
    """Why a candidate is passed over."""

    reason: str
    inaccurate: bool


@dataclass(frozen=True)
class Outcome:
    """What was chosen, what was tried before it, and why."""

    chosen: EmittedModel
    rejected: tuple[EmittedModel, ...]
    decisions: tuple[Decision, ...]


def emit_best(workshop: Workshop, plan: Plan) -> Outcome:
    """The first candidate that keeps the budget and is no slower than float.

    Without labelled data, which alone tell whether the budget is kept, what is hardly like the float model is
    passed over, unless nothing is left.
    Raises BudgetError if the last one misses the budget, ModelError for a model that does not run.
    """
    decisions: list[Decision] = []
    rejected: list[EmittedModel] = []
    waiting = list(plan.candidates)
    while True:
        candidate = waiting.pop(0)
        emitted = _emit(workshop, candidate)
        fault = _fault(emitted, workshop.max_drop)
        waiting = [one for one in waiting if not one.for_accuracy or (fault and fault.inaccurate)]
        if fault is None or not waiting:
            _hold_budget(emitted, workshop.max_drop)
            decisions.append(Decision(what="precision", choice=candidate.precision, reason=candidate.reason))
            return Outcome(emitted, tuple(rejected), (*decisions, *emitted.decisions))
        decisions.append(Decision(what="passed over", choice=candidate.title, reason=fault.reason))
        rejected.append(emitted)


def _emit(workshop: Workshop, candidate: Candidate) -> EmittedModel:
    made = _converted(workshop, candidate)
    give_back()
    options = workshop.options
    samples = track(
        workshop.data.verification, workshop.data.verification_count, f"verifying {candidate.title}"
    )
    with made.file.open(options) as converted:
        if workshop.prepared is None:
            comparison = compare(None, converted, samples, workshop.spec, workshop.labels)
            return EmittedModel(candidate.precision, made.file, comparison)
        # The model as it came, not the cleaned graph: what cleaning breaks shows here too.
        with open_backend(workshop.source.data, workshop.source.model_format, options) as reference:
            give_back()  # to open models takes more memory than to run them
            comparison = compare(reference, converted, samples, workshop.spec, workshop.labels)
            timing = _time(workshop, candidate, reference, converted, options)
    emitted = EmittedModel(
        candidate.precision,
        made.file,
        comparison,
        timing,
        quantized_from=made.quantized_from,
        written_from=made.written_from,
        decisions=made.decisions,
    )
    return replace(emitted, forecast=_forecast(workshop, emitted))


@dataclass(frozen=True)
class _Converted:
    """`written_from`: only where the file itself is no graph."""

    file: ModelFile
    written_from: Shelved | None = None
    quantized_from: Shelved | None = None
    decisions: tuple[Decision, ...] = ()


def _converted(workshop: Workshop, candidate: Candidate) -> _Converted:
    if workshop.prepared is None:
        return _Converted(ModelFile(workshop.source.data, workshop.source.model_format))
    announce(f"emitting {candidate.title}")
    if candidate.precision in ("int8", "mixed"):
        made = workshop.int8(candidate.float_share)
        decisions = tuple(
            Decision(what="quantization", choice=choice, reason=reason) for choice, reason in made.reasons
        )
        return _filed(workshop, workshop.tailed(made), shelve(serialized(made.twin)), decisions)
    graph = onnx.load_from_string(workshop.prepared.read())
    return _filed(workshop, graph, half=candidate.precision == "float16")


def _filed(
    workshop: Workshop,
    graph: onnx.ModelProto,
    quantized_from: Shelved | None = None,
    decisions: tuple[Decision, ...] = (),
    *,
    half: bool = False,
) -> _Converted:
    file = workshop.write(graph, half=half)
    written_from = None if file.model_format == "onnx" else shelve(serialized(graph))
    if file.narrowed:
        lost = Decision(what="float64", choice="computed in float32", reason=file.narrowed)
        decisions = (*decisions, lost)
    return _Converted(file, written_from, quantized_from, decisions)


def _time(
    workshop: Workshop,
    candidate: Candidate,
    reference: Backend,
    converted: Backend,
    options: BackendOptions,
) -> Timing | None:
    if not workshop.timed or candidate.precision == "float32" or workshop.prepared is None:
        return None
    inputs = next(iter(workshop.data.verification)).inputs
    announce("measuring speed")
    with contextlib.ExitStack() as opened:
        if workshop.model_format != workshop.source.model_format:
            # What could be had instead is the float graph in the same runtime, not the source in another.
            whole = onnx.load_from_string((workshop.unpruned or workshop.prepared).read())
            reference = opened.enter_context(workshop.write(whole).open(options))
        return measure(lambda: reference.run(inputs), lambda: converted.run(inputs), threads=options.threads)


def _forecast(workshop: Workshop, emitted: EmittedModel) -> Forecast | None:
    """What the profile's costs say of the float and the converted graph, where nothing can be measured."""
    if workshop.timed or workshop.estimator is None or emitted.precision == "float16":
        return None
    graph, converted = workshop.whole_graph, emitted.graph
    return None if graph is None or converted is None else workshop.estimator.forecast(graph, converted)


def _fault(emitted: EmittedModel, max_drop: float) -> Fault | None:
    """Why a candidate is passed over. No timings in the words: they go into the bundle."""
    accuracy = emitted.comparison.accuracy
    if accuracy is not None and accuracy.drop is not None and accuracy.drop > max_drop:
        lost = f"loses {accuracy.drop:.4f} {accuracy.metric}, more than --max-drop {max_drop:g}"
        return Fault(lost, inaccurate=True)
    noisy = emitted.comparison.noisy_output
    if accuracy is None and noisy is not None:
        sqnr = f"output `{noisy}` has an SQNR of {emitted.comparison.sqnr_db[noisy]:.1f} dB only"
        return Fault(sqnr, inaccurate=True)
    if emitted.timing is not None and emitted.timing.slower:
        slower = "slower than float here, and this machine has the profile's instruction set"
        return Fault(slower, inaccurate=False)
    if emitted.forecast is not None and emitted.forecast.slower:
        return Fault("slower than float there, as estimated from published times", inaccurate=False)
    return None


def _hold_budget(emitted: EmittedModel, max_drop: float) -> None:
    accuracy = emitted.comparison.accuracy
    if accuracy is None or accuracy.drop is None or accuracy.reference is None or accuracy.drop <= max_drop:
        return
    raise BudgetError(
        f"the {emitted.precision} model loses {accuracy.drop:.4f} {accuracy.metric} "
        f"({accuracy.reference:.4f} -> {accuracy.converted:.4f} on {accuracy.samples} samples), "
        f"more than --max-drop {max_drop:g} allows; nothing was written",
        hint="--precision auto falls back to a wider type; more typical calibration data often help",
    )
