"""Integers as the device computes them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.static import quantize_int8
from scripts.quantization.exact import exact_integers
from tests.fixtures.graphs import classifier, ranges_of, run, samples_of


def test_sessions_made_meanwhile_simulate_integers() -> None:
    model = quantize_int8(classifier(), ranges_of(classifier()), Integer(activation="uint8"))
    (sample,) = samples_of(model, 1, seed=3)
    plain = onnxruntime.InferenceSession
    with exact_integers(needed=True):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert onnxruntime.InferenceSession is plain
    wanted = run(model, sample, optimized=False)[0]
    assert np.abs(session.run(None, sample)[0] - wanted).max() <= 0.02 * np.abs(wanted).max()


def test_nothing_changes_where_it_is_not_needed() -> None:
    plain = onnxruntime.InferenceSession
    with exact_integers(needed=False):
        assert onnxruntime.InferenceSession is plain


def test_it_ends_with_an_error_too() -> None:
    plain = onnxruntime.InferenceSession
    with pytest.raises(ValueError, match="broken"), exact_integers(needed=True):
        raise ValueError("broken")
    assert onnxruntime.InferenceSession is plain
