"""The preprocessor of each kind of input."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeinfer.frames import TensorInfo
from edgeinfer.processing.image import ImagePreprocessor
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import ImageInput, InputSpec, TensorInput, WindowInput
from edgeinfer.processing.tensor import TensorPreprocessor
from edgeinfer.processing.window import WindowPreprocessor


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (ImageInput(size=(8, 8)), ImagePreprocessor),
        (WindowInput(columns=("a", "b", "c"), length=64, stride=1), WindowPreprocessor),
        (TensorInput(), TensorPreprocessor),
    ],
)
def test_each_kind_has_its_own(spec: InputSpec, kind: type) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, 8, 8, 3))
    if isinstance(spec, WindowInput):
        tensor = TensorInfo(name="x", dtype="float32", shape=(1, 64, 3))
    assert isinstance(build_preprocessor(spec, tensor), kind)


def test_sensor_devices_never_load_opencv() -> None:
    code = "import edgeinfer.pipeline, sys; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
