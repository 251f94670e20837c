"""The way in."""

from __future__ import annotations

from edgeinfer_converters import tflite
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite


def test_what_others_may_use() -> None:
    assert sorted(tflite.__all__) == ["Forms", "TfliteModel", "to_tflite"]
    assert tflite.to_tflite is to_tflite
    assert tflite.TfliteModel is TfliteModel
