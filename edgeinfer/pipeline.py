"""One model on one stream: preprocess, infer, postprocess, a result for each frame."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from edgeinfer.backends import Backend, BackendOptions, open_backend, options_for
from edgeinfer.errors import EdgeInferError, ModelError
from edgeinfer.frames import Frame, TensorInfo
from edgeinfer.processing.postprocess import Postprocessor, build_postprocessor
from edgeinfer.processing.preprocess import Preprocessor, build_preprocessor
from edgeinfer.processing.results import Latency, Result, timestamp
from edgeinfer.processing.spec import InputSpec, PipelineSpec
from edgeinfer.strict import replace

if TYPE_CHECKING:
    from edgeinfer.bundle.reader import Bundle


class Pipeline:
    """A loaded bundle that turns frames into results. For one thread; a context manager.

    `open_pipeline` makes one from a bundle; tests may give their own parts.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        backend: Backend,
        preprocess: Preprocessor,
        postprocess: Postprocessor,
        *,
        device: str,
        stream: str,
    ) -> None:
        self._spec = spec
        self._backend = backend
        self._preprocess = preprocess
        self._postprocess = postprocess
        self._device = device
        self._stream = stream
        self._input_name = backend.inputs[0].name
        self._model = f"{spec.model.name}@{spec.model.version}"

    @property
    def source_spec(self) -> InputSpec:
        """What a source has to give."""
        return self._spec.input[0]

    @property
    def name(self) -> str:
        """The model's name and version, such as person@1.0.0."""
        return self._model

    @property
    def backend(self) -> Backend:
        """The loaded model."""
        return self._backend

    @property
    def preprocess(self) -> Preprocessor:
        """What makes the model's input from a frame's data."""
        return self._preprocess

    def process(self, frame: Frame) -> Result:
        """The result of a frame. Raises DataError for a frame that does not fit, ModelError."""
        started_s = time.perf_counter()
        prepared = self._preprocess(frame.data)
        tensors = {self._input_name: prepared.tensor}
        prepared_s = time.perf_counter()
        outputs = self._backend.run(tensors)
        inferred_s = time.perf_counter()
        outcome = self._postprocess(outputs, tensors, prepared.geometry)
        decoded_s = time.perf_counter()
        return Result(
            device=self._device,
            stream=self._stream,
            sequence=frame.sequence,
            captured_at=timestamp(frame.captured_at),
            age_ms=(time.monotonic() - frame.captured_s) * 1e3,
            model=self._model,
            task=self._spec.model.task,
            frame=frame.size,
            latency_ms=Latency(
                preprocess=(prepared_s - started_s) * 1e3,
                infer=(inferred_s - prepared_s) * 1e3,
                postprocess=(decoded_s - inferred_s) * 1e3,
            ),
            outcome=outcome,
            name=frame.name,
        )

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._backend.__exit__(kind, error, trace)


def open_pipeline(
    bundle: Bundle,
    *,
    threads: int | None = None,
    device: str,
    stream: str,
    cache: Path | None = None,
    processor_only: bool = False,
) -> Pipeline:
    """Load the model of a bundle and build what goes around it.

    `threads` and `cache` (the folder for built engines) go to `options_for`; `processor_only` runs a
    model for another device on this machine's processor, whatever its profile requires. Raises
    ModelError, MissingRuntimeError, CompatibilityError, SettingsError.
    """
    model = bundle.manifest.model
    options = options_for(bundle.profile, model.format, threads=threads, cache=cache)
    if processor_only:
        options = BackendOptions(threads=options.threads)
    backend = open_backend(bundle.model(), model.format, options)
    try:
        return assemble(
            bundle.pipeline,
            backend,
            labels=bundle.labels,
            inputs=_quantized_as(backend.inputs, model.inputs),
            outputs=_quantized_as(backend.outputs, model.outputs),
            device=device,
            stream=stream,
        )
    except EdgeInferError:
        backend.__exit__(None, None, None)
        raise


def assemble(
    spec: PipelineSpec,
    backend: Backend,
    *,
    labels: tuple[str, ...] = (),
    inputs: tuple[TensorInfo, ...] | None = None,
    outputs: tuple[TensorInfo, ...] | None = None,
    device: str,
    stream: str,
) -> Pipeline:
    """A pipeline around a loaded model; `inputs` and `outputs` replace what the model says of itself.

    Raises ModelError, SettingsError, MissingRuntimeError.
    """
    inputs = backend.inputs if inputs is None else inputs
    outputs = backend.outputs if outputs is None else outputs
    if len(spec.input) != 1 or len(inputs) != 1:
        raise ModelError(
            f"a stream feeds models of one input; this one has {len(inputs)}, its pipeline {len(spec.input)}"
        )
    if spec.input[0].name not in ("", inputs[0].name):
        raise ModelError(f"the model's input is `{inputs[0].name}`, the pipeline's `{spec.input[0].name}`")
    preprocess = build_preprocessor(spec.input[0], inputs[0])
    postprocess = build_postprocessor(spec, labels, outputs, inputs)
    return Pipeline(spec, backend, preprocess, postprocess, device=device, stream=stream)


def _quantized_as(found: tuple[TensorInfo, ...], written: tuple[TensorInfo, ...]) -> tuple[TensorInfo, ...]:
    """ONNX has no place for the quantization of an input or output; the manifest has."""
    known = {one.name: one.quantization for one in written}
    return tuple(
        replace(one, quantization=known[one.name]) if one.quantization is None and one.name in known else one
        for one in found
    )
