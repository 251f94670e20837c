"""The decoder of each task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Quantization, TensorInfo
from edgeinfer.processing.anomaly import AnomalyDecoder
from edgeinfer.processing.classification import ClassificationDecoder
from edgeinfer.processing.postprocess import build_postprocessor
from edgeinfer.processing.raw import RawDecoder
from edgeinfer.processing.regression import RegressionDecoder
from edgeinfer.processing.results import Anomaly
from edgeinfer.processing.spec import (
    AnomalyOutput,
    ClassificationOutput,
    DetectionOutput,
    ImageInput,
    InputSpec,
    ModelSpec,
    OutputSpec,
    PipelineSpec,
    RawOutput,
    RegressionOutput,
    TensorInput,
)
from edgeinfer.processing.ssd import SsdDecoder
from edgeinfer.processing.ultraface import UltrafaceDecoder
from edgeinfer.processing.yolox import YoloxDecoder
from edgeinfer.strict import replace

IMAGE = ImageInput(size=(32, 32))


def info(name: str, *shape: int) -> TensorInfo:
    return TensorInfo(name=name, dtype="float32", shape=shape)


def pipeline(task: Any, output: OutputSpec, one: InputSpec = IMAGE) -> PipelineSpec:
    return PipelineSpec(model=ModelSpec(name="m", version="1.0.0", task=task), input=(one,), output=output)


@pytest.mark.parametrize(
    ("task", "output", "tensors", "kind"),
    [
        ("classification", ClassificationOutput(), (info("y", 1, 2),), ClassificationDecoder),
        ("detection", DetectionOutput(decode="yolox"), (info("y", 1, 21, 7),), YoloxDecoder),
        (
            "detection",
            DetectionOutput(decode="ssd"),
            (info("a", 1, 9, 4), info("b", 1, 9), info("c", 1, 9), info("d", 1)),
            SsdDecoder,
        ),
        (
            "detection",
            DetectionOutput(decode="ultraface"),
            (info("s", 1, 9, 2), info("b", 1, 9, 4)),
            UltrafaceDecoder,
        ),
        ("anomaly", AnomalyOutput(threshold=0.5), (info("y", 1, 2),), AnomalyDecoder),
        ("regression", RegressionOutput(names=("a",)), (info("y", 1, 1),), RegressionDecoder),
        ("raw", RawOutput(), (info("y", 1, 2),), RawDecoder),
    ],
)
def test_each_task_has_its_decoder(
    task: str, output: OutputSpec, tensors: tuple[TensorInfo, ...], kind: type
) -> None:
    assert isinstance(build_postprocessor(pipeline(task, output), (), tensors), kind)


def test_an_anomaly_threshold_has_to_be_learnt_first() -> None:
    with pytest.raises(SettingsError, match="still `auto`"):
        build_postprocessor(pipeline("anomaly", AnomalyOutput()), (), (info("y", 1, 2),))


def test_anomaly_compares_with_the_first_input() -> None:
    spec = pipeline("anomaly", AnomalyOutput(threshold=0.5), TensorInput())
    arrays = {"y": np.zeros((1, 2), np.float32)}, {"x": np.ones((1, 2), np.float32)}
    expected = Anomaly(score=1.0, threshold=0.5, anomalous=True)
    for inputs in ((), (info("x", 1, 2),)):
        assert build_postprocessor(spec, (), (info("y", 1, 2),), inputs)(*arrays, None) == expected


def test_detection_needs_a_picture() -> None:
    spec = pipeline("detection", DetectionOutput(decode="yolox"), TensorInput())
    with pytest.raises(SettingsError, match="detection needs an image"):
        build_postprocessor(spec, (), (info("y", 1, 21, 7),))


def test_a_model_without_outputs_is_refused() -> None:
    with pytest.raises(ModelError, match="no outputs"):
        build_postprocessor(pipeline("raw", RawOutput()), (), ())


def test_the_type_of_an_output_must_be_that_of_the_pipeline() -> None:
    spec = pipeline("raw", RawOutput(dtype="int8"), TensorInput())
    counts = replace(info("n", 1), dtype="int64")
    stored = replace(info("y", 1, 2), dtype="int8", quantization=Quantization(scale=0.5, zero_point=3))
    assert isinstance(build_postprocessor(spec, (), (stored, counts)), RawDecoder)
    with pytest.raises(ModelError, match=r"output\.dtype is int8, the model's output `y` is of float32"):
        build_postprocessor(spec, (), (info("y", 1, 2), counts))
