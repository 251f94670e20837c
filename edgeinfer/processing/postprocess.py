"""From the model's outputs to what they mean: the decoder of each task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.anomaly import AnomalyDecoder
from edgeinfer.processing.classification import ClassificationDecoder
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.raw import RawDecoder
from edgeinfer.processing.regression import RegressionDecoder
from edgeinfer.processing.results import Outcome
from edgeinfer.processing.spec import (
    AnomalyOutput,
    ClassificationOutput,
    DetectionOutput,
    ImageInput,
    PipelineSpec,
    RegressionOutput,
)
from edgeinfer.processing.ssd import SsdDecoder
from edgeinfer.processing.ultraface import UltrafaceDecoder
from edgeinfer.processing.yolox import YoloxDecoder

_REAL = ("float32", "uint8", "int8")
"""Types that real numbers are given in."""


class Postprocessor(Protocol):
    """Decodes the outputs for one frame. A pure function."""

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Outcome:
        """What the outputs mean; `inputs` are the model's inputs. Raises ModelError for NaN and infinity."""


def build_postprocessor(
    spec: PipelineSpec,
    labels: tuple[str, ...],
    outputs: tuple[TensorInfo, ...],
    inputs: tuple[TensorInfo, ...] = (),
) -> Postprocessor:
    """The postprocessor of a pipeline for a model with these outputs.

    `inputs` are the model's; only anomaly detection with a quantized input needs them. Raises
    ModelError or SettingsError if they do not go together.
    """
    if not outputs:
        raise ModelError("the model has no outputs")
    output = spec.output
    _check_types(output.dtype, outputs)
    if isinstance(output, ClassificationOutput):
        return ClassificationDecoder(output, labels, outputs[0])
    if isinstance(output, DetectionOutput):
        return _detection(spec, output, labels, outputs)
    if isinstance(output, AnomalyOutput):
        return _anomaly(output, outputs, inputs)
    if isinstance(output, RegressionOutput):
        return RegressionDecoder(output, outputs)
    return RawDecoder(outputs)


def _check_types(wanted: str, outputs: tuple[TensorInfo, ...]) -> None:
    """Raises ModelError if real numbers come in another type than the pipeline says; counts may be of any."""
    wrong = next((one for one in outputs if one.dtype in _REAL and wanted not in ("auto", one.dtype)), None)
    if wrong is not None:
        raise ModelError(
            f"output.dtype is {wanted}, the model's output `{wrong.name}` is of {wrong.dtype}",
            hint='leave it out, or write "auto": a model keeps the output type that it comes with',
        )


def _detection(
    spec: PipelineSpec, output: DetectionOutput, labels: tuple[str, ...], outputs: tuple[TensorInfo, ...]
) -> Postprocessor:
    image = spec.input[0]
    if not isinstance(image, ImageInput):
        raise SettingsError("detection needs an image as its first input")
    if output.decode == "ssd":
        return SsdDecoder(output, labels, outputs, image.size)
    if output.decode == "ultraface":
        return UltrafaceDecoder(output, labels, outputs, image.size)
    return YoloxDecoder(output, labels, outputs[0], image.size)


def _anomaly(
    output: AnomalyOutput, outputs: tuple[TensorInfo, ...], inputs: tuple[TensorInfo, ...]
) -> Postprocessor:
    if output.threshold == "auto":
        raise SettingsError(
            "the anomaly threshold is still `auto`", hint="the converter learns it from calibration data"
        )
    return AnomalyDecoder(output.score, output.threshold, inputs[0] if inputs else None, outputs[0])
