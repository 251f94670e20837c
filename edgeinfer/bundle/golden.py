"""Golden inputs and outputs: what a bundle must compute, on the device as on the workstation.

The arrays are members of the bundle as raw little-endian bytes in C order; `golden.json` gives their
dtypes, shapes and tolerances. Integer kernels differ across instruction sets in the last bit, so
outputs are compared by signal-to-quantization-noise ratio (SQNR) and, for classification, by class.
"""

from __future__ import annotations

from edgeinfer.strict import Struct


class GoldenTensor(Struct, frozen=True):
    """`file` holds `samples` arrays of `shape`, one after the other."""

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]


class Golden(Struct, frozen=True):
    """`golden.json`. `min_sqnr_db` holds for each output over all samples."""

    samples: int
    inputs: tuple[GoldenTensor, ...]
    outputs: tuple[GoldenTensor, ...]
    min_sqnr_db: float
    same_top_class: bool
