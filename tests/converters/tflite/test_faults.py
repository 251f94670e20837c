"""All nodes without an equal are told at once."""

from __future__ import annotations

import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.faults import Faults


def test_nothing_found_is_nothing_raised() -> None:
    Faults().check()


def test_each_node_is_named_with_its_output_and_the_reason() -> None:
    faults = Faults()
    faults.add("Loop", "steps", "total", "no equal is known")
    faults.add("Unique", "", "kinds", "its size depends on the values")
    with pytest.raises(ModelError) as caught:
        faults.check()
    assert "Loop `steps` (output `total`): no equal is known" in str(caught.value)
    assert "Unique `kinds` (output `kinds`): its size depends on the values" in str(caught.value)
    assert "--format onnx" in (caught.value.hint or "")


def test_a_long_list_is_cut_off_and_counted() -> None:
    faults = Faults()
    for number in range(25):
        faults.add("Loop", f"n{number}", f"o{number}", "no equal is known")
    with pytest.raises(ModelError, match="and 5 more"):
        faults.check()
