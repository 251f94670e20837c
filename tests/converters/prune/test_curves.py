"""The damage at the outputs, by how many channels a group loses."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.curves import measure_curve, without
from edgeinfer_converters.prune.importance import observe_grams, rank, readers_of
from edgeinfer_converters.prune.probe import Probe
from tests.fixtures.graphs import conv, filters, graph_of, run, samples_of
from tests.fixtures.pruning import grouping_of

COUNT = 20


def chain(first: np.ndarray) -> onnx.ModelProto:
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v")]
    return add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": first, "v": filters(4, len(first), seed=1)}))


def changed_model(model: onnx.ModelProto, changed: dict[str, onnx.TensorProto]) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for tensor in other.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(changed[tensor.name])
    return other


def twins() -> np.ndarray:
    first = filters(8, 4)
    first[4:] = 2 * first[:4]
    return first


def test_without_twins_nothing_is_lost() -> None:
    """Least squares recovers exactly what copies carried; without it, half of everything is gone."""
    model = chain(twins())
    view = GraphView(model)
    readers = readers_of(view, grouping_of(model).groups[0])
    grams = observe_grams(model, samples_of(model, 60), 60)
    changed = without(view, readers[0], grams, np.arange(4, 8))
    weights = numpy_helper.to_array(changed[readers[0].node.input[1]])
    assert not weights[:, 4:].any()
    plain = dict(changed)
    zeroed = np.array(view.constant(readers[0].node.input[1]))
    zeroed[:, 4:] = 0
    plain[readers[0].node.input[1]] = numpy_helper.from_array(zeroed, readers[0].node.input[1])
    (sample,) = samples_of(model, 1, seed=8)
    wanted = run(model, sample)[0]
    error = np.square(run(changed_model(model, changed), sample)[0] - wanted).mean()
    assert error < 0.01 * np.square(run(changed_model(model, plain), sample)[0] - wanted).mean()


def test_the_bias_makes_up_for_the_mean() -> None:
    model = chain(filters(8, 4))
    view = GraphView(model)
    (reader,) = readers_of(view, grouping_of(model).groups[0])
    grams = observe_grams(model, samples_of(model, COUNT), COUNT)
    other = changed_model(model, without(view, reader, grams, np.arange(0, 6)))
    shifts = [run(other, one)[0] - run(model, one)[0] for one in samples_of(model, COUNT)]
    spread = np.std(shifts)
    np.testing.assert_allclose(np.mean(shifts, axis=(0, 1, 3, 4)), 0, atol=0.05 * spread)


@pytest.mark.parametrize("first", [twins(), filters(8, 4)])
def test_curves_begin_at_nothing_and_never_fall(first: np.ndarray) -> None:
    model = chain(first)
    view = GraphView(model)
    readers = readers_of(view, grouping_of(model).groups[0])
    grams = observe_grams(model, samples_of(model, 60), 60)
    probe = Probe(model, samples_of(model, COUNT, seed=5), COUNT)
    before = probe.noise({})
    curve = measure_curve(view, probe, readers, grams, rank(readers, grams, 8))
    assert curve.channels == 8
    assert curve.damages[0] == 0
    assert (np.diff(curve.damages) >= 0).all()
    assert probe.noise({}) == before
    if first[4, 0, 0, 0] == 2 * first[0, 0, 0, 0]:
        assert curve.damages[4] < 0.1 * curve.damages[6]
    else:
        assert curve.damages[4] > 0.1 * curve.damages[6]


def test_curves_meet_the_measurements() -> None:
    model = chain(filters(8, 4))
    view = GraphView(model)
    readers = readers_of(view, grouping_of(model).groups[0])
    grams = observe_grams(model, samples_of(model, 60), 60)
    probe = Probe(model, samples_of(model, COUNT, seed=5), COUNT)
    ranking = rank(readers, grams, 8)
    curve = measure_curve(view, probe, readers, grams, ranking)
    for count in (1, 2, 6):
        noise = probe.noise(without(view, readers[0], grams, np.sort(ranking.order[:count])))
        assert curve.damages[count] == pytest.approx(noise, rel=1e-6)
