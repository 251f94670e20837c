"""Attributes by type."""

from __future__ import annotations

import pytest
from onnx import helper

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.nodes import Node

NODE = Node(
    helper.make_node(
        "Conv", ["x", "", "b"], ["y"], group=2, pads=[1, 2], alpha=0.5, scales=[0.25, 2.0], mode="linear"
    ),
    17,
)


def test_attributes_and_their_defaults() -> None:
    assert NODE.integer("group", 1) == 2
    assert NODE.integer("axis", -1) == -1
    assert NODE.integers("pads") == (1, 2)
    assert NODE.integers("strides", (1, 1)) == (1, 1)
    assert NODE.real("alpha", 1.0) == 0.5
    assert NODE.real("beta", 1.0) == 1.0
    assert NODE.reals("scales") == (0.25, 2.0)
    assert NODE.reals("roi") == ()
    assert NODE.text("mode", "nearest") == "linear"
    assert NODE.text("auto_pad", "NOTSET") == "NOTSET"
    assert NODE.has("group")
    assert not NODE.has("axis")


def test_inputs_that_are_left_out() -> None:
    assert NODE.input(0) == "x"
    assert NODE.input(1) == ""
    assert NODE.input(9) == ""
    assert NODE.name == "y"
    assert NODE.kind == "Conv"


def test_refusing_an_attribute() -> None:
    NODE.refuse("axis")
    with pytest.raises(UnsupportedError, match="`pads`"):
        NODE.refuse("axis", "pads")
