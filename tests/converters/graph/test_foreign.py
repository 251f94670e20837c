"""What the graph libraries really raise is among what is caught, and bugs of ours are not."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, RUNTIME_ERRORS, short_reason
from edgeinfer_converters.graph.operators import PROVIDER
from tests.fixtures.models import doubler


def load(data: bytes) -> None:
    onnxruntime.InferenceSession(data, providers=[PROVIDER])


def unknown_operator() -> bytes:
    model = doubler()
    model.graph.node[0].op_type = "Frobnicate"
    return model.SerializeToString()


def missing_input() -> bytes:
    model = doubler()
    model.graph.node[0].input[1] = "nobody"
    return model.SerializeToString()


@pytest.mark.parametrize(
    "data", [b"\xff" * 9, unknown_operator(), missing_input()], ids=["noise", "op", "in"]
)
def test_what_the_runtime_raises_for_a_bad_model(data: bytes) -> None:
    with pytest.raises(RUNTIME_ERRORS):
        load(data)


def test_what_the_runtime_raises_for_a_bad_input() -> None:
    session = onnxruntime.InferenceSession(doubler().SerializeToString(), providers=[PROVIDER])
    with pytest.raises((*RUNTIME_ERRORS, ValueError)):
        session.run(None, {})


@pytest.mark.parametrize("kind", RUNTIME_ERRORS)
def test_the_runtime_still_has_no_root_of_its_own(kind: type[Exception]) -> None:
    # With one, the list would be that root alone.
    assert kind.__bases__ == (Exception,)


def test_what_onnx_raises() -> None:
    with pytest.raises(GRAPH_ERRORS):
        onnx.checker.check_model(onnx.load_from_string(missing_input()), full_check=True)
    with pytest.raises(GRAPH_ERRORS):
        onnx.shape_inference.infer_shapes(contradiction(), strict_mode=True, data_prop=True)


def contradiction() -> onnx.ModelProto:
    """y = x + x, said to have another shape."""
    model = doubler()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    return model


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, OSError, SystemExit])
def test_what_is_not_about_the_graph_passes(kind: type[BaseException]) -> None:
    assert not issubclass(kind, GRAPH_ERRORS)


@given(st.text())
def test_a_reason_is_one_short_line(text: str) -> None:
    reason = short_reason(ValueError(text))
    assert 0 < len(reason) <= 300
    assert len(reason.splitlines()) == 1


def test_a_reason_without_words_is_the_kind() -> None:
    assert short_reason(AssertionError()) == "AssertionError"
    assert short_reason(ValueError(" two\n  lines ")) == "two lines"
