"""Some of ONNX's own tests against what is expected of them; `scripts/bench onnx_tests` runs all."""

from __future__ import annotations

from scripts.benchmarks.onnx_tests import run
from scripts.onnx_tests.cases import NODE, load_cases
from scripts.onnx_tests.expectations import PATH, changes, expectations_of, parse
from scripts.onnx_tests.table import changes_table

MODULES = (
    *("argmax", "conv", "convtranspose", "cumsum", "dequantizelinear", "gemm", "gathernd", "gridsample"),
    *("lstm", "matmul", "quantizelinear", "rmsnormalization", "slice", "softmax", "topk", "unique", "where"),
)
"""Modules of onnx's node tests that are quick to import, of all families of operators."""

PREFIXES = (
    *("argmax_d", "basic_conv", "conv_", "convtranspose", "cumsum", "dequantizelinear", "gemm", "gathernd"),
    *("gridsample_b", "lstm", "matmul", "quantizelinear", "rms_normalization_2d", "slice", "softmax"),
    *("top_k", "unique", "where"),
)


def test_a_slice_of_the_tests_comes_out_as_expected() -> None:
    cases = [*load_cases(NODE, PREFIXES, modules=MODULES), *load_cases("pytorch-operator")]
    cases += load_cases("pytorch-converted", ["Conv", "Linear", "AvgPool", "MaxPool", "BatchNorm", "PReLU"])
    assert len(cases) > 180
    differing = changes(parse(PATH.read_bytes()), expectations_of(run(cases)))
    assert not differing, "\n".join(changes_table(differing))
