"""Operators that work along other axes than that of the channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from tests.fixtures.pruning import between, check_pruned, one, only, reason


def lanes(model: onnx.ModelProto) -> dict[str, int]:
    """The axis of the channels, by tensor."""
    return {lane.tensor: lane.axis for lane in only(model).tensors}


TURNED = one("Transpose", ["a"], ["t"], perm=[0, 2, 1, 3])
BACK = one("Transpose", ["u"], ["b"], perm=[0, 2, 1, 3])


@pytest.mark.parametrize("kind", ["AveragePool", "LpPool", "MaxPool"])
def test_windows_keep_channels(kind: str) -> None:
    model = between([one(kind, kernel_shape=[2, 2], strides=[2, 2])])
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [0, 2]})


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
def test_pools_of_the_whole_plane_keep_channels(kind: str) -> None:
    check_pruned(between([one(kind)]), {"conv_a": [0, 2]})


def test_indices_of_a_pool_freeze() -> None:
    model = between(
        [one("MaxPool", ["a"], ["b", "places"], kernel_shape=[1, 1]), one("Neg", ["places"], ["n"])]
    )
    assert "more than one result" in reason(model)


def test_pools_of_channels_freeze() -> None:
    model = between([TURNED, one("MaxPool", ["t"], ["u"], kernel_shape=[1, 1]), BACK])
    assert "another axis" in reason(model)


@pytest.mark.parametrize(
    "kind", ["ReduceMean", "ReduceMax", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"]
)
def test_sums_over_planes_keep_channels(kind: str) -> None:
    model = between([one(kind, axes=[2, -1])])
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [1, 3]})


def test_axes_that_vanish_move_the_channels() -> None:
    nodes = [one("ReduceMean", ["a"], ["c"], axes=[0, 2], keepdims=0), one("Unsqueeze", ["c", "axes"])]
    model = between(nodes, {"axes": np.array([0, 2])})
    assert lanes(model) == {"a": 1, "c": 0, "b": 1}
    check_pruned(model, {"conv_a": [1, 3]})


def test_axes_may_be_an_input() -> None:
    model = between([one("ReduceSum", ["a", "axes"])], {"axes": np.array([-1, -2])})
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [1]})


@pytest.mark.parametrize("axes", [{"axes": [1]}, {"axes": [-3, 2]}, {}])
def test_sums_over_channels_freeze(axes: dict[str, Any]) -> None:
    nodes = [one("ReduceMean", ["a"], ["c"], **axes), one("Expand", ["c", "shape"])]
    model = between(nodes, {"shape": np.array([1, 4, 8, 8])})
    assert reason(model) == "ReduceMean `reducemean_c`: it mixes the channels"


def test_a_sum_over_no_axes_freezes() -> None:
    model = between([one("ReduceSum", noop_with_empty_axes=1)])
    assert "it has no axes" in reason(model)


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Hardmax"])
def test_a_softmax_of_pixels_keeps_channels(kind: str) -> None:
    check_pruned(between([one(kind)]), {"conv_a": [1]})
    check_pruned(between([one(kind, axis=2)]), {"conv_a": [1]})


@pytest.mark.parametrize("axis", [1, -3])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "LpNormalization"])
def test_a_softmax_of_channels_freezes(kind: str, axis: int) -> None:
    assert "it mixes the channels" in reason(between([one(kind, axis=axis)]))


def test_a_layer_normalization_behind_the_channels_keeps_them() -> None:
    model = between([one("LayerNormalization", ["a", "k"], axis=2)], {"k": np.ones((8, 8))})
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [1, 2]})


@pytest.mark.parametrize(
    ("axis", "shape", "why"),
    [
        (1, (4, 8, 8), "it mixes the channels"),
        (-3, (4, 8, 8), "it mixes the channels"),
        (2, (4, 8, 8), "its parameters reach ahead"),
    ],
)
def test_other_layer_normalizations_freeze(axis: int, shape: tuple[int, ...], why: str) -> None:
    model = between([one("LayerNormalization", ["a", "k"], axis=axis)], {"k": np.ones(shape)})
    assert why in reason(model)


def test_a_batch_normalization_carries_its_four_constants() -> None:
    constants = {name: np.arange(1.0, 5) * factor for name, factor in zip("pqrs", (1, 2, 3, 4), strict=True)}
    model = between([one("BatchNormalization", ["a", *"pqrs"])], constants)
    (carrier,) = only(model).carried
    assert [(lane.tensor, lane.axis) for lane in carrier.constants] == [(name, 0) for name in "pqrs"]
    check_pruned(model, {"conv_a": [0, 3]})


def test_one_constant_may_stand_in_two_places() -> None:
    model = between(
        [one("BatchNormalization", ["a", "p", "q", "q", "p"])], {"p": np.ones(4), "q": np.arange(4.0)}
    )
    assert [lane.tensor for lane in only(model).carried[0].constants] == ["p", "q"]
    check_pruned(model, {"conv_a": [0, 3]})


def test_a_batch_normalization_in_training_freezes() -> None:
    node = one("BatchNormalization", ["a", *"pqrs"], ["b", "m", "v2"], training_mode=1)
    model = between([node], dict.fromkeys("pqrs", np.ones(4)))
    assert "it is in training" in reason(model)


def test_an_instance_normalization_carries_scale_and_bias() -> None:
    model = between([one("InstanceNormalization", ["a", "p", "q"])], {"p": np.arange(4.0), "q": np.ones(4)})
    assert [lane.tensor for lane in only(model).carried[0].constants] == ["p", "q"]
    check_pruned(model, {"conv_a": [2]})


def test_normalizations_with_computed_parameters_or_of_another_axis_freeze() -> None:
    mean = one("ReduceMean", ["a"], ["m"], axes=[0, 2, 3], keepdims=0)
    computed = between([mean, one("InstanceNormalization", ["a", "m", "q"])], {"q": np.ones(4)})
    assert "its parameters are computed" in reason(computed)
    turned = between([TURNED, one("InstanceNormalization", ["t", "q", "q"], ["u"]), BACK], {"q": np.ones(8)})
    assert "another axis" in reason(turned)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_a_border_keeps_channels(mode: str) -> None:
    model = between([one("Pad", ["a", "sides"], mode=mode)], {"sides": np.array([0, 0, 1, 2, 0, 0, 0, 1])})
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [2, 3]})


def test_a_border_may_name_its_axes() -> None:
    constants = {"sides": np.array([1, 2, 0, 1]), "axes": np.array([-1, 2])}
    model = between([one("Pad", ["a", "sides", "", "axes"])], constants, opset=18)
    check_pruned(model, {"conv_a": [2, 3]})


def test_a_border_of_channels_freezes() -> None:
    model = between([one("Pad", ["a", "sides"])], {"sides": np.array([0, 1, 0, 0, 0, 0, 0, 0])}, last=5)
    assert "it adds channels" in reason(model)
    negative = between([one("Pad", ["a", "sides"])], {"sides": np.array([0, -1, 0, 0, 0, 1, 0, 0])})
    assert "it adds channels" in reason(negative)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resizing_planes_keeps_channels(mode: str) -> None:
    model = between([one("Resize", ["a", "", "scales"], mode=mode)], {"scales": np.array([1.0, 1, 1.5, 2])})
    assert lanes(model) == {"a": 1, "b": 1}
    check_pruned(model, {"conv_a": [0, 3]})


@pytest.mark.parametrize(
    ("constants", "attributes"),
    [
        ({"scales": np.array([1.0, 0.5, 1, 1])}, {}),
        ({"scales": np.array([1.0, 1.2, 1, 1])}, {}),
        ({"sizes": np.array([16, 16])}, {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}),
    ],
)
def test_resizing_channels_freezes(constants: dict[str, np.ndarray], attributes: dict[str, Any]) -> None:
    inputs = ["a", "", "scales"] if "scales" in constants else ["a", "", "", "sizes"]
    last = 2 if constants.get("scales", np.ones(2))[1] < 1 else 4
    model = between([one("Resize", inputs, mode="nearest", **attributes)], constants, opset=18, last=last)
    assert "it scales the axis of the channels" in reason(model)
