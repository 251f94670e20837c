"""The integer share of files, ours and others'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.tflite.convert import to_tflite
from scripts.tflite.arithmetic import integer_share
from scripts.tflite.flatbuffer import quantized_graph
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite import doubler
from tests.fixtures.tflite_graphs import network


def test_a_float_file_has_none() -> None:
    assert integer_share(network()) == 0.0


def test_a_file_without_products_has_none() -> None:
    assert integer_share(doubler(quantization=(0.5, 0))) == 0.0


def test_an_int8_file_is_integer_throughout() -> None:
    model = prepare(image_classifier(), max_opset=17, max_ir_version=9)
    samples = np.random.default_rng(0).normal(size=(8, 3, 16, 16)).astype(np.float32)
    made = to_tflite(quantized_graph(model, samples))
    assert integer_share(made.data) == made.work.integer_macs / made.work.macs == 1.0


@settings(max_examples=20)
@given(st.binary(max_size=64))
def test_what_is_no_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        integer_share(data)
