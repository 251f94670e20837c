"""Samples and activations that do not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from onnx import helper

from edgeinfer.errors import DataError
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.checks import check_finite, finite_extremes
from tests.fixtures.graphs import PLANE, classifier, conv, filters, graph_of, samples_of

Sample = dict[str, np.ndarray]
ANY_FLOATS = arrays(np.float32, array_shapes(min_side=0), elements=st.floats(width=32))


def quiet(_: int) -> None:
    return None


@given(values=ANY_FLOATS)
def test_both_checks_find_what_is_no_number(values: np.ndarray) -> None:
    if np.isfinite(values).all():
        check_finite(values, "here")
        found = finite_extremes(values, "here")
        assert found == ((values.min(), values.max()) if values.size else (0.0, 0.0))
        return
    for check in (check_finite, finite_extremes):
        with pytest.raises(DataError, match=r"^here holds NaN or infinity$"):
            check(values, "here")


def wrong(change: Callable[[np.ndarray], Sample]) -> list[Sample]:
    good, bad = samples_of(classifier(), 2)
    return [good, change(bad["image"])]


def with_value(image: np.ndarray, value: float) -> Sample:
    image[0, 1, 2, 3] = value
    return {"image": image}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: {"picture": image}, "expected the inputs `image`, got `picture`"),
        (lambda image: {}, "expected the inputs `image`, got none"),
        (lambda image: {"image": image, "x": image}, "expected the inputs `image`, got `image`, `x`"),
        (lambda image: {"image": image.astype(np.float64)}, "input `image`: expected float32, got float64"),
        (lambda image: {"image": image[0]}, r"expected the shape \[1, 3, 16, 16\], got \[3, 16, 16\]"),
        (lambda image: {"image": image[:, :1]}, r"expected the shape .* got \[1, 1, 16, 16\]"),
        (lambda image: with_value(image, np.nan), "input `image` holds NaN or infinity"),
        (lambda image: with_value(image, np.inf), "input `image` holds NaN or infinity"),
        (lambda image: with_value(image, -np.inf), "input `image` holds NaN or infinity"),
    ],
)
def test_wrong_samples(change: Callable[[np.ndarray], Sample], message: str) -> None:
    with pytest.raises(DataError, match=f"calibration sample 2 of 2.*{message}") as caught:
        observe(classifier(), wrong(change), total=2, progress=quiet)
    assert caught.value.hint


def test_infinity_inside_the_network_is_named() -> None:
    nodes = [helper.make_node("Exp", ["x"], ["e"], "exp"), conv("e", "y")]
    model = graph_of(nodes, PLANE, {"w": filters()})
    sample = {"x": np.full(PLANE, 100, np.float32)}
    with pytest.raises(DataError, match="sample 1 of 1: the activation `e` holds NaN or infinity"):
        observe(model, [sample], total=1, progress=quiet)


def test_large_values_whose_sum_overflows_are_no_fault() -> None:
    model = graph_of([conv("x", "y")], PLANE, {"w": np.zeros((4, 4, 3, 3))})
    sample = {"x": np.full(PLANE, 3e38, np.float32)}
    ranges = observe(model, [sample], total=1, progress=quiet)
    assert ranges.histograms["x"].maximum == np.float32(3e38)
