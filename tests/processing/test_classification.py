"""Class scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.classification import ClassificationDecoder, best_classes, sigmoid, softmax
from edgeinfer.processing.results import Classification, ClassScore
from edgeinfer.processing.spec import ClassificationOutput

logits = st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=30)
LABELS = ("cat", "dog", "owl")


def decode(array: Array, tensor: TensorInfo | None = None, **settings: Any) -> Classification:
    tensor = tensor or TensorInfo(name="y", dtype=array.dtype.name, shape=array.shape)
    decoder = ClassificationDecoder(ClassificationOutput(**settings), LABELS, tensor)
    return decoder({"y": array}, {}, None)


@given(logits)
def test_softmax_is_the_formula_and_never_overflows(values: list[float]) -> None:
    found = softmax(np.array(values, np.float32))
    powers = [math.exp(value - max(values)) for value in values]
    assert found == pytest.approx([power / sum(powers) for power in powers], abs=1e-5)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)
    assert found.dtype == np.float32


@given(logits)
def test_sigmoid_is_the_formula_and_never_overflows(values: list[float]) -> None:
    found = sigmoid(np.array(values, np.float32))
    expected = [1 / (1 + math.exp(-value)) if value > -700 else 0.0 for value in values]
    assert found == pytest.approx(expected, abs=1e-6)
    assert found.dtype == np.float32


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=20),
    st.integers(1, 25),
    st.sampled_from([0.0, 0.3, 0.9]),
)
def test_the_best_come_first_and_ties_in_order(values: list[int], top_k: int, threshold: float) -> None:
    scores = (np.array(values) / 5).astype(np.float32)
    order = sorted(range(len(values)), key=lambda i: -values[i])[:top_k]
    expected = [i for i in order if threshold == 0 or scores[i] >= threshold]
    assert best_classes(scores, top_k, threshold) == expected


def test_softmax_of_logits() -> None:
    found = decode(np.array([[0.0, math.log(3), -100.0]], np.float32), top_k=2)
    assert [one.label for one in found.classes] == ["dog", "cat"]
    assert [one.score for one in found.classes] == pytest.approx([0.75, 0.25])


def test_scores_below_the_threshold_are_left_out() -> None:
    scores = np.array([[0.2, 0.7, 0.1]], np.float32)
    assert [one.label for one in decode(scores, decode="none", top_k=3, threshold=0.2).classes] == [
        "dog",
        "cat",
    ]
    assert decode(scores, decode="none", threshold=0.8).classes == ()


def test_undecoded_scores_may_be_negative() -> None:
    found = decode(np.array([[-3.0, -1.0, -2.0]], np.float32), decode="none")
    assert found.classes == (ClassScore(label="dog", score=-1.0),)


def test_quantized_scores_are_read_by_their_parameters() -> None:
    tensor = TensorInfo(
        name="y", dtype="int8", shape=(1, 3), quantization=Quantization(scale=1 / 256, zero_point=-128)
    )
    found = decode(np.array([[-128, 64, 0]], np.int8), tensor, decode="none", top_k=3)
    assert [(one.label, one.score) for one in found.classes] == [("dog", 0.75), ("owl", 0.5), ("cat", 0.0)]


def test_further_axes_of_one_do_not_matter() -> None:
    found = decode(np.array([0.0, 0.0, 9.0], np.float32).reshape(1, 3, 1, 1))
    assert found.classes[0].label == "owl"


def test_a_label_count_that_does_not_match_is_refused() -> None:
    with pytest.raises(SettingsError, match="3 labels for a model of 4 classes"):
        decode(np.zeros((1, 4), np.float32))


def test_nan_is_an_error_and_no_result() -> None:
    with pytest.raises(ModelError, match="NaN"):
        decode(np.array([[0.0, np.nan, 1.0]], np.float32))
