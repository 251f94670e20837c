"""The command line of `build` as data."""

from __future__ import annotations

from pathlib import Path

from edgeinfer_converters.building.options import BuildOptions
from edgeinfer_converters.emitting.choose import Wishes


def test_what_decides_on_format_and_precision() -> None:
    options = BuildOptions(Path("m.onnx"), "raspberry-pi-4", Path("p.toml"), Path("o.eib"))
    assert options.wishes == Wishes()
    more = BuildOptions(
        Path("m.onnx"),
        "raspberry-pi-4",
        Path("p.toml"),
        Path("o.eib"),
        calibration=Path("cal"),
        model_format="tflite",
        precision="int8",
        prune="0.2",
    )
    assert more.wishes == Wishes("tflite", "int8", "0.2", calibrated=True)
