"""The file of a graph in each format."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.backends import BackendOptions, ModelFormat
from edgeinfer.errors import ModelError
from edgeinfer_converters.emitting.model_file import ModelFile, write_model
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.graphs import classifier, run, samples_of
from tests.fixtures.lite import node_model, normal


@pytest.mark.parametrize("model_format", ["onnx", "tflite"])
@pytest.mark.parametrize("half", [False, True])
def test_both_formats_give_the_source_models_numbers_in_its_order(
    model_format: ModelFormat, *, half: bool
) -> None:
    model = classifier()
    made = write_model(model, model_format, half=half)
    assert made.model_format == model_format
    (sample,) = samples_of(model, 1, seed=3)
    with made.open(BackendOptions()) as backend:
        assert backend.inputs[0].shape == (1, 3, 16, 16)
        found = backend.run(sample)["logits"]
    expected = run(model, sample)[0]
    np.testing.assert_allclose(found, expected, atol=(0.02 if half else 1e-4) * np.abs(expected).max())


def test_an_input_that_keeps_its_order() -> None:
    model = classifier()
    (name,) = (value.name for value in model.graph.input)
    assert write_model(model, "tflite").layouts[name] == (0, 2, 3, 1)
    assert write_model(model, "tflite", forms=Forms(frozenset({name}))).layouts[name] == (0, 1, 2, 3)
    assert write_model(model, "onnx").layouts == {}


def test_decimals_that_are_lost() -> None:
    names = ("one", "two", "three", "four")
    assert ModelFile(b"", "tflite").narrowed == ""
    assert ModelFile(b"", "tflite", doubles=names[:1]).narrowed.endswith("float64: one lose decimals")
    several = ModelFile(b"", "tflite", doubles=names)
    assert several.narrowed.endswith("one, two, three and others lose decimals")


def test_what_a_format_has_no_equal_for() -> None:
    model = node_model("NonZero", {"x": normal(2, 3)})
    with pytest.raises(ModelError, match="TFLite has no equal"):
        write_model(model, "tflite")
    assert write_model(model, "onnx").work is None
