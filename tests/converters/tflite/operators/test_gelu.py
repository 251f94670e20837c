"""Gelu and what exporters write for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.fixtures.lite import check_agrees, model_of, node_model, normal

Operator = tuple[str, list[str], str]

CONSTANTS: dict[str, np.ndarray] = {
    "root": np.array(np.sqrt(2), np.float32),
    "inverse": np.array(np.sqrt(0.5), np.float32),
    "one": np.array(1, np.float32),
    "half": np.array(0.5, np.float32),
    "scale": np.array(0.04, np.float32),
    "zero": np.array(0, np.int8),
    "third": np.array(1 / 3, np.float32),
}
ERF = [("Div", ["x", "root"], "s"), ("Erf", ["s"], "e"), ("Add", ["e", "one"], "a")]
FORMS = {
    "torch": [*ERF, ("Mul", ["x", "a"], "m"), ("Mul", ["m", "half"], "y")],
    "half first": [*ERF, ("Mul", ["x", "half"], "m"), ("Mul", ["m", "a"], "y")],
    "half of the rest": [*ERF, ("Mul", ["half", "a"], "m"), ("Mul", ["x", "m"], "y")],
    "inverse": [
        ("Mul", ["inverse", "x"], "s"),
        ("Erf", ["s"], "e"),
        ("Add", ["one", "e"], "a"),
        ("Mul", ["a", "half"], "m"),
        ("Mul", ["m", "x"], "y"),
    ],
}
OTHERS = {
    "another factor": [*ERF, ("Mul", ["x", "a"], "m"), ("Mul", ["m", "third"], "y")],
    "another divisor": [
        ("Div", ["x", "third"], "s"),
        ("Erf", ["s"], "e"),
        ("Add", ["e", "one"], "a"),
        ("Mul", ["x", "a"], "m"),
        ("Mul", ["m", "half"], "y"),
    ],
    "another tensor": [
        ("Neg", ["x"], "n"),
        *ERF,
        ("Mul", ["n", "a"], "m"),
        ("Mul", ["m", "half"], "y"),
    ],
    "no error function": [("Mul", ["x", "half"], "m"), ("Mul", ["m", "x"], "y")],
}


def model(nodes: Sequence[Operator], x: np.ndarray) -> onnx.ModelProto:
    made = [helper.make_node(kind, names, [result]) for kind, names, result in nodes]
    return model_of(made, {"x": x}, ["y"], constants=CONSTANTS, opset=21)


def rounded(source: str, target: str) -> list[Operator]:
    """A tensor in 8 bits."""
    scale = ["scale", "zero"]
    stored = f"{source}_8"
    return [("QuantizeLinear", [source, *scale], stored), ("DequantizeLinear", [stored, *scale], target)]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_operators_of_exporters_are_one_kernel(form: str) -> None:
    x = normal(2, 5, 8) * 3
    made = check_agrees(model(FORMS[form], x), {"x": x})
    assert made.operators == {"GELU": 1}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_between_integers(form: str) -> None:
    """As quantized networks have it: computed in float from integers, and rounded to integers."""
    inside: list[Operator] = [
        (kind, ["d" if one == "x" else one for one in names], "g" if result == "y" else result)
        for kind, names, result in FORMS[form]
    ]
    x = normal(2, 5, 8) * 3
    made = check_agrees(model([*rounded("x", "d"), *inside, *rounded("g", "y")], x), {"x": x}, atol=0.0401)
    assert made.operators["GELU"] == 1
    assert not {"ABS", "EXP", "MUL"} & made.operators.keys()


@pytest.mark.parametrize("form", sorted(OTHERS))
def test_what_is_not_quite_it_is_left_alone(form: str) -> None:
    x = normal(2, 5, 8)
    assert "GELU" not in check_agrees(model(OTHERS[form], x), {"x": x}).operators


def test_parts_that_others_read_are_still_computed() -> None:
    x = normal(3, 4)
    nodes = [*FORMS["torch"][:-1], ("Mul", ["m", "half"], "g"), ("Sub", ["g", "e"], "y")]
    made = check_agrees(model(nodes, x), {"x": x})
    assert made.operators["GELU"] == 1
    assert made.operators["SUB"] > 0


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_the_operator_itself(approximate: str) -> None:
    inputs = {"x": np.linspace(-8, 8, 97).astype(np.float32)}
    made = check_agrees(node_model("Gelu", inputs, opset=20, approximate=approximate), inputs)
    assert made.operators == {"GELU": 1}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=9), st.sampled_from(sorted(FORMS)))
def test_any_number(numbers: list[float], form: str) -> None:
    x = np.array(numbers, np.float32)
    check_agrees(model(FORMS[form], x), {"x": x})
