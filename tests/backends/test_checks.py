"""Checks before native code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.backends.checks import check_distinct, check_tensors
from edgeinfer.errors import ModelError
from edgeinfer.frames import TensorInfo


def info(name: str, *shape: int) -> TensorInfo:
    return TensorInfo(name=name, dtype="float32", shape=shape)


@given(
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.lists(st.integers(-1, 3), max_size=4).map(tuple),
)
def test_a_shape_fits_side_by_side_or_where_it_is_open(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    fits = len(have) == len(want) and all(w in (-1, h) for h, w in zip(have, want, strict=True))
    tensors = {"x": np.zeros(have, np.float32)}
    if fits:
        check_tensors(tensors, (info("x", *want),))
    else:
        with pytest.raises(ModelError, match="`x` is float32"):
            check_tensors(tensors, (info("x", *want),))


def test_each_input_is_needed_and_no_other() -> None:
    both = (info("a", 1), info("b", 1))
    one = np.zeros(1, np.float32)
    check_tensors({"b": one, "a": one}, both)
    with pytest.raises(ModelError, match="takes `a`, `b`, not `a`"):
        check_tensors({"a": one}, both)
    with pytest.raises(ModelError, match="takes `a`, `b`, not `a`, `c`"):
        check_tensors({"a": one, "c": one}, both)


def test_names_tell_tensors_apart() -> None:
    check_distinct((info("a"),), (info("a"),))
    with pytest.raises(ModelError, match="two inputs of the model have the same name: `a`, `a`"):
        check_distinct((info("a"), info("a")), (info("b"),))
    with pytest.raises(ModelError, match="the model has no output"):
        check_distinct((info("a"),), ())
