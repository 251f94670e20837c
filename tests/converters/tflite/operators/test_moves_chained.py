"""Operators that move values as exporters chain them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, normal


def test_the_best_boxes_of_a_detector() -> None:
    nodes = [
        helper.make_node("ReduceMax", ["scores"], ["best"], axes=[2], keepdims=0),
        helper.make_node("TopK", ["best", "k"], ["top", "places"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["labels"], axis=2, keepdims=0),
        helper.make_node("GatherElements", ["labels", "places"], ["label"], axis=1),
        helper.make_node("Unsqueeze", ["places", "last"], ["column"]),
        helper.make_node("Expand", ["column", "four"], ["index"]),
        helper.make_node("GatherElements", ["boxes", "index"], ["box"], axis=1),
    ]
    inputs = {"boxes": normal(2, 30, 4), "scores": normal(2, 30, 5, seed=1)}
    constants = {"k": np.array([6]), "last": np.array([2]), "four": np.array([1, 1, 4])}
    check_agrees(model_of(nodes, inputs, ["top", "label", "box"], constants=constants), inputs)


def test_a_causal_mask() -> None:
    nodes = [
        helper.make_node("Trilu", ["ones", "one"], ["future"], upper=1),
        helper.make_node("Cast", ["future"], ["hidden"], to=9),
        helper.make_node("Where", ["hidden", "low", "x"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["y"], axis=-1),
    ]
    constants = {
        "ones": np.ones((5, 5), np.float32),
        "one": np.array(1),
        "low": np.array(-1e9, np.float32),
    }
    inputs = {"x": normal(1, 2, 5, 5)}
    check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)


def test_words_with_their_positions() -> None:
    nodes = [
        helper.make_node("Gather", ["words", "x"], ["word"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Range", ["zero", "length", "one"], ["steps"]),
        helper.make_node("Gather", ["positions", "steps"], ["position"]),
        helper.make_node("Add", ["word", "position"], ["both"]),
        helper.make_node("Gather", ["both", "zero"], ["y"], axis=1),
    ]
    constants = {
        "words": normal(20, 8),
        "positions": normal(16, 8, seed=1),
        "zero": np.array(0),
        "one": np.array(1),
    }
    inputs = {"x": np.array([[3, 19, 0, 7]])}
    check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)


@pytest.mark.parametrize("shift", [1, -2])
def test_a_rolled_window(shift: int) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Slice", ["c", "at", "end", "axis"], ["tail"]),
        helper.make_node("Slice", ["c", "start", "at", "axis"], ["head"]),
        helper.make_node("Concat", ["tail", "head"], ["y"], axis=2),
    ]
    constants = {
        "w": normal(2, 3, 1, 1, seed=1),
        "at": np.array([-shift]),
        "end": np.array([np.iinfo(np.int64).max]),
        "start": np.array([0]),
        "axis": np.array([2]),
    }
    inputs = {"x": normal(1, 3, 6, 4)}
    made = check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)
    assert "TRANSPOSE" not in made.operators


def test_a_sequence_has_no_equal() -> None:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["s"]),
        helper.make_node("Identity", ["s"], ["t"]),
        helper.make_node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ]
    inputs = {"x": normal(2, 3)}
    with pytest.raises(ModelError, match="SequenceConstruct"):
        to_tflite(model_of(nodes, inputs, ["y"]))
