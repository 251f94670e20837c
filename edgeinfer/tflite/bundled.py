"""The custom operators that every TensorFlow Lite runtime brings, and what their kernels take for granted."""

from __future__ import annotations

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flexbuffer import read_numbers
from edgeinfer.tflite.model import Operator

DETECTION = "TFLite_Detection_PostProcess"

BUNDLED_CUSTOM = ("AudioSpectrogram", "Mfcc", "NumericVerify", DETECTION)
"""Their names (tensorflow/lite/core/kernels/register.cc)."""

MAX_DETECTIONS = 100_000

_COUNTS = ("max_detections", "max_classes_per_detection", "num_classes")
_SCALES = ("y_scale", "x_scale", "h_scale", "w_scale")
_DETECTION_ENDS = (3, 4)


def check_bundled(where: str, operator: Operator) -> None:
    """Raises ModelError where the options of one of `BUNDLED_CUSTOM` are not what its kernel reads."""
    where = f"{where} ({operator.code.name})"
    options = read_numbers(where, operator.custom_options)
    if operator.code.name == DETECTION:
        _check_detection(where, operator, options)


def _check_detection(where: str, operator: Operator, options: dict[str, float]) -> None:
    if (len(operator.inputs), len(operator.outputs)) != _DETECTION_ENDS:
        raise ModelError(f"{where} takes 3 inputs and has 4 outputs")
    for name in _COUNTS:
        if not 1 <= options.get(name, 0) <= MAX_DETECTIONS:
            raise ModelError(
                f"{where} has the {name} {options.get(name, 0)}; 1 to {MAX_DETECTIONS} are possible"
            )
    if not 1 <= options.get("detections_per_class", 1) <= MAX_DETECTIONS:
        raise ModelError(f"{where} has an impossible number of detections for each class")
    if options["max_detections"] * options["max_classes_per_detection"] > MAX_DETECTIONS:
        raise ModelError(f"{where} would make more than {MAX_DETECTIONS} boxes")
    if any(not options.get(name, 0) > 0 for name in _SCALES):
        raise ModelError(f"{where} has a scale that is not above zero")
