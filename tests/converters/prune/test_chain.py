"""Pruning from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import DataError, ModelError
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune import chain
from edgeinfer_converters.prune.budget import Cost
from edgeinfer_converters.prune.chain import Pruned, prune
from edgeinfer_converters.prune.compensate import Repair
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.prune.magnitude import smallest_removed
from edgeinfer_converters.prune.surgery import keep_channels
from tests.fixtures.graphs import bottlenecks, classifier, conv, filters, graph_of, run, samples_of
from tests.fixtures.pruning import grouping_of

COUNT = 48


def pruned(model: onnx.ModelProto, share: float, *, multiple: int = 1, count: int = COUNT) -> Pruned:
    return prune(model, lambda: samples_of(model, count), count, share, multiple=multiple)


def error(model: onnx.ModelProto, other: onnx.ModelProto) -> float:
    wanted = np.stack([run(model, one)[0] for one in samples_of(model, 20, seed=77)])
    found = np.stack([run(other, one)[0] for one in samples_of(model, 20, seed=77)])
    return float(np.square(wanted - found).sum() / np.square(wanted - wanted.mean(axis=0)).sum())


def plain(model: onnx.ModelProto, share: float) -> onnx.ModelProto:
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, share, macs_cost(view, grouping))
    return keep_channels(model, grouping, {name: one.tolist() for name, one in kept.items()})


def redundant() -> onnx.ModelProto:
    """Half of the first channels are loud copies of the others, which magnitude keeps."""
    first = filters(8, 4)
    first[4:] = 3 * first[:4]
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "c", "v"),
        helper.make_node("Relu", ["c"], ["d"], "relu_d"),
        conv("d", "y", "u"),
    ]
    weights = {"w": first, "v": filters(8, 8, seed=1), "u": filters(4, 8, seed=2)}
    return graph_of(nodes, (1, 4, 8, 8), weights)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("make", [redundant, bottlenecks, classifier])
def test_the_share_goes_and_the_report_says_so(make: Callable[[], onnx.ModelProto], share: float) -> None:
    model = make()
    found = pruned(model, share)
    before, after = (sum(count_macs(one).values()) for one in (model, found.model))
    assert found.share_removed == pytest.approx(1 - after / before)
    assert found.share_removed >= share
    assert found.choices
    assert all(0 < one.kept < one.channels for one in found.choices)
    onnx.checker.check_model(found.model, full_check=True)
    assert [one.name for one in found.model.graph.node] == [one.name for one in model.graph.node]


@pytest.mark.parametrize("make", [redundant, bottlenecks])
def test_far_less_is_lost_than_by_magnitude(make: Callable[[], onnx.ModelProto]) -> None:
    model = make()
    found = pruned(model, 0.3)
    assert error(model, found.model) < 0.34 * error(model, plain(model, 0.3))


def test_copies_go_for_nothing() -> None:
    model = redundant()
    assert error(model, pruned(model, 0.3).model) < 0.02
    assert error(model, plain(model, 0.3)) > 0.1


def test_the_same_arguments_give_the_same_bytes_and_leave_the_model_alone() -> None:
    model = bottlenecks()
    before = model.SerializeToString(deterministic=True)
    one, other = (pruned(model, 0.2).model.SerializeToString(deterministic=True) for _ in range(2))
    assert one == other
    assert model.SerializeToString(deterministic=True) == before


def test_multiples_are_kept_and_a_share_that_is_missed_is_reported() -> None:
    model = redundant()
    found = pruned(model, 0.05, multiple=4)
    assert all(one.kept % 4 == 0 for one in found.choices)
    assert found.share_removed > 0.1
    assert any("the nearest" in warning for warning in found.warnings)


def test_few_samples_are_warned_about() -> None:
    model = classifier()
    assert any("too little" in warning for warning in pruned(model, 0.2, count=3).warnings)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ModelError, match="cannot be removed"):
        pruned(redundant(), share)


def test_what_cannot_be_reached_is_refused_with_what_can() -> None:
    with pytest.raises(ModelError, match=r"no more than \d+% of this model can be removed, 99%"):
        pruned(redundant(), 0.99)


def test_a_model_without_channels_to_remove_is_refused() -> None:
    model = graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": filters()})
    with pytest.raises(ModelError, match="no channels can be removed") as caught:
        pruned(model, 0.2)
    assert "output of the graph" in caught.value.hint


def test_no_samples_are_refused() -> None:
    with pytest.raises(DataError):
        prune(redundant(), lambda: iter(()), 0, 0.2)


def test_the_cost_decides_where_channels_go() -> None:
    """With a cost that only the second layer has, the first one keeps all."""
    model = redundant()

    def second_only(view: GraphView, grouping: Grouping) -> Cost:
        return lambda kept: float(kept.get("conv_c", 8))

    found = prune(model, lambda: samples_of(model, COUNT), COUNT, 0.25, cost_of=second_only)
    assert [(one.group, one.kept) for one in found.choices] == [("conv_c", 6)]
    assert found.share_removed == pytest.approx(0.25)


def test_progress_says_what_begins() -> None:
    model = redundant()
    told: list[str] = []
    prune(model, lambda: samples_of(model, COUNT), COUNT, 0.2, progress=told.append)
    assert told[0] == "looking at the channels"
    assert any("`conv_c`" in one for one in told)
    assert told[-1] == "mending what is left"


def test_a_surveyed_graph_computes_what_it_did() -> None:
    model = add_biases(bottlenecks())
    found = chain.survey(model, lambda: samples_of(model, COUNT), COUNT)
    assert set(found.curves) == {group.name for group in found.grouping.groups}
    assert error(model, found.model) < 1e-6


def transposed_too(**attributes: Any) -> onnx.ModelProto:
    """An ordinary and a transposed convolution read the same 8 channels, and are added up."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "c", "v"),
        helper.make_node("ConvTranspose", ["b", "t"], ["d"], "transposed", **attributes),
        helper.make_node("Add", ["c", "d"], ["e"], "add"),
        helper.make_node("Relu", ["e"], ["f"], "relu_f"),
        conv("f", "y", "u"),
    ]
    weights = {"w": filters(8, 4), "v": filters(8, 8), "t": filters(8, 8, seed=1), "u": filters(4, 8, seed=2)}
    weights["w"][5:] = 2 * weights["w"][:3]
    return graph_of(nodes, (1, 4, 8, 8), weights)


