"""The chain: import, prepare, calibrate, quantize, emit, verify, pack, sign. A call a step."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import onnx

from edgeinfer.backends import BackendOptions, ModelFormat, open_backend
from edgeinfer.bundle.keys import DEVELOPMENT_NAME, PrivateKey, development_key, load_private_key
from edgeinfer.errors import ModelError, SettingsError, UsageError
from edgeinfer.frames import TensorInfo
from edgeinfer.host import Host, detect_host, host_profile
from edgeinfer.places import user_trust_folder
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Profile, load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.advice import advice
from edgeinfer_converters.choose import (
    Decision,
    Format,
    Plan,
    Precision,
    Wishes,
    make_plan,
    same_instruction_set,
)
from edgeinfer_converters.data import Data, open_data
from edgeinfer_converters.emit import EmittedModel, Outcome, Workshop, emit_best, local_options
from edgeinfer_converters.estimate import find_estimator
from edgeinfer_converters.golden import golden_members, tolerance_db
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.heap import give_back
from edgeinfer_converters.pack import Parcel, pack
from edgeinfer_converters.progress import announce, track
from edgeinfer_converters.provenance import (
    Options,
    Provenance,
    data_fact,
    file_fact,
    source_facts,
    tool_versions,
)
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.report import (
    BundleFacts,
    IntegerFacts,
    ModelFacts,
    Report,
    Trial,
    check_report_folder,
    write_report,
)
from edgeinfer_converters.resolve import PipelineFile, read_pipeline, resolve_pipeline
from edgeinfer_converters.saturation import Saturated, saturated_tensors
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.source import Source, check_readable, prepared_graph, read_source, serialized
from edgeinfer_converters.threshold import learn_threshold, needs_threshold

HOST = "host"


@dataclass(frozen=True)
class BuildOptions:
    """The command line of `build`."""

    model: Path
    profile: str
    pipeline: Path
    output: Path
    calibration: Path | None = None
    evaluation: Path | None = None
    model_format: Format = "auto"
    precision: Precision = "auto"
    prune: str = "none"
    max_drop: float = 0.01
    effort: str = "default"
    key: Path | None = None
    report: Path | None = None
    seed: int = 0


def build(options: BuildOptions) -> Report:
    """Make a bundle. Raises EdgeInferError, and then nothing was written."""
    check_destinations(options)
    key = _key(options)
    host = detect_host()
    profile = find_profile(options.profile, host)
    file = read_pipeline(options.pipeline)
    announce(f"reading {options.model.name}")
    source = read_source(options.model)
    plan = make_plan(source.model_format, profile, _wishes(options), quantized=source.quantized)
    workshop = _furnish(options, source, plan, profile, file, host)
    give_back()
    outcome = emit_best(workshop, plan)
    emitted = outcome.chosen
    spec = _with_threshold(workshop, emitted)
    golden, golden_count = _golden(workshop, emitted, spec)
    decisions = (*plan.decisions, *outcome.decisions)
    parcel = Parcel(
        model=emitted.data,
        model_format=plan.model_format,
        precision=emitted.precision,
        pipeline=spec,
        labels=file.labels,
        profile=profile,
        runtime=plan.runtime,
        golden=golden,
        provenance=_provenance(options, workshop.data, emitted, decisions),
    )
    warnings = (*plan.warnings, *_advice(options, workshop, emitted))
    announce(f"writing {options.output.name}")
    pack(parcel, options.output, key)
    report = _report(options, workshop, parcel, outcome, golden_count, warnings)
    if options.report is not None:
        report = _write_details(options.report, report, workshop, emitted, parcel)
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


def _wishes(options: BuildOptions) -> Wishes:
    return Wishes(
        model_format=options.model_format,
        precision=options.precision,
        prune=options.prune,
        calibrated=options.calibration is not None,
    )


def _furnish(
    options: BuildOptions, source: Source, plan: Plan, profile: Profile, file: PipelineFile, host: Host
) -> Workshop:
    as_is = plan.candidates[0].precision == "as-is"
    if as_is:
        check_readable(source, profile, plan.runtime)
        data, prepared = source.data, None
    else:
        announce("preparing the graph")
        data = serialized(prepared_graph(source, plan.runtime))
        prepared = shelve(data)
    inputs, outputs = _tensors(source, data, plan.model_format, profile)
    spec = resolve_pipeline(file, inputs, outputs)
    if needs_threshold(spec) and options.calibration is None:
        raise UsageError(
            f'{file.path}: threshold = "auto" is learnt from --calibration data, and there are none',
            hint="give --calibration with normal data, or a number as the threshold",
        )
    samples = open_data(
        options.calibration,
        options.evaluation,
        spec,
        file.labels,
        inputs,
        effort=options.effort,
        seed=options.seed,
    )
    on_cpu = _runs_on_cpu(plan)
    timed = same_instruction_set(host, profile) and on_cpu
    return Workshop(
        source=source,
        prepared=prepared,
        spec=spec,
        labels=file.labels,
        profile=profile,
        host=host,
        data=samples,
        max_drop=options.max_drop,
        timed=timed,
        estimator=find_estimator(profile, plan.runtime.name) if on_cpu else None,
        on_cpu=on_cpu,
        effort=options.effort,
        model_format=plan.model_format,
    )


def _tensors(
    source: Source, data: bytes, model_format: ModelFormat, profile: Profile
) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Inputs and outputs from the runtime, as on the device: not all have a shape in the file."""
    try:
        with open_backend(data, model_format, local_options(profile)) as backend:
            return backend.inputs, backend.outputs
    except ModelError as error:
        raise ModelError(f"{source.path}: {error.message}", hint=error.hint) from error


