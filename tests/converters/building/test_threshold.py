"""Learning an anomaly threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.backends.fake import FakeBackend
from edgeinfer.errors import DataError
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.spec import AnomalyOutput
from edgeinfer.strict import replace
from edgeinfer_converters.building.threshold import MARGIN, learn_threshold, needs_threshold, threshold_of
from edgeinfer_converters.samples import Sample
from tests.fixtures.data import IMAGE_TOML, WINDOW_TENSOR, WINDOW_TOML, pipeline

REBUILT = TensorInfo(name="r", dtype="float32", shape=(1, 8, 2))


def zeros() -> FakeBackend:
    """Rebuilds everything as zeros: the score is the mean square of the input."""
    return FakeBackend((WINDOW_TENSOR,), (REBUILT,), lambda _: {"r": np.zeros((1, 8, 2), np.float32)})


def windows(*levels: float, truths: tuple[int | None, ...]) -> list[Sample]:
    return [
        Sample(str(k), {"window": np.full((1, 8, 2), level, np.float32)}, None, truth)
        for k, (level, truth) in enumerate(zip(levels, truths, strict=True))
    ]


def test_only_normal_samples_are_learnt_from() -> None:
    samples = windows(1, 2, 100, truths=(0, 0, 1))
    spec = learn_threshold(zeros(), samples, pipeline(WINDOW_TOML))
    assert isinstance(spec.output, AnomalyOutput)
    assert spec.output.threshold == pytest.approx(MARGIN * np.quantile([1, 4], 0.995), rel=1e-5)


def test_without_labels_all_samples_are_normal() -> None:
    spec = learn_threshold(zeros(), windows(2, truths=(None,)), pipeline(WINDOW_TOML))
    assert isinstance(spec.output, AnomalyOutput)
    assert spec.output.threshold == pytest.approx(4.4)


def test_nothing_normal() -> None:
    with pytest.raises(DataError, match="nothing to learn the threshold from"):
        learn_threshold(zeros(), windows(1, truths=(1,)), pipeline(WINDOW_TOML))


def test_who_needs_one() -> None:
    spec = pipeline(WINDOW_TOML)
    assert needs_threshold(spec)
    assert not needs_threshold(replace(spec, output=AnomalyOutput(threshold=1.0)))
    assert not needs_threshold(pipeline(IMAGE_TOML))


@given(scores=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=300))
def test_the_threshold_is_above_nearly_all_scores(scores: list[float]) -> None:
    threshold = threshold_of(scores)
    assert threshold == float(f"{threshold:.6g}")
    assert sum(score > threshold for score in scores) <= 0.005 * len(scores) + 1