def test_what_transposed_convolutions_read_can_go() -> None:
    model = transposed_too(pads=[1] * 4)
    found = pruned(model, 0.3)
    assert found.choices[0].group == "conv_a"
    assert error(model, found.model) < 0.05


def test_what_another_kind_of_product_reads_too_stays() -> None:
    found = pruned(transposed_too(auto_pad="SAME_UPPER"), 0.1)
    assert {one.group for one in found.choices} == {"conv_c"}


def along(axes: int, kind: str) -> onnx.ModelProto:
    """A convolution along so many axes whose last channels are copies of the first; `kind` reads them."""
    shape, kernel = (1, 4, *(9, 6, 5)[:axes]), (3,) * axes
    rng = np.random.default_rng(0)
    first = rng.normal(size=(8, 4, *kernel))
    first[4:] = 2 * first[:4]
    weights = {"w": first, "v": rng.normal(size=(8, 8, *kernel)), "u": rng.normal(size=(3, 8, *kernel))}
    pads = [1] * 2 * axes
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first", pads=pads),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node(kind, ["b", "v"], ["c"], "second", pads=pads),
        helper.make_node("Relu", ["c"], ["d"], "relu_d"),
        helper.make_node("Conv", ["d", "u"], ["y"], "last", pads=pads),
    ]
    return graph_of(nodes, (1, 3, *shape[2:]), weights, shape=shape)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_along_any_number_of_axes(axes: int, kind: str) -> None:
    model = along(axes, kind)
    found = pruned(model, 0.35)
    assert [(one.group, one.kept) for one in found.choices] == [("first", 4)]
    assert {one.node for one in found.repairs} == {"second", "last"}
    assert error(model, found.model) < 1e-3


@pytest.mark.parametrize(
    ("few", "said"),
    [
        (("a",), "about `a`, which keeps much of its old weights"),
        (("a", "b"), "about 2 layers (`a`, …), which keep much of their old weights"),
    ],
)
def test_layers_with_few_samples_are_counted_as_one_says_it(few: tuple[str, ...], said: str) -> None:
    enough = Repair("c", 1.0, 0.1, 0.1, rows=100_000, width=4)
    repairs = (*(Repair(name, 1.0, 0.9, 1.0, rows=1, width=64) for name in few), enough)
    (warning,) = chain._warnings(repairs, 0.2, 0.2)
    assert said in warning
