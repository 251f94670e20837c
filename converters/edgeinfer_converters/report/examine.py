"""The work behind the details of a report: both models once more, and a look inside."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import onnx

from edgeinfer.backends import Backend, BackendOptions, ModelFormat, open_backend
from edgeinfer.processing.postprocess import build_postprocessor
from edgeinfer.processing.results import Outcome
from edgeinfer.processing.spec import ClassificationOutput, PipelineSpec
from edgeinfer.strict import replace
from edgeinfer_converters.emitting.model_file import ModelFile
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.judging.evaluate import Judge
from edgeinfer_converters.judging.verify import run_checked
from edgeinfer_converters.progress import counted
from edgeinfer_converters.provenance import Provenance
from edgeinfer_converters.quantize.share import IntegerShare, integer_share, stated_share
from edgeinfer_converters.report.disagreement import Disagreements
from edgeinfer_converters.report.facts import Details, MemoryFacts, Quality
from edgeinfer_converters.report.kernels import float_nodes, kernel_counts, stored_bytes
from edgeinfer_converters.report.layers import MAX_SAMPLES, look_inside
from edgeinfer_converters.report.pictures import Picture, picture_of
from edgeinfer_converters.report.quality import COLLECTORS
from edgeinfer_converters.samples.sample import Sample

SHOWN_CLASSES = 5
ONE_THREAD = BackendOptions()
"""Sums in the same order on every machine, so that the same build gives the same page."""


@dataclass(frozen=True)
class Subject:
    """What is examined. `graph`: the float graph that was quantized, None for a model packed as it came.
    `written`: the graph that the file was written from.

    `spec` has its threshold learnt; `samples` can be iterated again and again, `count` are expected.
    `on_cpu`: the device computes on its processor, not on an accelerator.
    """

    file: ModelFile
    written: onnx.ModelProto | None
    precision: str
    graph: onnx.ModelProto | None
    spec: PipelineSpec
    labels: tuple[str, ...]
    samples: Iterable[Sample]
    count: int
    on_cpu: bool = True


@dataclass(frozen=True)
class Examination:
    """The details, and the pictures of the samples in `details.disagreements`."""

    details: Details
    pictures: tuple[Picture | None, ...]


def examine(
    subject: Subject,
    provenance: Provenance,
    source: bytes,
    source_format: ModelFormat = "onnx",
    options: BackendOptions = ONE_THREAD,
) -> Examination:
    """Run both models on all samples, and some samples through both graphs.

    `source` is the model as it came. Raises ModelError, DataError.
    """
    with contextlib.ExitStack() as open_models:
        converted = open_models.enter_context(subject.file.open(options))
        reference = None
        if subject.graph is not None:
            reference = open_models.enter_context(open_backend(source, source_format, options))
        quality, cases = _compare(subject, converted, reference)
    details = Details(
        provenance=provenance,
        quality=quality,
        compared=cases.compared,
        differing=cases.differing,
        disagreements=tuple(case.fact(subject.labels) for case in cases.worst),
    )
    pictures = tuple(
        picture_of(case.sample, subject.spec, case.reference, case.converted) for case in cases.worst
    )
    return Examination(_with_graphs(details, subject), pictures)


def _compare(
    subject: Subject, converted: Backend, reference: Backend | None
) -> tuple[Quality | None, Disagreements]:
    make = COLLECTORS.get(subject.spec.model.task)
    collector = make(subject.spec, subject.labels) if make else None
    judge = Judge(subject.spec, subject.labels, converted.outputs, converted.inputs)
    answer = build_postprocessor(_shown(subject.spec), subject.labels, converted.outputs, converted.inputs)
    cases, labelled = Disagreements(), 0
    with counted(subject.count, "examining for the report") as advance:
        for sample in subject.samples:
            outputs = run_checked(converted, sample)
            wanted = None if reference is None else reference.run(sample.inputs)
            if sample.truth is not None and collector is not None:
                labelled += 1
                expected: Outcome | None = None if wanted is None else judge.outcome(wanted, sample)
                collector.add(sample.truth, judge.outcome(outputs, sample), expected)
            if wanted is not None:
                both = [answer(one, sample.inputs, sample.geometry) for one in (wanted, outputs)]
                cases.add(sample, (both[0], both[1]), (wanted, outputs))
            advance(1)
    return collector.quality(labelled) if collector and labelled else None, cases


def _with_graphs(details: Details, subject: Subject) -> Details:
    if subject.graph is None or subject.written is None:
        return details
    graph = infer_shapes(subject.graph)
    emitted = infer_shapes(subject.written)
    memory = MemoryFacts(reference_bytes=stored_bytes(graph), converted_bytes=stored_bytes(emitted))
    if subject.precision not in ("int8", "mixed"):
        return replace(details, memory=memory)
    share = _share(subject, emitted)
    few = itertools.islice(subject.samples, MAX_SAMPLES)
    with counted(min(MAX_SAMPLES, subject.count), "comparing layer by layer") as advance:
        inside = look_inside(graph, emitted, few, frozenset(share.float_nodes), progress=advance)
    return replace(
        details,
        memory=memory,
        looked_into=inside.samples,
        layers=inside.layers,
        ranges=inside.ranges,
        float_nodes=float_nodes(emitted, share.float_nodes),
        kernels=kernel_counts(share.kernels),
    )


def _share(subject: Subject, emitted: onnx.ModelProto) -> IntegerShare:
    if subject.file.model_format != "onnx":
        return IntegerShare(0, 0, ())
    return integer_share(emitted) if subject.on_cpu else stated_share(emitted)


def _shown(spec: PipelineSpec) -> PipelineSpec:
    """As the device answers; but for the runners-up of a class, which make an answer understood."""
    if isinstance(spec.output, ClassificationOutput):
        return replace(spec, output=replace(spec.output, top_k=SHOWN_CLASSES, threshold=0.0))
    return spec
