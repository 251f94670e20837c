"""The chain: import, prepare, calibrate, quantize, emit, verify, pack, sign. A call a step."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import onnx

from edgeinfer.backends import open_backend
from edgeinfer.bundle.keys import DEVELOPMENT_NAME, PrivateKey, development_key, load_private_key
from edgeinfer.errors import SettingsError
from edgeinfer.host import Host, detect_host, host_profile
from edgeinfer.places import user_trust_folder
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Profile, load_profile
from edgeinfer.strict import replace
from edgeinfer_converters import heap
from edgeinfer_converters.building.advice import advice
from edgeinfer_converters.building.furnish import furnish
from edgeinfer_converters.building.options import BuildOptions
from edgeinfer_converters.building.pack import Parcel, pack
from edgeinfer_converters.building.resolve import read_pipeline
from edgeinfer_converters.building.saturation import Saturated, saturated_tensors
from edgeinfer_converters.building.threshold import learn_threshold, needs_threshold
from edgeinfer_converters.emitting.choose import Decision, make_plans
from edgeinfer_converters.emitting.data import Data
from edgeinfer_converters.emitting.emit import EmittedModel, Outcome
from edgeinfer_converters.emitting.golden import golden_members, tolerance_db
from edgeinfer_converters.emitting.oriented import TurnedSamples, device_spec
from edgeinfer_converters.emitting.pruning import emit_pruned
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.progress import announce, track
from edgeinfer_converters.provenance import (
    Options,
    Provenance,
    data_fact,
    file_fact,
    source_facts,
)
from edgeinfer_converters.quantize.share import integer_share, stated_share
from edgeinfer_converters.report import (
    BundleFacts,
    IntegerFacts,
    ModelFacts,
    Report,
    Trial,
    check_report_folder,
    write_report,
)
from edgeinfer_converters.sources.source import read_source
from edgeinfer_converters.tools import tool_versions

HOST = "host"


def build(options: BuildOptions) -> Report:
    """Make a bundle. Raises EdgeInferError, and then nothing was written."""
    heap.share()
    check_destinations(options)
    key = _key(options)
    host = detect_host()
    profile = find_profile(options.profile, host)
    file = read_pipeline(options.pipeline)
    announce(f"reading {options.model.name}")
    source = read_source(options.model)
    plans = make_plans(source.model_format, profile, options.wishes, quantized=source.quantized)
    workshops = furnish(options, source, plans, profile, file, host)
    heap.give_back()
    plan, workshop, outcome = emit_pruned(options.prune, plans, workshops)
    emitted = outcome.chosen
    spec = _with_threshold(workshop, emitted)
    golden, golden_count = _golden(workshop, emitted, spec)
    decisions = (*plan.decisions, *outcome.decisions)
    parcel = Parcel(
        model=emitted.data,
        model_format=plan.model_format,
        precision=emitted.precision,
        pipeline=device_spec(spec, emitted.file.layouts, emitted.file.integers),
        labels=file.labels,
        profile=profile,
        runtime=plan.runtime,
        golden=golden,
        provenance=_provenance(options, workshop.data, emitted, decisions),
    )
    warnings = (*plan.warnings, *workshop.warnings, *_advice(options, workshop, emitted))
    announce(f"writing {options.output.name}")
    pack(parcel, options.output, key)
    report = _report(options, workshop, parcel, outcome, golden_count, warnings)
    if options.report is not None:
        report = _write_details(options.report, report, workshop, emitted, parcel, spec)
    return report


def find_profile(name: str, host: Host | None = None) -> Profile:
    """An installed profile; `host` is the one that this machine matches. Raises SettingsError."""
    return host_profile(host or detect_host()) if name == HOST else load_profile(name)


def check_destinations(options: BuildOptions) -> None:
    """Find out before the long steps whether the results can be written. Raises UsageError."""
    folder = options.output.parent
    if options.output.is_dir():
        raise SettingsError(f"{options.output}: is a folder", hint="-o takes the name of a file, OUT.eib")
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder", hint=f"make it first: mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"{folder}: cannot be written", hint="choose another place for -o")
    if options.report is not None:
        check_report_folder(options.report)


def _key(options: BuildOptions) -> PrivateKey:
    return development_key() if options.key is None else load_private_key(options.key)


def _with_threshold(workshop: Workshop, emitted: EmittedModel) -> PipelineSpec:
    samples = workshop.data.all_calibration
    if not needs_threshold(workshop.spec) or samples is None:
        return workshop.spec
    with emitted.file.open(workshop.options) as backend:
        return learn_threshold(backend, track(samples, len(samples), "learning the threshold"), workshop.spec)


def _golden(workshop: Workshop, emitted: EmittedModel, spec: PipelineSpec) -> tuple[dict[str, bytes], int]:
    # One thread: what goes into the bundle must not depend on how many cores this machine has.
    options = dataclasses.replace(workshop.options, threads=1)
    with open_backend(emitted.data, workshop.model_format, options) as backend:
        tolerance = tolerance_db(emitted.precision, spec, emitted.comparison.worst_sqnr_db)
        return golden_members(
            backend,
            TurnedSamples(workshop.data.verification, emitted.file.layouts, backend.inputs),
            spec,
            min_sqnr_db=tolerance,
            model_bytes=len(emitted.data),
        )


def _provenance(
    options: BuildOptions, data: Data, emitted: EmittedModel, decisions: tuple[Decision, ...]
) -> Provenance:
    calibration, evaluation = data.all_calibration, data.evaluation
    return Provenance(
        schema=1,
        source=source_facts(options.model),
        pipeline=file_fact(options.pipeline),
        calibration=data_fact(options.calibration, calibration)
        if options.calibration and calibration
        else None,
        evaluation=data_fact(options.evaluation, evaluation) if options.evaluation and evaluation else None,
        options=Options(
            format=options.model_format,
            precision=options.precision,
            prune=options.prune,
            max_drop=options.max_drop,
            effort=options.effort,
            seed=options.seed,
        ),
        decisions=decisions,
        comparison=emitted.comparison,
        tools=tool_versions(),
    )


def _report(
    options: BuildOptions,
    workshop: Workshop,
    parcel: Parcel,
    outcome: Outcome,
    golden_samples: int,
    warnings: tuple[str, ...],
) -> Report:
    emitted = outcome.chosen
    with options.output.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    model = parcel.pipeline.model
    return Report(
        schema=1,
        bundle=BundleFacts(path=str(options.output), size_bytes=options.output.stat().st_size, sha256=digest),
        model=ModelFacts(
            name=model.name,
            version=model.version,
            task=model.task,
            format=parcel.model_format,
            precision=parcel.precision,
            size_bytes=len(parcel.model),
            source_size_bytes=sum(fact.size_bytes for fact in parcel.provenance.source),
        ),
        profile=parcel.profile.name,
        decisions=parcel.provenance.decisions,
        data=workshop.data.described,
        comparison=emitted.comparison,
        max_drop=options.max_drop,
        warnings=warnings,
        golden_samples=golden_samples,
        rejected=tuple(
            Trial(
                precision=f"{one.precision}{one.note}",
                comparison=one.comparison,
                timing=one.timing,
                forecast=one.forecast,
                size_bytes=len(one.data),
            )
            for one in outcome.rejected
        ),
        timing=emitted.timing,
        forecast=emitted.forecast,
        timing_note=_timing_note(workshop, parcel, emitted),
        next_step=_next_step(options, parcel, workshop.host),
        integer=_integer(emitted, on_cpu=workshop.on_cpu),
        development_key="" if options.key else str(user_trust_folder() / DEVELOPMENT_NAME),
    )


def _advice(options: BuildOptions, workshop: Workshop, emitted: EmittedModel) -> tuple[str, ...]:
    calibration, evaluation = workshop.calibrated_on, workshop.data.evaluation
    saturated: tuple[Saturated, ...] = ()
    if emitted.quantized_from is not None and calibration and evaluation:
        twin, quantized = emitted.twin, emitted.graph
        inputs = ((sample.inputs for sample in samples) for samples in (calibration, evaluation))
        if twin is not None and quantized is not None:
            saturated = saturated_tensors(twin, infer_shapes(quantized), *inputs)
    return advice(calibration, emitted.comparison, options.max_drop, saturated, workshop.oddities)


def _write_details(
    folder: Path,
    report: Report,
    workshop: Workshop,
    emitted: EmittedModel,
    parcel: Parcel,
    spec: PipelineSpec,
) -> Report:
    """Both files of `--report`; the report with the details that only they are worth."""
    from edgeinfer_converters.report.examine import Subject, examine  # pictures bring OpenCV

    data = workshop.data
    subject = Subject(
        file=emitted.file,
        written=emitted.graph,
        precision=emitted.precision,
        graph=emitted.twin or workshop.graph,
        spec=spec,
        labels=parcel.labels,
        samples=data.verification,
        count=data.verification_count,
        on_cpu=workshop.on_cpu,
    )
    options = dataclasses.replace(workshop.options, threads=1)
    source = workshop.source
    found = examine(subject, parcel.provenance, source.data, source.model_format, options)
    report = replace(report, details=found.details)
    write_report(folder, report, found.pictures)
    return report


def _integer(emitted: EmittedModel, *, on_cpu: bool) -> IntegerFacts | None:
    if emitted.precision not in ("int8", "mixed"):
        return None
    if emitted.file.work is not None:
        work = emitted.file.work
        return IntegerFacts(macs=work.macs, integer_macs=work.integer_macs, float_nodes=work.floats)
    share_of = integer_share if on_cpu else stated_share
    found = share_of(infer_shapes(onnx.load_from_string(emitted.data)))
    return IntegerFacts(macs=found.macs, integer_macs=found.integer_macs, float_nodes=found.float_nodes)


def _next_step(options: BuildOptions, parcel: Parcel, host: Host) -> str:
    if parcel.profile.cpu.architecture != host.architecture:
        return f"copy it to the device, and there: edgeinfer install {options.output.name}"
    return f"edgeinfer bench {options.output}"


def _timing_note(workshop: Workshop, parcel: Parcel, emitted: EmittedModel) -> str:
    """Why the speed is neither measured nor estimated; empty where it is, or where it is the source's own."""
    if emitted.precision in ("as-is", "float32") or workshop.timed or emitted.forecast is not None:
        return ""
    device, runtime = workshop.profile.name, parcel.runtime.name
    what = f"{runtime} in {emitted.precision}" if workshop.estimator is not None else runtime
    return (
        f"neither measured, as this machine is no {device}, nor estimated: "
        f"too few times of {what} there are published"
    )
