"""A graph in pieces that hand on to each other."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import relay
from edgeinfer_converters.quantize.execution import open_session, run_session
from edgeinfer_converters.quantize.relay import Relay, piece_ends
from tests.fixtures.graphs import GRAPHS, PLANE, conv, filters, graph_of, samples_of

PLANE_BYTES = 4 * 8 * 8 * 4


def activations(model: onnx.ModelProto) -> tuple[str, ...]:
    view = GraphView(model)
    return (*view.inputs, *(name for node in view.nodes for name in node.output))


def whole(model: onnx.ModelProto, sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All activations, out of one session."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = [name for name in activations(model) if name not in sample]
    given = {value.name for value in probe.graph.output}
    probe.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in names if name not in given
    )
    found = run_session(open_session(probe.SerializeToString()), names, sample, "whole")
    return sample | dict(zip(names, found, strict=True))


def deep(layers: int = 12) -> onnx.ModelProto:
    """Convolutions one behind the other."""
    names = ["x", *(f"t{index}" for index in range(layers - 1)), "y"]
    nodes = [conv(source, target) for source, target in itertools.pairwise(names)]
    return graph_of(nodes, PLANE, {"w": filters() / 4})


@pytest.mark.parametrize("piece_bytes", [1, 2000, 10**9])
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_each_tensor_comes_once_and_as_from_the_whole_graph(
    name: str, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PIECE_BYTES", piece_bytes)
    model = GRAPHS[name]()
    (sample,) = samples_of(model, 1, seed=3)
    wanted = whole(model, sample)
    seen: list[str] = []
    for part in Relay(model, activations(model)).run(sample, "here"):
        seen.extend(part)
        for tensor, values in part.items():
            np.testing.assert_array_equal(values, wanted[tensor])
    assert sorted(seen) == sorted(activations(model))


def test_a_part_is_a_part_however_deep_the_graph_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PIECE_BYTES", 3 * PLANE_BYTES)
    for layers in (6, 24):
        model = deep(layers)
        parts = list(Relay(model, activations(model)).run(next(iter(samples_of(model, 1))), "here"))
        held = [sum(values.nbytes for values in part.values()) for part in parts]
        assert max(held) == 3 * PLANE_BYTES
        assert sum(held) == (layers + 1) * PLANE_BYTES


def test_only_what_was_asked_for_comes() -> None:
    model = deep()
    (sample,) = samples_of(model, 1)
    parts = list(Relay(model, ("t3", "t7")).run(sample, "here"))
    assert sorted(name for part in parts for name in part) == ["t3", "t7"]


def test_a_piece_ends_only_behind_a_tensor_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PIECE_BYTES", 1)
    model = deep()
    assert piece_ends(model, frozenset({"t3", "t7"})) == [4, 8, 12]
    assert piece_ends(model, frozenset({"t3", "y"})) == [4, 12]
    assert piece_ends(model, frozenset()) == [12]


def test_no_piece_ends_where_something_unknown_would_be_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PIECE_BYTES", 1)
    model = deep()
    known = [value for value in model.graph.value_info if value.name != "t3"]
    del model.graph.value_info[:]
    model.graph.value_info.extend(known)
    assert piece_ends(model, frozenset({"t2", "t3", "t4"})) == [3, 5, 12]


def test_an_error_names_the_sample() -> None:
    model = deep()
    with pytest.raises(ModelError, match="sample 7: ONNX Runtime cannot run the model"):
        list(Relay(model, ("t3",)).run({"x": np.zeros((1, 3, 8, 8), np.float32)}, "sample 7"))
