"""Dropout outside training."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal, run_lite


def test_it_is_the_tensor_itself() -> None:
    inputs = {"x": normal(2, 3)}
    made = to_tflite(node_model("Dropout", inputs))
    np.testing.assert_array_equal(run_lite(made, inputs)["y"], inputs["x"])


def test_the_mask_is_true_everywhere() -> None:
    inputs = {"x": normal(2, 3)}
    made = to_tflite(node_model("Dropout", inputs, outputs=["y", "mask"]))
    found = run_lite(made, inputs)
    np.testing.assert_array_equal(found["y"], inputs["x"])
    assert found["mask"].dtype == np.bool_
    assert found["mask"].all()


@pytest.mark.parametrize(("ratio", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_dropped(ratio: float, training: bool) -> None:
    inputs = {"x": normal(2, 3)}
    constants = {"ratio": np.array(ratio, np.float32), "training": np.array(training)}
    check_agrees(node_model("Dropout", inputs, constants=constants), inputs)


def test_training_is_refused() -> None:
    constants = {"ratio": np.array(0.5, np.float32), "training": np.array(True)}
    with pytest.raises(ModelError, match="random"):
        to_tflite(node_model("Dropout", {"x": normal(2, 3)}, constants=constants))
    inputs = {"x": normal(2), "ratio": np.array(0.5, np.float32), "training": np.array(True)}
    with pytest.raises(ModelError, match="training mode"):
        to_tflite(node_model("Dropout", inputs))
