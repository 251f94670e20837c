"""Reading TFLite files, which are packed as they are."""

from __future__ import annotations

from pathlib import Path

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.bounded import read_bounded

IDENTIFIER = b"TFL3"
"""The file identifier of the TFLite schema: bytes 4 to 7 of the flatbuffer."""


def read_tflite(path: Path) -> bytes:
    """The bytes of a TFLite file. What is in it, `edgeinfer.bundle.model_file` finds out.

    Raises ModelError: not a readable file of a bounded size, or not TFLite.
    """
    data = read_bounded(path)
    if data[4:8] != IDENTIFIER:
        raise ModelError(
            f"{path} is not a TFLite model: the identifier TFL3 is not at byte 4",
            hint="a model in another format needs its own file extension, such as .onnx",
        )
    return data
