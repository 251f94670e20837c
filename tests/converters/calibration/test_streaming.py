"""Activations that stream by."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer_converters.calibration.streaming import bounded_stream, bounds, stream
from tests.fixtures.graphs import classifier, run, samples_of


def test_bounds_are_those_over_all_samples() -> None:
    model = classifier()
    samples = list(samples_of(model, 4))
    found = bounds(model, ("logits",), samples, total=4)
    logits = np.concatenate([run(model, sample)[0] for sample in samples])
    assert found["logits"] == pytest.approx((float(logits.min()), float(logits.max())), rel=1e-5)


def test_tensors_come_with_their_extremes() -> None:
    model = classifier()
    names = tuple(name for node in model.graph.node for name in node.output)
    samples = list(samples_of(model, 3))
    plain = list(stream(model, names, samples, total=3))
    told: list[int] = []
    bounded = list(bounded_stream(model, names, samples, total=3, progress=told.append))
    assert [list(part) for part in bounded] == [list(part) for part in plain]
    for part, wanted in zip(bounded, plain, strict=True):
        for name, (array, extremes) in part.items():
            np.testing.assert_array_equal(array, wanted[name])
            assert extremes == (wanted[name].min(), wanted[name].max())
    assert told == [1, 1, 1]
