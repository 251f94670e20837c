"""Recurrent layers, unrolled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal, run_lite

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
HIDDEN, WIDTH, BATCH = 3, 4, 2


def constants_of(kind: str, directions: int, *, bias: bool, start: bool, layout: int) -> dict[str, Any]:
    """Weights and what else a layer is given, by the name of the input."""
    wide = GATES[kind] * HIDDEN
    state = (BATCH, directions, HIDDEN) if layout else (directions, BATCH, HIDDEN)
    found = {"w": normal(directions, wide, WIDTH, seed=1), "r": normal(directions, wide, HIDDEN, seed=2)}
    if bias:
        found["b"] = normal(directions, 2 * wide, seed=3)
    if start:
        found["h"] = normal(*state, seed=4)
        if kind == "LSTM":
            found["c"] = normal(*state, seed=5)
    return found


def layer(
    kind: str, inputs: dict[str, np.ndarray], constants: dict[str, np.ndarray], **attributes: Any
) -> Any:
    names = ["x", "w", "r", "b", "lengths", "h", "c", "p"]
    given_names = [name if name in {**inputs, **constants} else "" for name in names]
    while not given_names[-1]:
        given_names.pop()
    outputs = ("y", "yh", "yc") if kind == "LSTM" else ("y", "yh")
    return node_model(
        kind,
        inputs,
        constants=constants,
        order=given_names,
        outputs=outputs,
        hidden_size=HIDDEN,
        opset=22,
        **attributes,
    )


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(GATES)),
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    steps=st.integers(1, 5),
    layout=st.integers(0, 1),
    flags=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_any_layer(kind: str, direction: str, steps: int, layout: int, flags: list[bool]) -> None:
    bias, start, late, option = flags
    directions = 2 if direction == "bidirectional" else 1
    constants = constants_of(kind, directions, bias=bias, start=start, layout=layout)
    image = normal(BATCH, steps, WIDTH) if layout else normal(steps, BATCH, WIDTH)
    attributes: dict[str, Any] = {"linear_before_reset": int(option)} if kind == "GRU" else {}
    if kind == "LSTM" and option:
        constants["p"] = normal(directions, 3 * HIDDEN, seed=6)
    inputs = {"x": image, **(constants if late else {})}
    model = layer(kind, inputs, {} if late else constants, direction=direction, layout=layout, **attributes)
    check_agrees(model, inputs)


@pytest.mark.parametrize("kind", sorted(GATES))
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_sequences_of_different_lengths(kind: str, direction: str) -> None:
    constants = constants_of(kind, 1, bias=True, start=True, layout=0)
    inputs = {"x": normal(5, BATCH, WIDTH), "lengths": np.array([3, 5], np.int32)}
    found = run_lite(to_tflite(layer(kind, inputs, constants, direction=direction)), inputs)
    for number, length in enumerate(inputs["lengths"]):
        alone = {
            name: values[:, number : number + 1] if name in ("h", "c") else values
            for name, values in constants.items()
        }
        short = {"x": inputs["x"][:length, number : number + 1]}
        expected = run_lite(to_tflite(layer(kind, short, alone, direction=direction)), short)
        np.testing.assert_allclose(
            found["y"][:length, :, number], expected["y"][:, :, 0], rtol=1e-4, atol=1e-6
        )
        assert not found["y"][length:, :, number].any()
        np.testing.assert_allclose(found["yh"][:, number], expected["yh"][:, 0], rtol=1e-4, atol=1e-6)


def test_full_lengths_that_are_known_cost_nothing() -> None:
    constants = constants_of("LSTM", 1, bias=True, start=False, layout=0)
    constants["lengths"] = np.array([3, 3], np.int32)
    inputs = {"x": normal(3, BATCH, WIDTH)}
    made = check_agrees(layer("LSTM", inputs, constants), inputs)
    assert "SELECT_V2" not in made.operators
    assert made.operators["FULLY_CONNECTED"] == 4


def test_other_activations_and_clipping() -> None:
    constants = constants_of("RNN", 1, bias=True, start=True, layout=0)
    inputs = {"x": normal(3, BATCH, WIDTH) * 3}
    found = run_lite(to_tflite(layer("RNN", inputs, constants, activations=["Relu"], clip=1.5)), inputs)
    state = constants["h"][0]
    for step in range(3):
        sums = inputs["x"][step] @ constants["w"][0].T + state @ constants["r"][0].T
        sums = sums + constants["b"][0, :HIDDEN] + constants["b"][0, HIDDEN:]
        state = np.clip(sums, 0, 1.5)
        np.testing.assert_allclose(found["y"][step, 0], state, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("attributes", "steps", "message"),
    [
        ({"activations": ["Softsign"]}, 3, "activation `Softsign`"),
        ({"activation_alpha": [0.5]}, 3, "`activation_alpha` has no equal"),
        ({}, 600, "600 steps"),
    ],
)
def test_what_has_no_equal_is_named(attributes: dict[str, Any], steps: int, message: str) -> None:
    constants = constants_of("RNN", 1, bias=True, start=True, layout=0)
    inputs = {"x": normal(steps, BATCH, WIDTH)}
    with pytest.raises(ModelError, match=message):
        to_tflite(layer("RNN", inputs, constants, **attributes))
