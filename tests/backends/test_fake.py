"""The fake of the seam."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.backends.fake import FakeBackend
from edgeinfer.errors import ModelError
from edgeinfer.frames import TensorInfo

X = TensorInfo(name="x", dtype="float32", shape=(1,))
Y = TensorInfo(name="y", dtype="float32", shape=(1,))
TENSORS = {"x": np.ones(1, np.float32)}


def test_it_counts_its_runs_and_knows_its_end() -> None:
    with FakeBackend((X,), (Y,), lambda tensors: {"y": tensors["x"]}) as backend:
        backend.run(TENSORS)
        backend.run(TENSORS)
        assert (backend.calls, backend.closed) == (2, False)
    assert backend.closed


def test_a_refused_run_does_not_count() -> None:
    backend = FakeBackend((X,), (Y,), lambda tensors: {"y": tensors["x"]})
    with pytest.raises(ModelError):
        backend.run({})
    assert backend.calls == 0


def test_it_gives_copies() -> None:
    found = FakeBackend((X,), (Y,), lambda tensors: {"y": tensors["x"]}).run(TENSORS)
    assert not np.shares_memory(found["y"], TENSORS["x"])


def test_an_answer_without_an_output_is_an_error() -> None:
    with pytest.raises(ModelError, match="gave no y"):
        FakeBackend((X,), (Y,), lambda tensors: {}).run(TENSORS)


def test_it_has_inputs_and_outputs_like_any_model() -> None:
    with pytest.raises(ModelError, match="no input"):
        FakeBackend((), (Y,), lambda tensors: {})
