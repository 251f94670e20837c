"""The integers of products."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

import numpy as np
import pytest

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import threads
from edgeinfer_converters.quantize.affine import activation_form
from edgeinfer_converters.quantize.fitting import fit_weights
from edgeinfer_converters.quantize.operators import PRODUCTS
from edgeinfer_converters.quantize.placement import place
from edgeinfer_converters.quantize.products import FittedProduct, fit_products
from edgeinfer_converters.quantize.scales import choose_scales
from tests.fixtures.graphs import GRAPHS, bottlenecks, samples_of


def fitted(name: str, *, grams: bool = True, integer: Integer | None = None) -> dict[str, FittedProduct]:
    model = add_biases(GRAPHS[name]())
    ranges = observe(model, samples_of(model), total=16, progress=lambda _: None, grams=True)
    view, integer = GraphView(model), integer or Integer(activation="int8")
    placement = place(view, frozenset())
    scales = choose_scales(view, placement, ranges, activation_form(integer), "mse")
    return dict(fit_products(view, placement.nodes, scales, integer, ranges.grams if grams else {}))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_all_products_that_are_placed_have_theirs(name: str) -> None:
    found = fitted(name)
    view = GraphView(add_biases(GRAPHS[name]()))
    placed = place(view, frozenset()).nodes
    products = [one for one in view.nodes if one.op_type in PRODUCTS and one.input[1] in view.initializers]
    assert list(found) == [one.name for one in products if one.name in placed]
    for node in products:
        if node.name in found:
            weights = view.constant(node.input[1])
            one = found[node.name]
            assert one.weights.stored.shape == weights.shape
            # Rounded so that the output changes least, weights may move by some steps, but never far.
            largest = np.abs(weights).max()
            assert np.abs(one.weights.dequantize() - weights).max() < 0.05 * largest
            assert (one.bias is None) == (len(node.input) < 3)


def test_without_gram_matrices_they_are_the_nearest_and_biases_stay() -> None:
    view = GraphView(add_biases(GRAPHS["residual"]()))
    for name, one in fitted("residual", grams=False).items():
        node = next(node for node in view.nodes if node.name == name)
        weights = view.constant(node.input[1])
        steps = one.weights.scales.reshape(-1, *(1,) * (weights.ndim - 1))
        assert (np.abs(one.weights.dequantize() - weights) <= steps * 0.501).all()
        assert one.bias is not None
        np.testing.assert_array_equal(one.bias, view.constant(node.input[2]))


def test_reduced_ranges_stay_within_half() -> None:
    for one in fitted("residual", integer=Integer(activation="uint8", reduce_range=True)).values():
        assert np.abs(one.weights.stored.astype(int)).max() <= 64


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = add_biases(bottlenecks(3))
    ranges = observe(model, samples_of(model), total=16, progress=lambda _: None, grams=True)
    view, integer = GraphView(model), Integer(activation="int8")
    placement = place(view, frozenset())
    scales = choose_scales(view, placement, ranges, activation_form(integer), "mse")
    found = []
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    for number in (1, 2):
        monkeypatch.setattr(threads, "THREADS", number)
        found.append(fit_products(view, placement.nodes, scales, integer, ranges.grams))
    assert list(found[0]) == list(found[1])
    for name, one in found[0].items():
        np.testing.assert_array_equal(one.weights.stored, found[1][name].weights.stored)
        np.testing.assert_array_equal(one.weights.scales, found[1][name].weights.scales)
        assert one.bias is not None
        assert found[1][name].bias is not None
        np.testing.assert_array_equal(one.bias, found[1][name].bias)


@pytest.mark.parametrize(("large", "together"), [(0, 1), (10**9, 2)])
def test_large_matrices_are_worked_on_one_at_a_time(
    large: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    lock = Lock()

    def watched(*given: Any, **more: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)  # for the other thread to begin, if it may
        try:
            return fit_weights(*given, **more)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr("edgeinfer_converters.quantize.products.fit_weights", watched)
    monkeypatch.setattr("edgeinfer_converters.quantize.products._LARGE_BYTES", large)
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    assert len(fitted("classifier")) == 3
    assert most == together
