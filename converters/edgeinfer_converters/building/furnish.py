"""What a build needs before anything is emitted: the graph, the pipeline, the data."""

from __future__ import annotations

from dataclasses import replace

from edgeinfer.backends import BackendOptions, ModelFormat, open_backend
from edgeinfer.errors import ModelError, UsageError
from edgeinfer.frames import TensorInfo
from edgeinfer.host import Host
from edgeinfer.processing.spec import AnomalyOutput, InputSpec, OutputSpec, PipelineSpec, TensorInput
from edgeinfer.profile import Profile, Runtime
from edgeinfer_converters.building.options import BuildOptions
from edgeinfer_converters.building.resolve import PipelineFile, resolve_pipeline
from edgeinfer_converters.building.threshold import needs_threshold
from edgeinfer_converters.emitting.choose import Plan, same_instruction_set
from edgeinfer_converters.emitting.data import Data, open_data
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.judging.estimate import find_estimator
from edgeinfer_converters.judging.local import local_options
from edgeinfer_converters.progress import announce
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.sources.source import Source, check_readable, prepared_graph, serialized
from edgeinfer_converters.tflite.forms import Forms


def furnish(
    options: BuildOptions,
    source: Source,
    plans: tuple[Plan, ...],
    profile: Profile,
    file: PipelineFile,
    host: Host,
) -> tuple[Workshop, ...]:
    """A workshop for each plan; they share graph, data and what calibration learns.

    Raises ModelError, SettingsError, DataError, UsageError.
    """
    prepared, model_format = _prepared(source, plans, profile, file.spec)
    data = source.data if prepared is None else prepared.read()
    inputs, outputs = _tensors(source, data, model_format, local_options(profile, host))
    spec = resolve_pipeline(file, inputs, outputs)
    first = Workshop(
        source=source,
        prepared=prepared,
        spec=spec,
        labels=file.labels,
        profile=profile,
        host=host,
        data=_data(options, spec, file, inputs),
        max_drop=options.max_drop,
        timed=False,
        effort=options.effort,
        forms=_forms(file.spec, spec, (inputs, outputs), plans),
    )
    return tuple(_for_plan(first, plan) for plan in plans)


def _forms(
    wanted: PipelineSpec,
    spec: PipelineSpec,
    tensors: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]],
    plans: tuple[Plan, ...],
) -> Forms:
    """How TFLite files take and give tensors. Raises UsageError for integers in files that cannot do so."""
    inputs, outputs = tensors
    taken = {
        one.name: wish.dtype for wish, one in zip(wanted.input, inputs, strict=True) if _differs(wish, one)
    }
    given = {one.name: wanted.output.dtype for one in outputs if _differs(wanted.output, one)}
    quantized = {one.precision for plan in plans for one in plan.candidates} & {"int8", "mixed"}
    if (taken or given) and (not quantized or any(plan.model_format != "tflite" for plan in plans)):
        role, verb = ("input", "takes") if taken else ("output", "gives")
        name, dtype = next(iter((taken or given).items()))
        raise UsageError(
            f'the pipeline wants the {role} `{name}` in {dtype} (dtype = "{dtype}"): only an int8 TFLite '
            f"file {verb} a float model's {role}s so",
            hint="--format tflite --precision int8, with --calibration; or leave `dtype` out",
        )
    as_is = frozenset(one.name for one in spec.input if isinstance(one, TensorInput))
    if not isinstance(spec.output, AnomalyOutput):
        return Forms(as_is, taken | given)
    # The device compares the first output with the first input, number by number.
    if outputs[0].shape[1:] == inputs[0].shape[1:]:
        return Forms(as_is, taken | given, {outputs[0].name: inputs[0].name})
    return Forms(as_is | {inputs[0].name}, taken | given)


def _differs(wish: InputSpec | OutputSpec, tensor: TensorInfo) -> bool:
    """Whether integers are wanted where the model has floats."""
    return wish.dtype in ("int8", "uint8") and tensor.dtype == "float32"


def _prepared(
    source: Source, plans: tuple[Plan, ...], profile: Profile, pipeline: PipelineSpec
) -> tuple[Shelved | None, ModelFormat]:
    """The cleaned float graph, None for a model that is packed as it is; and the format to look at."""
    if plans[0].candidates[0].precision == "as-is":
        check_readable(source, profile, plans[0].runtime)
        return None, source.model_format
    announce("preparing the graph")
    return shelve(serialized(prepared_graph(source, _reader(plans), pipeline))), "onnx"


def _reader(plans: tuple[Plan, ...]) -> Runtime:
    """The runtime that must be able to read the graph itself, if one must."""
    return next((plan.runtime for plan in plans if plan.model_format == "onnx"), plans[0].runtime)


def _data(
    options: BuildOptions, spec: PipelineSpec, file: PipelineFile, inputs: tuple[TensorInfo, ...]
) -> Data:
    if needs_threshold(spec) and options.calibration is None:
        raise UsageError(
            f'{file.path}: threshold = "auto" is learnt from --calibration data, and there are none',
            hint="give --calibration with normal data, or a number as the threshold",
        )
    return open_data(
        options.calibration,
        options.evaluation,
        spec,
        file.labels,
        inputs,
        effort=options.effort,
        seed=options.seed,
    )


def _for_plan(workshop: Workshop, plan: Plan) -> Workshop:
    on_cpu = set(plan.runtime.providers) <= {"CPUExecutionProvider"}
    return replace(
        workshop,
        timed=same_instruction_set(workshop.host, workshop.profile) and on_cpu,
        estimator=find_estimator(workshop.profile, plan.runtime.name) if on_cpu else None,
        on_cpu=on_cpu,
        model_format=plan.model_format,
    )


def _tensors(
    source: Source, data: bytes, model_format: ModelFormat, options: BackendOptions
) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Inputs and outputs from the runtime, as on the device: not all have a shape in the file."""
    try:
        with open_backend(data, model_format, options) as backend:
            return backend.inputs, backend.outputs
    except ModelError as error:
        raise ModelError(f"{source.path}: {error.message}", hint=error.hint) from error
