"""What arrives at the outputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer_converters.prune import probe as module
from edgeinfer_converters.prune.probe import Probe
from tests.fixtures.graphs import graph_of, residual, run, samples_of

COUNT = 6


def scaled(model: onnx.ModelProto, place: int, factor: float) -> dict[str, onnx.TensorProto]:
    name = model.graph.node[place].input[1]
    (tensor,) = [one for one in model.graph.initializer if one.name == name]
    return {name: numpy_helper.from_array(factor * numpy_helper.to_array(tensor), name)}


def directly(model: onnx.ModelProto, changed: dict[str, onnx.TensorProto]) -> float:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for tensor in other.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(changed[tensor.name])
    clean = np.stack([run(model, one)[0] for one in samples_of(model, COUNT)])
    found = np.stack([run(other, one)[0] for one in samples_of(model, COUNT)])
    return float(np.square(found - clean).sum() / np.square(clean - clean.mean(axis=0)).sum())


@pytest.mark.parametrize("position", [0, 2])
def test_noise_is_that_of_the_outputs(position: int) -> None:
    model = residual()
    probe = Probe(model, samples_of(model, COUNT), COUNT)
    probe.advance(position)
    changed = scaled(model, 2, 0.5)
    assert probe.noise(changed) == pytest.approx(directly(model, changed), rel=1e-3)
    assert probe.noise({}) == pytest.approx(0, abs=1e-9)


def test_another_model_differs_as_its_outputs_do() -> None:
    model = residual()
    probe = Probe(model, samples_of(model, COUNT), COUNT)
    changed = scaled(model, 2, 0.5)
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for tensor in other.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(changed[tensor.name])
    assert probe.difference(other) == pytest.approx(probe.noise(changed), rel=1e-4)
    assert probe.difference(model) == pytest.approx(0, abs=1e-9)


def test_samples_wait_where_they_are_told_to() -> None:
    model = residual()
    probe = Probe(model, samples_of(model, COUNT), COUNT)
    before = [probe.noise(scaled(model, 2, 1.5))]
    for position in (1, 1, 2):
        probe.advance(position)
        before.append(probe.noise(scaled(model, 2, 1.5)))
    assert before[0] > 0
    np.testing.assert_allclose(before, before[0], rtol=1e-4)


def test_differences_are_measured_before_a_softmax() -> None:
    """Behind it hardly anything is left of them: one class is certain."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "product"),
        helper.make_node("Softmax", ["a"], ["y"], "softmax", axis=1),
    ]
    weights = 100 * np.random.default_rng(0).normal(size=(4, 5))
    model = graph_of(nodes, (1, 5), {"w": weights}, shape=(1, 4))
    probe = Probe(model, samples_of(model, COUNT), COUNT)
    assert probe.noise(scaled(model, 0, 2.0)) > 0.9


def test_memory_bounds_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model = residual()
    monkeypatch.setattr(module, "MEMORY_BYTES", 1)
    taken = 0

    def samples() -> Iterator[dict[str, np.ndarray]]:
        nonlocal taken
        for one in samples_of(model, COUNT):
            taken += 1
            yield one

    Probe(model, samples(), COUNT)
    assert taken == 4
