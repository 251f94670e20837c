"""Sparse constants: the kernels that unfold them take every index for granted.

Format: `SparsityParameters` of the TFLite schema, after Chou et al., "Format abstraction for sparse tensor
algebra compilers" (2018): each dimension is dense, or compressed (segments, and the index of each entry).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flatbuffer import Record
from edgeinfer.tflite.model import Tensor

SPARSE_BITS = {0: 32, 1: 16, 9: 8}
"""Element types that DENSIFY and FULLY_CONNECTED take sparse, with their bits: float32, float16, int8."""

_DENSE, _COMPRESSED = 0, 1


def check_sparsity(where: str, tensor: Tensor) -> None:
    """Raises ModelError unless unfolding the tensor stays within its buffer and its shape."""
    sparsity = tensor.sparsity
    if sparsity is None or tensor.data is None or tensor.type not in SPARSE_BITS:
        raise ModelError(f"{where} is sparse, and is no constant of float32, float16 or int8")
    sides = _sides(where, tensor.shape, sparsity)
    entries = 1
    for side, dimension in zip(sides, sparsity["dim_metadata"], strict=True):
        if dimension["format"] == _DENSE:
            if dimension["dense_size"] != side:
                raise _wrong(where)
            entries *= side
        else:
            entries = _compressed_entries(where, dimension, entries, side)
    if entries * SPARSE_BITS[tensor.type] // 8 != len(tensor.data):
        raise ModelError(f"{where} has {entries} entries, and its buffer has {len(tensor.data)} bytes")


def _sides(where: str, shape: tuple[int, ...], sparsity: Record) -> list[int]:
    """The sides in the order in which they are walked, those within blocks last."""
    order, blocks = sparsity["traversal_order"] or (), sparsity["block_map"] or ()
    dimensions, rank = sparsity["dim_metadata"] or (), len(shape)
    if not rank or len(order) != len(dimensions) or len(order) != rank + len(blocks):
        raise _wrong(where)
    if sorted(order) != list(range(len(order))) or any(not 0 <= axis < rank for axis in blocks):
        raise _wrong(where)
    if sorted(order[:rank]) != list(range(rank)):
        raise _wrong(where)
    inner = [dimensions[order.index(rank + number)]["dense_size"] for number in range(len(blocks))]
    factors = [math.prod(inner[n] for n, axis in enumerate(blocks) if axis == side) for side in range(rank)]
    if any(size < 1 for size in inner) or any(side % by for side, by in zip(shape, factors, strict=True)):
        raise _wrong(where)
    return [shape[one] // factors[one] if one < rank else inner[one - rank] for one in order]


def _compressed_entries(where: str, dimension: Record, parents: int, side: int) -> int:
    segments, indices = _values(dimension["array_segments"]), _values(dimension["array_indices"])
    if dimension["format"] != _COMPRESSED or segments is None or indices is None:
        raise _wrong(where)
    rising = all(one <= other for one, other in pairwise(segments))
    if len(segments) != parents + 1 or segments[0] != 0 or segments[-1] != len(indices) or not rising:
        raise _wrong(where)
    if any(not 0 <= index < side for index in indices):
        raise _wrong(where)
    return len(indices)


def _values(vector: Record | None) -> Sequence[int] | None:
    found: Sequence[int] | None = None if vector is None else vector["values"]
    return found


def _wrong(where: str) -> ModelError:
    return ModelError(f"{where} is sparse in a way that contradicts its shape")
