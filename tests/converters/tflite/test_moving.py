"""Which element types kernels move: the table against LiteRT itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.moving import TYPES
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

NODES: dict[str, tuple[str, dict[str, np.ndarray], dict[str, Any]]] = {
    "CONCATENATION": ("Concat", {}, {"axis": 1}),
    "DEPTH_TO_SPACE": ("DepthToSpace", {}, {"blocksize": 2}),
    "GATHER": ("Gather", {"i": np.array([2, 0])}, {"axis": 1}),
    "PAD": ("Pad", {"p": np.array([0, 0, 1, 0, 0, 0, 1, 2])}, {}),
    "REVERSE_SEQUENCE": ("ReverseSequence", {"n": np.array([2])}, {"time_axis": 1, "batch_axis": 0}),
    "SPACE_TO_DEPTH": ("SpaceToDepth", {}, {"blocksize": 2}),
}
ALL = [
    "bool",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
]


@pytest.mark.parametrize("code", sorted(NODES))
@pytest.mark.parametrize("dtype", ALL)
def test_a_kernel_moves_every_type_or_one_like_it(code: str, dtype: str) -> None:
    kind, constants, attributes = NODES[code]
    values = np.arange(64).reshape(1, 4, 4, 4).astype(dtype)
    model = node_model(kind, {"x": values}, constants=constants, **attributes)
    made = check_agrees(model, {"x": values})
    assert dtype in TYPES[code] or "CAST" in made.operators


def test_what_no_kernel_moves_is_told() -> None:
    values = np.zeros((3, 4), np.uint64)
    with pytest.raises(ModelError, match="GATHER does not take uint64"):
        to_tflite(node_model("Gather", {"x": values}, constants={"i": np.array([2, 0])}))


def test_a_tensor_without_elements_is_told() -> None:
    nodes = [helper.make_node("Slice", ["x", "s", "s"], ["e"]), helper.make_node("Trilu", ["e"], ["y"])]
    with pytest.raises(ModelError, match="`e` has no elements"):
        to_tflite(model_of(nodes, {"x": normal(3, 4)}, ["y"], constants={"s": np.array([1])}))
