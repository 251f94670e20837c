"""Sparse constants."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import parse_model
from edgeinfer.tflite.tensors import check_tensor
from tests.fixtures.tflite import filled, graph_of, model_of, tensor_of


def vector(values: list[int]) -> Any:
    return filled(schema.Int32VectorT(), {"values": values})


def dense(size: int) -> Any:
    return filled(schema.DimensionMetadataT(), {"format": 0, "denseSize": size})


def compressed(segments: list[int], indices: list[int]) -> Any:
    kind = schema.SparseIndexVector.Int32Vector
    fields = {"format": 1, "arraySegmentsType": kind, "arrayIndicesType": kind}
    numbers = {"arraySegments": vector(segments), "arrayIndices": vector(indices)}
    return filled(schema.DimensionMetadataT(), fields | numbers)


def check(
    dimensions: list[Any],
    *,
    order: list[int] | None = None,
    blocks: list[int] | None = None,
    shape: list[int] | None = None,
    entries: int = 3,
    kind: str = "FLOAT32",
) -> None:
    sparsity = filled(
        schema.SparsityParametersT(),
        {"traversalOrder": order or [0, 1], "blockMap": blocks or [], "dimMetadata": dimensions},
    )
    made = tensor_of(shape or [2, 4], kind, buffer=1, sparsity=sparsity)
    data = model_of([graph_of([made], [])], [], buffers=(bytes(4 * entries),))
    check_tensor("tensor 0", parse_model(data).subgraphs[0].tensors[0], 1)


def test_rows_of_which_some_columns_are_there() -> None:
    check([dense(2), compressed([0, 1, 3], [2, 0, 3])])


def test_blocks() -> None:
    blocks: dict[str, Any] = {"order": [0, 1, 2], "blocks": [1], "shape": [2, 4]}
    check([dense(2), compressed([0, 1, 2], [1, 0]), dense(2)], entries=4, **blocks)
    with pytest.raises(ModelError, match="contradicts its shape"):
        check([dense(2), compressed([0, 1, 2], [2, 0]), dense(2)], entries=4, **blocks)
    with pytest.raises(ModelError, match="contradicts its shape"):
        check([dense(2), compressed([0, 1, 2], [1, 0]), dense(3)], entries=6, **blocks)


@pytest.mark.parametrize(
    ("dimensions", "text"),
    [
        ([dense(3), compressed([0, 1, 3], [2, 0, 3])], "contradicts"),
        ([dense(2)], "contradicts"),
        ([dense(2), compressed([0, 3], [2, 0, 3])], "contradicts"),
        ([dense(2), compressed([1, 1, 3], [2, 0, 3])], "contradicts"),
        ([dense(2), compressed([0, 4, 3], [2, 0, 3])], "contradicts"),
        ([dense(2), compressed([0, 1, 4], [2, 0, 3])], "contradicts"),
        ([dense(2), compressed([0, 1, 3], [2, 0, 4])], "contradicts"),
        ([dense(2), compressed([0, 1, 3], [2, 0, -1])], "contradicts"),
        ([dense(2), filled(schema.DimensionMetadataT(), {"format": 1})], "contradicts"),
        ([dense(2), filled(compressed([0, 1, 3], [2, 0, 3]), {"format": 2})], "contradicts"),
        ([dense(2), compressed([0, 1, 2], [2, 0])], "2 entries, and its buffer has 12 bytes"),
    ],
)
def test_what_leads_out_of_the_tensor_is_refused(dimensions: list[Any], text: str) -> None:
    with pytest.raises(ModelError, match=text):
        check(dimensions)


@pytest.mark.parametrize(
    "fields", [{"order": [0, 2]}, {"order": [0, 0]}, {"order": [0, 1, 2], "blocks": [5]}]
)
def test_the_order_is_one_of_the_dimensions(fields: dict[str, Any]) -> None:
    dimensions = [dense(2), compressed([0, 1, 3], [2, 0, 3]), dense(1)]
    with pytest.raises(ModelError, match="contradicts"):
        check(dimensions[: len(fields["order"])], **fields)


def test_other_types_are_refused() -> None:
    with pytest.raises(ModelError, match="float32, float16 or int8"):
        check([dense(2), compressed([0, 1, 3], [2, 0, 3])], kind="INT32")
