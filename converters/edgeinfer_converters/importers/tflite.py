"""Reading TFLite files, which are packed as they are."""

from __future__ import annotations

from pathlib import Path

from edgeinfer.backends.rehearsal import rehearse
from edgeinfer.errors import ModelError
from edgeinfer.tflite.inspect import check_loadable
from edgeinfer_converters.importers.bounded import read_bounded

IDENTIFIER = b"TFL3"
"""The file identifier of the TFLite schema: bytes 4 to 7 of the flatbuffer."""


def read_tflite(path: Path, *, runnable: bool = True) -> bytes:
    """The bytes of a TFLite file. What is in it, `edgeinfer.bundle.model_file` finds out.

    With `runnable` it was inspected, and has run once in a child process; without, nothing has loaded it.

    Raises ModelError: not a readable file of a bounded size, not TFLite, or not one that LiteRT can run.
    """
    data = read_bounded(path)
    if data[4:8] != IDENTIFIER:
        raise ModelError(
            f"{path} is not a TFLite model: the identifier TFL3 is not at byte 4",
            hint="a model in another format needs its own file extension, such as .onnx",
        )
    if runnable:
        _try(path, data)
    return data


def _try(path: Path, data: bytes) -> None:
    try:
        check_loadable(data)
        rehearse(data, "tflite")
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", hint=error.hint) from error
