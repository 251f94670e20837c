"""The work behind a report's details."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeinfer.backends import ModelFormat
from edgeinfer.errors import ModelError
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Integer
from edgeinfer_converters.emitting.model_file import ModelFile
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.report.examine import Subject, examine
from edgeinfer_converters.report.pictures import Curves, Thumbnail
from edgeinfer_converters.samples.sample import Sample
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.data import IMAGE_TOML, WINDOW_TOML, pipeline
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import autoencoder
from tests.fixtures.reports import provenance

LABELS = ("cat", "dog", "owl")
MODEL = classifier()
SOURCE = serialized(MODEL)
EMITTED = serialized(quantize_int8(MODEL, ranges_of(MODEL), Integer(activation="uint8")))


def samples(count: int = 12, *, labelled: bool = True) -> list[Sample]:
    rng = np.random.default_rng(0)
    name, shape = MODEL.graph.input[0].name, (1, 3, 16, 16)
    return [
        Sample(
            f"folder/s{k}.png",
            {name: rng.normal(0, 1, shape).astype(np.float32)},
            truth=k % 3 if labelled else None,
        )
        for k in range(count)
    ]


def subject(
    *,
    emitted: bytes = EMITTED,
    precision: str = "int8",
    labelled: bool = True,
    model_format: ModelFormat = "onnx",
    spec: PipelineSpec | None = None,
) -> Subject:
    found = samples(labelled=labelled)
    graph = None if precision == "as-is" else MODEL
    spec = spec or pipeline(IMAGE_TOML)
    written = None if precision == "as-is" else onnx.load_from_string(emitted)
    file = ModelFile(emitted, model_format)
    return Subject(file, written, precision, graph, spec, LABELS, found, len(found))


def test_a_quantized_classifier() -> None:
    found = examine(subject(), provenance(), SOURCE)
    details = found.details
    assert details.compared == 12
    assert details.quality is not None
    assert details.quality.samples == 12
    assert len(found.pictures) == len(details.disagreements) == 8
    assert all(isinstance(one, Thumbnail) for one in found.pictures)
    assert details.disagreements[0].sample.startswith("folder/s")
    assert details.disagreements[0].truth in LABELS
    assert details.looked_into == 8
    assert details.layers
    assert details.ranges
    assert details.kernels[0].kind == "integer"
    assert details.memory is not None
    assert details.memory.converted_bytes < details.memory.reference_bytes


def test_twice_the_same() -> None:
    assert examine(subject(), provenance(), SOURCE) == examine(subject(), provenance(), SOURCE)


def test_a_float_model_is_not_looked_into() -> None:
    details = examine(subject(emitted=SOURCE, precision="float32"), provenance(), SOURCE).details
    assert (details.layers, details.ranges, details.disagreements) == ((), (), ())
    assert details.memory is not None
    assert details.compared == 12


def test_a_model_packed_as_it_came_has_nothing_beside_it() -> None:
    details = examine(subject(emitted=SOURCE, precision="as-is"), provenance(), SOURCE).details
    assert details.compared == 0
    assert details.memory is None
    assert details.quality is not None
    assert all(one.reference is None for one in details.quality.measures)


def test_unlabelled_samples_have_no_quality() -> None:
    details = examine(subject(labelled=False), provenance(), SOURCE).details
    assert details.quality is None
    assert details.disagreements[0].truth == ""


def test_a_window_is_shown_as_curves() -> None:
    source = serialized(autoencoder())
    sample = Sample("w", {"window": np.ones((1, 8, 2), np.float32)}, truth=1)
    other = Sample("v", {"window": np.zeros((1, 8, 2), np.float32)}, truth=0)
    wobbly = serialized(autoencoder(seed=1))
    file = ModelFile(wobbly, "onnx")
    one = Subject(
        file,
        onnx.load_from_string(wobbly),
        "float32",
        autoencoder(),
        pipeline(_threshold()),
        (),
        [sample, other],
        2,
    )
    found = examine(one, provenance(), source)
    assert all(isinstance(picture, Curves) for picture in found.pictures)
    assert "score" in found.details.disagreements[0].reference


def _threshold() -> str:
    return f"{WINDOW_TOML}\n[output]\nthreshold = 0.5\n"


def test_a_model_that_gives_nan_is_refused() -> None:
    broken = classifier()
    for tensor in broken.graph.initializer:
        if tensor.data_type == 1:
            values = np.full(tuple(tensor.dims), np.nan, np.float32)
            tensor.ClearField("float_data")
            tensor.raw_data = values.tobytes()
    with pytest.raises(ModelError, match="NaN or infinity"):
        examine(subject(emitted=serialized(broken), precision="float32"), provenance(), SOURCE)
