"""Gram matrices of the columns of products."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import hessian
from edgeinfer_converters.quantize.hessian import GramObserver, Grams, as_rows, columns_of, from_rows
from tests.fixtures.graphs import graph_of

CONVOLUTIONS: dict[str, tuple[tuple[int, ...], dict]] = {
    "plain": ((6, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    "strides": ((6, 4, 3, 3), {"pads": [0, 1, 2, 1], "strides": [2, 3]}),
    "dilations": ((6, 4, 3, 2), {"dilations": [2, 1]}),
    "groups": ((6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    "depthwise": ((4, 1, 3, 3), {"group": 4}),
    "same_upper": ((6, 4, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same_lower": ((6, 4, 2, 2), {"auto_pad": "SAME_LOWER"}),
    "valid": ((6, 4, 2, 2), {"auto_pad": "VALID"}),
}


def run(model: object, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(),  # type: ignore[attr-defined]  # a model
        providers=["CPUExecutionProvider"],
    )
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize("name", sorted(CONVOLUTIONS))
@pytest.mark.parametrize("widest", [1152, 20])
def test_weights_times_columns_are_the_convolution(
    name: str, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hessian, "MAX_WIDTH", widest)
    shape, attributes = CONVOLUTIONS[name]
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=shape).astype(np.float32), rng.normal(size=(1, 4, 9, 7)).astype(np.float32)
    probe = helper.make_node("Conv", ["x", "w"], ["y"], "conv", **attributes)
    size = run_shape(shape, attributes)
    model = graph_of([probe], (1, shape[0], *size), {"w": weights}, shape=(1, 4, 9, 7))
    (node,) = model.graph.node
    columns = columns_of(GraphView(model))["conv"]
    assert columns.width <= widest
    assert (columns.blocks > 1) == (columns.width * columns.blocks > widest)
    arranged = columns.arrange(as_rows(node, weights))
    np.testing.assert_array_equal(from_rows(node, columns.restore(arranged), weights.shape), weights)
    products = np.einsum("rgw,gow->rgo", columns.take(x, 3), arranged)
    summed = products.reshape(len(products), columns.groups, columns.blocks, -1).sum(axis=2)
    expected = run(model, x)
    found = summed.reshape(*expected.shape[2:], shape[0]).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected[0], atol=1e-4)
    few = np.einsum("rgw,gow->rgo", columns.take(x, 5, 7), arranged)
    few = few.reshape(len(few), columns.groups, columns.blocks, -1).sum(axis=2)
    np.testing.assert_allclose(columns.results(expected, 5, 7), few, atol=1e-4)


EVERY: dict[str, tuple[str, tuple[int, ...], dict]] = {
    "line": ("Conv", (6, 4, 3), {"pads": [1, 2], "strides": [2]}),
    "line_same": ("Conv", (6, 4, 4), {"auto_pad": "SAME_UPPER", "strides": [2]}),
    "line_valid": ("Conv", (6, 4, 2), {"auto_pad": "VALID"}),
    "volume": ("Conv", (6, 2, 3, 2, 1), {"group": 2, "pads": [1, 0, 0, 0, 1, 0], "dilations": [1, 2, 1]}),
    "transposed": ("ConvTranspose", (4, 6, 3, 3), {"pads": [1, 1, 1, 1]}),
    "upwards": ("ConvTranspose", (4, 6, 3, 2), {"strides": [2, 3], "output_padding": [1, 0]}),
    "cut": ("ConvTranspose", (4, 6, 1, 3), {"pads": [1, 0, 2, 1], "dilations": [1, 2]}),
    "transposed_groups": ("ConvTranspose", (4, 3, 3, 3), {"group": 2, "strides": [2, 2], "pads": [1] * 4}),
    "transposed_valid": ("ConvTranspose", (4, 6, 2, 2), {"auto_pad": "VALID", "strides": [2, 2]}),
    "transposed_line": ("ConvTranspose", (4, 6, 4), {"pads": [1, 1], "strides": [2]}),
}


def one_convolution(kind: str, weights: np.ndarray, x: np.ndarray, attributes: dict) -> onnx.ModelProto:
    """Without a clean-up, its shapes inferred."""
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "w"], ["y"], "conv", **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    return infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))


@pytest.mark.parametrize("name", sorted(EVERY))
@pytest.mark.parametrize("widest", [1152, 20])
def test_every_convolution_is_a_product_of_columns(
    name: str, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hessian, "MAX_WIDTH", widest)
    kind, shape, attributes = EVERY[name]
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape).astype(np.float32)
    x = rng.normal(size=(1, 4, *(6, 5, 4)[: len(shape) - 2])).astype(np.float32)
    model = one_convolution(kind, weights, x, attributes)
    view, node = GraphView(model), model.graph.node[0]
    assert columns_of(view) == {} or (kind, len(shape)) == ("Conv", 4)
    columns = columns_of(view, every=True)["conv"]
    rows = as_rows(node, weights)
    arranged = columns.arrange(rows)
    np.testing.assert_array_equal(from_rows(node, columns.restore(arranged), weights.shape), weights)
    expected = run(model, x)
    for offset, most in ((3, 10_000), (5, 7)):
        products = np.einsum("rgw,gow->rgo", columns.take(x, offset, most), arranged)
        found = products.reshape(len(products), columns.groups, columns.blocks, -1).sum(axis=2)
        np.testing.assert_allclose(columns.results(expected, offset, most), found, atol=1e-4)


@pytest.mark.parametrize("attributes", [{"auto_pad": "SAME_UPPER"}, {"output_shape": [6, 5]}])
def test_transposed_convolutions_whose_size_says_what_they_pad_are_left_out(attributes: dict) -> None:
    weights, x = np.ones((4, 6, 3, 3), np.float32), np.ones((1, 4, 6, 5), np.float32)
    model = one_convolution("ConvTranspose", weights, x, attributes)
    assert columns_of(GraphView(model), every=True) == {}


def run_shape(shape: tuple[int, ...], attributes: dict) -> tuple[int, int]:
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)],
            "g",
            [
                helper.make_tensor_value_info("x", 1, (1, 4, 9, 7)),
                helper.make_tensor_value_info("w", 1, shape),
            ],
            [helper.make_tensor_value_info("y", 1, None)],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"x": np.zeros((1, 4, 9, 7), np.float32), "w": np.zeros(shape, np.float32)}
    return session.run(None, inputs)[0].shape[2:]


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_matrix_product(transposed: int) -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3) if transposed else (3, 5)).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "gemm", transB=transposed)
    model = graph_of([node], (1, 5), {"w": weights}, shape=(1, 3))
    columns = columns_of(GraphView(model))["gemm"]
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    rows = columns.arrange(as_rows(node, weights))
    np.testing.assert_allclose((columns.take(x, 0)[0] * rows[0]).sum(axis=1), run(model, x)[0], rtol=1e-5)


def test_the_gram_matrix_is_the_mean_over_all_positions_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hessian, "_ROWS_AT_ONCE", 100)
    columns = hessian.Columns(1, 1, 4, (2, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    observer = GramObserver(columns)
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(1, 2, 6, 8)).astype(np.float32) for _ in range(9)]
    for one in samples:
        observer.update(one)
    gram = observer.result()
    assert gram.positions == 9 * 40
    rows = np.concatenate([columns.take(one, 0) for one in samples])[:, 0]
    np.testing.assert_allclose(gram.matrices[0], rows.T @ rows / len(rows), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gram.means[0], rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(gram.centred()[0], np.cov(rows.T, bias=True), rtol=1e-3, atol=1e-4)


def test_large_pictures_are_looked_at_in_places_that_change_from_sample_to_sample() -> None:
    columns = hessian.Columns(1, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    picture = np.arange(10_000, dtype=np.float32).reshape(1, 1, 100, 100)
    one, other = (columns.take(picture, offset).reshape(-1) for offset in (0, 1))
    assert len(one) == len(other) == hessian.POSITIONS
    assert not set(one) & set(other)


@pytest.mark.parametrize(
    ("groups", "width", "samples", "positions"),
    [
        (65, 1, 64, 16),
        (65, 32, 512, 16),
        (65, 33, 512, 64),
        (65, 32, 63, 64),
        (64, 32, 512, 64),
        (65, 1, 0, 64),
    ],
)
def test_few_positions_of_many_samples_are_enough_for_many_narrow_matrices(
    groups: int, width: int, samples: int, positions: int
) -> None:
    observer = GramObserver(hessian.Columns(groups, 1, width), samples)
    observer.update(np.ones((100, groups * width), np.float32))
    assert observer.result().positions == positions


@pytest.mark.parametrize(
    ("width", "rows", "samples", "seen"),
    [
        (9, 100, 128, 32),
        (64, 100, 128, 32),
        (200, 100, 128, 64),
        (400, 100, 128, 128),
        (9, 100, 16, 8),
        (9, 100, 0, 128),
        (64, 1, 128, 128),
        (64, 1, 2048, 1024),
    ],
)
def test_a_sparing_observer_passes_samples_over_when_it_sees_enough(
    width: int, rows: int, samples: int, seen: int
) -> None:
    columns = hessian.Columns(1, 1, width)
    plain, sparing = GramObserver(columns, samples), GramObserver(columns, samples, sparing=True)
    for _ in range(samples or 128):
        for one in (plain, sparing):
            one.update(np.ones((rows, width), np.float32))
    of_each = min(rows, 64)
    assert plain.result().positions == of_each * (samples or 128)
    assert sparing.result().positions == of_each * seen


def test_a_sparing_observer_goes_on_as_it_began() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(100, 9)).astype(np.float32) for _ in range(64)]
    columns = hessian.Columns(1, 1, 9)
    whole, first, second = (GramObserver(columns, 64, sparing=True) for _ in range(3))
    for one in samples:
        whole.update(one)
    for one in samples[:9]:
        first.update(one)
    second.restore(first.state())
    for one in samples[9:]:
        second.update(one)
    np.testing.assert_array_equal(second.result().matrices, whole.result().matrices)
    assert second.result().positions == whole.result().positions


def test_columns_of_wide_matrices_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hessian, "_ROWS_OF_WIDE", 20)
    monkeypatch.setattr(hessian, "POSITIONS", 8)
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(8, 300)).astype(np.float32) for _ in range(4)]
    observer = GramObserver(hessian.Columns(1, 1, 300))
    held = []
    for one in samples:
        observer.update(one)
        held.append(observer.state()["waiting"].shape[1])
    assert held == [8, 16, 8, 16]
    rows = np.concatenate(samples)
    np.testing.assert_allclose(observer.result().matrices[0], rows.T @ rows / 32, rtol=1e-4, atol=1e-5)


def test_shelved_matrices_are_those_of_the_observers() -> None:
    rng = np.random.default_rng(0)
    widths = {"narrow": 3, "wide": 300}
    observers = {name: GramObserver(hessian.Columns(1, 1, width)) for name, width in widths.items()}
    for name, observer in observers.items():
        for _ in range(3):
            observer.update(rng.normal(0, 1, (5, widths[name])).astype(np.float32))
    grams = Grams(observers)
    assert dict.fromkeys(grams) == dict.fromkeys(widths)
    assert len(grams) == 2
    for name, observer in observers.items():
        wanted, found = observer.result(), grams[name]
        np.testing.assert_array_equal(found.matrices, wanted.matrices)
        np.testing.assert_array_equal(found.means, wanted.means)
        assert found.positions == wanted.positions == 15
        np.testing.assert_array_equal(grams[name].matrices, found.matrices)
    assert grams.get("other") is None


def test_shelved_matrices_take_no_memory() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        observers = {str(number): GramObserver(hessian.Columns(1, 1, 512)) for number in range(4)}
        held, _ = tracemalloc.get_traced_memory()
        grams = Grams(observers)
        del observers
        left, _ = tracemalloc.get_traced_memory()
        assert len(grams) == 4
    finally:
        tracemalloc.stop()
    assert left - before < (held - before) / 50


def test_nothing_seen() -> None:
    gram = GramObserver(hessian.Columns(1, 1, 3)).result()
    assert gram.positions == 0
    assert not gram.matrices.any()


COLUMNS = hessian.Columns(2, 2, 4, (2, 1), (1, 1), (0, 0, 0, 0), (1, 1))


def observed(count: int, observer: GramObserver | None = None, start: int = 0) -> GramObserver:
    """After `count` samples from `start` on, all of the same sequence."""
    rng = np.random.default_rng(1)
    samples = [rng.normal(size=(1, 8, 6, 8)).astype(np.float32) for _ in range(start + count)]
    observer = observer or GramObserver(COLUMNS)
    for one in samples[start:]:
        observer.update(one)
    return observer


@pytest.mark.parametrize("stop", range(8))
def test_a_restored_observer_goes_on_to_the_same_bits(stop: int) -> None:
    second = GramObserver(COLUMNS)
    second.restore(observed(stop).state())
    one, other = observed(8).result(), observed(8 - stop, second, stop).result()
    assert one.matrices.tobytes() == other.matrices.tobytes()
    assert one.means.tobytes() == other.means.tobytes()
    assert one.positions == other.positions


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("counts", np.array([40, -1, 1], np.int64)),
        ("counts", np.array([40, 1], np.int64)),
        ("counts", np.array([40.0, 1.0, 1.0])),
        ("total", np.zeros((4, 5))),
        ("total", np.full((4, 4), np.nan)),
        ("waiting", np.zeros((4, 1, 5), np.float32)),
        ("waiting", np.zeros((5, 1, 4), np.float32)),
        ("waiting", np.zeros((4, 500, 4), np.float32)),
        ("waiting", np.zeros((), np.float32)),
        ("waiting", np.zeros((4, 1, 4))),
        ("strip0", np.zeros((4, 4, 5))),
        ("strip0", np.full((4, 4, 4), np.inf)),
        ("strip1", np.zeros((4, 4, 4))),
    ],
)
def test_what_no_observer_of_this_product_gives(name: str, array: np.ndarray) -> None:
    observer = observed(1)
    before = {key: value.tobytes() for key, value in observer.state().items()}
    with pytest.raises(ValueError, match=r"Gram|product|matrices|NaN"):
        observer.restore({**observer.state(), name: array})
    assert {key: value.tobytes() for key, value in observer.state().items()} == before
