"""Which tests are for us."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pytest
from onnx import TensorProto, helper

from scripts.onnx_tests.selection import TYPES, is_selected

TENSOR = helper.make_tensor_type_proto(TensorProto.FLOAT, (2, 3))


def model_of(
    *kinds: str, source: onnx.TypeProto = TENSOR, result: onnx.TypeProto = TENSOR, domain: str = ""
) -> onnx.ModelProto:
    """A chain of nodes from `x` to `y`."""
    names = ["x", *(f"v{place}" for place in range(len(kinds) - 1)), "y"]
    nodes = [
        helper.make_node(kind, [before], [behind], domain=domain)
        for kind, before, behind in zip(kinds, names[:-1], names[1:], strict=True)
    ]
    ends = [helper.make_value_info("x", source)], [helper.make_value_info("y", result)]
    return helper.make_model(helper.make_graph(nodes, "graph", *ends))


def floats(*sides: int | str | None) -> onnx.TypeProto:
    return helper.make_tensor_type_proto(TensorProto.FLOAT, sides)


@pytest.mark.parametrize("dtype", sorted(TYPES))
def test_dense_tensors_are_selected(dtype: int) -> None:
    tensor = helper.make_tensor_type_proto(dtype, (1, 2))
    assert is_selected(model_of("Relu", "Identity", source=tensor, result=tensor))


@pytest.mark.parametrize(
    "dtype", [TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.UINT16, TensorProto.INT4]
)
def test_other_types_are_not(dtype: int) -> None:
    tensor = helper.make_tensor_type_proto(dtype, (1, 2))
    assert not is_selected(model_of("Identity", source=tensor))
    assert not is_selected(model_of("Identity", result=tensor))


def test_doubles_are_if_they_are_wanted() -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.DOUBLE, (1,))
    assert not is_selected(model_of("Relu", source=tensor))
    assert is_selected(model_of("Relu", source=tensor), doubles=True)


def test_what_is_no_tensor_is_not() -> None:
    for other in (helper.make_sequence_type_proto(TENSOR), helper.make_optional_type_proto(TENSOR)):
        assert not is_selected(model_of("Identity", source=other))
        assert not is_selected(model_of("Identity", result=other))
    assert not is_selected(model_of("Identity", source=helper.make_sparse_tensor_type_proto(1, (2,))))


@pytest.mark.parametrize("sides", [(), (1,), (2, 3)])
def test_known_sides_are(sides: Sequence[int]) -> None:
    assert is_selected(model_of("Relu", source=floats(*sides), result=floats(*sides)))


@pytest.mark.parametrize("sides", [(0,), (2, 0), (2, None), ("batch", 3)])
def test_open_and_empty_inputs_are_not(sides: Sequence[int | str | None]) -> None:
    assert not is_selected(model_of("Relu", source=floats(*sides)))


def test_outputs_may_be_open_but_not_empty() -> None:
    assert is_selected(model_of("Unique", result=floats(None)))
    assert not is_selected(model_of("Unique", result=floats(0)))
    unknown = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    assert not is_selected(model_of("Unique", result=unknown))


@pytest.mark.parametrize(
    "kind",
    [
        *("If", "Loop", "Scan", "SequenceMap", "SplitToSequence", "SequenceAt", "OptionalHasElement"),
        *("Bernoulli", "RandomNormalLike", "StringConcat", "TfIdfVectorizer", "ImageDecoder"),
    ],
)
def test_some_operators_are_not_wherever_they_are(kind: str) -> None:
    assert not is_selected(model_of(kind))
    assert not is_selected(model_of("Relu", kind, "Relu"))


def test_operators_of_other_domains_are_not() -> None:
    assert is_selected(model_of("Scaler", domain="ai.onnx"))
    for domain in ("ai.onnx.ml", "ai.onnx.preview.training"):
        assert not is_selected(model_of("Scaler", domain=domain))
