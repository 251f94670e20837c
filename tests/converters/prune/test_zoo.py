"""Real models lose a quarter of each group and still run, in both runtimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.importers.onnx import read_onnx
from edgeinfer_converters.prune.groups import Grouping, find_groups
from edgeinfer_converters.prune.selection import macs_of
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.graphs import run, samples_of
from tests.fixtures.lite import run_lite
from tests.fixtures.pruning import check_pruned, chosen, grouping_of

pytestmark = pytest.mark.zoo

MODELS = {
    "ad": ("mlperf_tiny/ad_toycar_autoencoder_fp32.onnx", 9, 1),
    "kws": ("mlperf_tiny/kws_dscnn_fp32.onnx", 5, 1),
    "mobilenetv2": ("imagenet/mobilenetv2_fp32.onnx", 25, 1),
    "resnet8": ("mlperf_tiny/ic_resnet8_cifar10_fp32.onnx", 6, 1),
    "squeezenet1.1": ("imagenet/squeezenet1.1_fp32.onnx", 25, 1),
    "ultraface": ("detect/ultraface_rfb_320.onnx", 25, 8),
    "vww": ("mlperf_tiny/vww_mobilenetv1_025_96_fp32.onnx", 14, 1),
    "yolox_nano": ("detect/yolox_nano_fp32.onnx", 67, 9),
}
"""The file, the groups that it has, and the products of which no channel can go: those of its outputs."""

ENDS = ("it is an output of the graph", "it mixes the channels", "its inputs lie on different axes")
"""The last: boxes of two and of three anchors, which become rows, meet."""


@pytest.fixture(scope="module", params=MODELS)
def named(request: pytest.FixtureRequest, zoo: Path) -> tuple[str, onnx.ModelProto]:
    model = read_onnx(zoo / "models" / MODELS[request.param][0])
    return request.param, prepare(model, max_opset=17, max_ir_version=9)


def prunable_share(model: onnx.ModelProto, grouping: Grouping) -> float:
    """The share of the multiply-accumulates that read or make channels of a group."""
    macs = count_macs(model)
    nodes = {
        member.node
        for group in grouping.groups
        for member in (*group.producers, *group.consumers, *group.carried)
    }
    return sum(macs.get(node, 0) for node in nodes) / sum(macs.values())


def test_groups_reach_all_that_costs_something(named: tuple[str, onnx.ModelProto]) -> None:
    name, model = named
    grouping = grouping_of(model)
    assert (len(grouping.groups), len(grouping.frozen)) == MODELS[name][1:]
    assert all(group.unit == 1 for group in grouping.groups)
    assert prunable_share(model, grouping) > 0.999
    assert all(any(end in why for end in ENDS) for _, why in grouping.frozen)


def test_a_quarter_of_each_group_goes_and_both_runtimes_agree(named: tuple[str, onnx.ModelProto]) -> None:
    _, model = named
    view, grouping = GraphView(model), grouping_of(model)
    kept = chosen(grouping, share=0.75)
    before, after = macs_of(view, grouping, {}), macs_of(view, grouping, kept)
    assert before == sum(count_macs(model).values())
    assert 0.5 < after / before < 0.72
    smaller = check_pruned(model, kept)
    assert sum(count_macs(smaller).values()) == after
    sample = next(samples_of(smaller, 1))
    names = [value.name for value in smaller.graph.output]
    found = run_lite(to_tflite(smaller), sample)
    for output, wanted in zip(names, run(smaller, sample), strict=True):
        size = float(np.abs(wanted).max())
        np.testing.assert_allclose(found[output], wanted, rtol=1e-3, atol=1e-4 * size)


def test_what_was_pruned_can_be_pruned_again(named: tuple[str, onnx.ModelProto]) -> None:
    name, model = named
    grouping = grouping_of(model)
    smaller = keep_channels(model, grouping, chosen(grouping, share=0.75))
    again = find_groups(GraphView(smaller))
    assert [group.name for group in again.groups] == [group.name for group in grouping.groups]
    assert len(again.frozen) == MODELS[name][2]
    kept = chosen(again, seed=1, share=0.5)
    assert macs_of(GraphView(smaller), again, kept) < macs_of(GraphView(smaller), again, {})
    keep_channels(smaller, again, kept)
