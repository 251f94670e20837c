"""The integer share, as on this machine and as on ARM."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.static import quantize_int8
from scripts.quantization.share import share_of
from tests.fixtures.graphs import classifier, ranges_of


@pytest.mark.parametrize("as_on_arm", [True, False])
@pytest.mark.parametrize("activation", ["uint8", "int8"])
def test_our_models_are_integer(tmp_path: Path, activation: str, as_on_arm: bool) -> None:
    model = classifier()
    integer = Integer(activation=activation)  # type: ignore[arg-type]  # a parameter
    onnx.save(quantize_int8(model, ranges_of(model), integer), tmp_path / "m.onnx")
    assert share_of(tmp_path / "m.onnx", as_on_arm=as_on_arm) == 1.0


def test_a_float_model_is_not(tmp_path: Path) -> None:
    onnx.save(classifier(), tmp_path / "m.onnx")
    assert share_of(tmp_path / "m.onnx", as_on_arm=False) == 0.0


def test_one_float_convolution_is_counted_by_its_cost(tmp_path: Path) -> None:
    model = classifier()
    first = next(node.name for node in model.graph.node if node.op_type == "Conv")
    quantized = quantize_int8(
        model, ranges_of(model), Integer(activation="uint8"), exclude=frozenset({first})
    )
    for node in quantized.graph.node:  # names are not needed
        node.name = ""
    onnx.save(quantized, tmp_path / "m.onnx")
    assert 0.0 < share_of(tmp_path / "m.onnx", as_on_arm=True) < 1.0
