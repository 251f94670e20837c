"""Operators: which the runtime has, counts, options."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import Model, parse_model
from edgeinfer.tflite.support import check_operator, check_runnable, unsupported
from tests.fixtures.tflite import builtin, filled, graph_of, model_of, step, tensor_of


def coded(*codes: Any) -> Model:
    return parse_model(model_of([graph_of([tensor_of([1])], [])], list(codes)))


def check(code: str, inputs: list[int], outputs: list[int], options: Any = None, **fields: Any) -> None:
    made = graph_of([tensor_of([1]) for _ in range(8)], [step(0, inputs, outputs, options, **fields)])
    custom = fields.get("customOptions") and "x"
    model = parse_model(model_of([made], [builtin(code, custom=custom)]))
    check_operator("operator 0", model.subgraphs[0].operators[0])


def convolution(**changes: int) -> Any:
    steps = {"strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    return filled(schema.Conv2DOptionsT(), steps | changes)


def test_what_the_oldest_runtime_lacks_is_named() -> None:
    codes = [
        builtin("ADD", version=6),
        builtin("CUSTOM", custom="Sinh"),
        builtin("CUSTOM", custom="FlexErf"),
        builtin("CUSTOM", custom="\x1b[0m"),
        builtin("STABLEHLO_SORT"),
        builtin("BROADCAST_TO"),
        builtin("CUSTOM", custom="TFLite_Detection_PostProcess"),
        builtin("ADD", version=5),
    ]
    problems = list(unsupported(coded(*codes)))
    assert problems == [
        "has ADD in the versions 1 to 5, not 6",
        "has no operator custom.Sinh",
        "has no operator custom.FlexErf",
        "has no operator custom.'\\x1b[0m'",
        "has no operator STABLEHLO_SORT",
        "has BROADCAST_TO in the versions 2 to 3, not 1",
    ]
    with pytest.raises(ModelError, match=r"LiteRT 2.1 has ADD .*, has no operator custom.Sinh"):
        check_runnable(coded(*codes))
    check_runnable(coded(*codes[-2:]))


@pytest.mark.parametrize("version", [0, -1])
def test_versions_begin_with_one(version: int) -> None:
    assert list(unsupported(coded(builtin("NEG", version=version)))) == [
        f"has NEG in the versions 1 to 1, not {version}"
    ]


@pytest.mark.parametrize(
    ("code", "inputs", "outputs", "options", "text"),
    [
        ("ADD", [0, 1], [2], schema.AddOptionsT(), None),
        ("ADD", [0, 1], [2], None, None),
        ("ADD", [0], [2], None, "has 1 inputs, and takes 2"),
        ("ADD", [0, 1, 2], [3], None, "has 3 inputs, and takes 2"),
        ("ADD", [0, 1], [2, 3], None, "has 2 outputs, and takes 1"),
        ("ADD", [0, -1], [2], None, "leaves out input 1"),
        ("ADD", [0, 1], [2], schema.SubOptionsT(), r"options of another operator \(Sub\)"),
        ("ADD_N", [0], [2], None, "has 1 inputs, and takes 2 or more"),
        ("CONV_2D", [0], [2], convolution(), "has 1 inputs, and takes 2 to 3"),
        ("CONV_2D", [0, 1, -1], [2], convolution(), None),
        ("CONV_2D", [0, -1, 1], [2], convolution(), "leaves out input 1"),
        ("CONV_2D", [0, 1], [2], None, "without its options"),
        ("CONV_2D", [0, 1], [2], convolution(strideW=0), "stride_w 0; 1 to"),
        ("CONV_2D", [0, 1], [2], convolution(strideH=-1), "stride_h -1; 1 to"),
        ("CONV_2D", [0, 1], [2], convolution(dilationWFactor=0), "dilation_wfactor 0"),
        ("CONV_2D", [0, 1], [2], convolution(dilationHFactor=2**30), "dilation_hfactor 1073741824"),
        ("CONV_2D", [0, 1], [2], convolution(padding=2), "padding 2"),
        ("CONV_2D", [0, 1], [2], convolution(fusedActivationFunction=6), "fused_activation_function 6"),
        ("MAX_POOL_2D", [0], [2], schema.Pool2DOptionsT(), "stride_w 0"),
        ("DEPTH_TO_SPACE", [0], [2], schema.DepthToSpaceOptionsT(), "block_size 0"),
        ("RELU", [0], [2], schema.AddOptionsT(), None),
        ("STABLEHLO_SORT", [0], [2], None, None),
        ("STABLEHLO_SORT", [-1], [2], None, "leaves out an input"),
    ],
)
def test_counts_and_options(
    code: str, inputs: list[int], outputs: list[int], options: Any, text: str | None
) -> None:
    if text is None:
        check(code, inputs, outputs, options)
        return
    with pytest.raises(ModelError, match=text):
        check(code, inputs, outputs, options)


def test_a_custom_operator_of_others_may_have_any_options() -> None:
    check("CUSTOM", [0], [1, 2], customOptions=[1, 2, 3])