def _runs_on_cpu(plan: Plan) -> bool:
    return set(plan.runtime.providers) <= {"CPUExecutionProvider"}


def _with_threshold(workshop: Workshop, emitted: EmittedModel) -> PipelineSpec:
    samples = workshop.data.all_calibration
    if not needs_threshold(workshop.spec) or samples is None:
        return workshop.spec
    with open_backend(emitted.data, workshop.model_format, BackendOptions()) as backend:
        return learn_threshold(backend, track(samples, len(samples), "learning the threshold"), workshop.spec)


def _golden(workshop: Workshop, emitted: EmittedModel, spec: PipelineSpec) -> tuple[dict[str, bytes], int]:
    # One thread: what goes into the bundle must not depend on how many cores this machine has.
    with open_backend(emitted.data, workshop.model_format, BackendOptions()) as backend:
        tolerance = tolerance_db(emitted.precision, spec, emitted.comparison.worst_sqnr_db)
        return golden_members(
            backend,
            workshop.data.verification,
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
                precision=one.precision,
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
        integer=_integer(parcel),
        development_key="" if options.key else str(user_trust_folder() / DEVELOPMENT_NAME),
    )


def _advice(options: BuildOptions, workshop: Workshop, emitted: EmittedModel) -> tuple[str, ...]:
    calibration, evaluation = workshop.calibrated_on, workshop.data.evaluation
    saturated: tuple[Saturated, ...] = ()
    if emitted.twin is not None and calibration is not None and evaluation is not None:
        quantized = onnx.load_from_string(emitted.data)
        inputs = ((sample.inputs for sample in samples) for samples in (calibration, evaluation))
        saturated = saturated_tensors(emitted.twin, infer_shapes(quantized), *inputs)
    return advice(calibration, emitted.comparison, options.max_drop, saturated, workshop.oddities)


def _write_details(
    folder: Path, report: Report, workshop: Workshop, emitted: EmittedModel, parcel: Parcel
) -> Report:
    """Both files of `--report`; the report with the details that only they are worth."""
    from edgeinfer_converters.report.examine import Subject, examine  # pictures bring OpenCV

    data = workshop.data
    subject = Subject(
        emitted=emitted.data,
        model_format=parcel.model_format,
        precision=emitted.precision,
        graph=emitted.twin or workshop.graph,
        spec=parcel.pipeline,
        labels=parcel.labels,
        samples=data.verification,
        count=data.verification_count,
    )
    found = examine(subject, parcel.provenance, workshop.source.data, workshop.source.model_format)
    report = replace(report, details=found.details)
    write_report(folder, report, found.pictures)
    return report


def _integer(parcel: Parcel) -> IntegerFacts | None:
    if parcel.precision not in ("int8", "mixed") or parcel.model_format != "onnx":
        return None
    found = integer_share(infer_shapes(onnx.load_from_string(parcel.model)))
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
