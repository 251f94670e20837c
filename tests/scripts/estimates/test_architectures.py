"""The networks have the parameters and multiply-accumulates that are published of them."""

from __future__ import annotations

import math

import onnx
import pytest

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from scripts.estimates.architectures import NETWORKS

# In millions, of torchvision's models (MobileNetV1: the paper's table 4); batch norms are folded here.
PUBLISHED = {
    "GoogLeNet 224": (6.62, 1498),
    "MobileNetV1 224": (4.2, 569),
    "MobileNetV2 224": (3.50, 301),
    "MobileNetV3-Large 224": (5.48, 217),
    "MobileNetV3-Small 224": (2.54, 56.5),
    "ResNet-18 224": (11.69, 1814),
    "ResNet-50 224": (25.56, 4089),
    "ShuffleNetV2 1.0x 224": (2.28, 145),
    "SqueezeNet 1.0 224": (1.25, 819),
    "Wide ResNet-50-2 224": (68.88, 11398),
}


def test_all_are_checked() -> None:
    assert PUBLISHED.keys() == NETWORKS.keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_macs_are_as_published(name: str) -> None:
    model = infer_shapes(NETWORKS[name]())
    parameters, macs = PUBLISHED[name]
    assert sum(count_macs(model).values()) == pytest.approx(macs * 1e6, rel=0.005)
    floats = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT]
    assert sum(math.prod(one.dims) for one in floats) == pytest.approx(parameters * 1e6, rel=0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_all_shapes_follow_and_a_thousand_classes_come_out(name: str) -> None:
    model = infer_shapes(NETWORKS[name]())
    shapes = known_shapes(model)
    assert all(dim > 0 for node in model.graph.node for one in node.output for dim in shapes[one])
    assert math.prod(shapes[model.graph.output[0].name]) == 1000
