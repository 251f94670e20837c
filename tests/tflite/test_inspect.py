"""Whole files: cut, changed, hostile and good ones. What passes has to survive a run in a child."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.backends.rehearsal import rehearse
from edgeinfer.errors import ModelError
from edgeinfer.tflite.inspect import check_loadable, read_sound
from tests.fixtures.runs import Runner
from tests.fixtures.tflite import builtin, doubler, filled, graph_of, model_of, step, tensor_of

HOSTILE = {
    "compat/audio_preprocessor_float.tflite": "has no operator custom.SignalWindow",
    "compat/person_detect.tflite": "tensor 33 of subgraph 0 is quantized by dimension 3, of 1",
    "tflite/2_subgraphs.bin.tflite": "run: the model has no input",
    "tflite/add_shared_tensors.bin.tflite": "writes tensor 1, which is there already",
    "tflite/conv3d_huge_im2col.bin.tflite": "needs about 2074 MB while it runs",
    "tflite/custom_sinh.bin.tflite": "has no operator custom.Sinh",
    "tflite/dynamic_shapes.bin.tflite": "run: LiteRT could not run the model",
    "tflite/invalid_model.bin.tflite": "the identifier TFL3 is missing",
    "tflite/model_invoking_error.tflite": "has no operator custom.fake-op-double",
    "tflite/nested_while.bin.tflite": "run: did not end within",
    "tflite/no_signatures.bin.tflite": "",
    "tflite/no_subgraphs.bin.tflite": "the model has 0 subgraphs",
    "tflite/simple_add_dynamic_shape.tflite": "",
    "tflite/simple_topk_op_runtime_k.tflite": "run: LiteRT could not run the model",
    "tflite/string_input_model.bin.tflite": "takes or gives text",
    "tflite/tensor_string_data_type.bin.tflite": "takes or gives text",
    "tflite/test_min_runtime.bin.tflite": "",
    "tflite/topo_sort_fork_violation.tflite": "",
    "tflite/while_op_with_forwarding_input.bin.tflite": "takes or gives text",
    "tflite/with_metadata.bin.tflite": "has no operator custom.NPU_OP",
}
"""How each file ends: refused by us, `run:` refused by the child, or nothing for a correct run."""

MUTATION_S = 12.0


def small() -> bytes:
    """A convolution with quantized weights, and what else a small model has."""
    scales = {"scale": [0.5, 0.25], "zeroPoint": [0, 0], "quantizedDimension": 0}
    whole = {"scale": [0.1], "zeroPoint": [3]}
    bias = {"scale": [0.05, 0.025], "zeroPoint": [0, 0], "quantizedDimension": 0}
    numbers = [filled(schema.QuantizationParametersT(), one) for one in (whole, scales, whole, bias)]
    tensors = [
        tensor_of([1, 4, 4, 1], "INT8", quantization=numbers[0], name="x"),
        tensor_of([2, 3, 3, 1], "INT8", quantization=numbers[1], buffer=1),
        tensor_of([1, 2, 2, 2], "INT8", quantization=numbers[2]),
        tensor_of([2], "INT32", buffer=2),
        tensor_of([2], "INT32", quantization=numbers[3], buffer=3),
        tensor_of([1, 8], "INT8", quantization=numbers[2], name="y"),
    ]
    window = {"padding": 1, "strideW": 1, "strideH": 1}
    shape = filled(schema.ReshapeOptionsT(), {"newShape": [1, 8]})
    steps = [
        step(0, [0, 1, 4], [2], filled(schema.Conv2DOptionsT(), window)),
        step(1, [2, 3], [5], shape),
    ]
    codes = [builtin("CONV_2D", version=3), builtin("RESHAPE")]
    buffers = (bytes(range(18)), (1).to_bytes(4, "little") + (8).to_bytes(4, "little"), bytes(8))
    return model_of([graph_of(tensors, steps)], codes, buffers=buffers, description="small")


SMALL = small()


def ends_in(data: bytes) -> str:
    """The message that refuses a file, or nothing."""
    try:
        check_loadable(data)
    except ModelError as error:
        return error.message
    return ""


def test_good_models_pass_and_run() -> None:
    for data in (SMALL, doubler(), doubler(quantization=(0.5, 3))):
        check_loadable(data)
        rehearse(data, "tflite")


def test_models_of_text_are_sound_and_cannot_be_loaded() -> None:
    data = model_of([graph_of([tensor_of([1], "STRING")], [])], [])
    assert len(read_sound(data).subgraphs) == 1
    assert "takes or gives text" in ends_in(data)


def test_every_part_is_checked() -> None:
    def refused(tensors: list[Any], steps: list[Any], code: str = "ADD") -> str:
        return ends_in(model_of([graph_of(tensors, steps)], [builtin(code)]))

    add = step(0, [0, 0], [1], schema.AddOptionsT())
    pair = [tensor_of([1]), tensor_of([1])]
    loop = filled(schema.WhileOptionsT(), {"bodySubgraphIndex": 5})
    assert refused(pair, [add]) == ""
    assert "below zero" in refused([tensor_of([-1]), tensor_of([1])], [add])
    assert "takes 2" in refused(pair, [step(0, [0], [1])])
    assert "before it is written" in refused(pair, [step(0, [0, 1], [1])])
    assert "calls subgraph" in refused(pair, [step(0, [0], [1], loop)], "WHILE")
    assert "MB while it runs" in refused([tensor_of([2**28]), tensor_of([2**28])], [add])


def test_every_length_that_a_file_is_cut_to(runner: Runner) -> None:
    passed = [length for length in range(len(SMALL)) if not ends_in(SMALL[:length])]
    assert all(runner.run(SMALL[:length]) for length in passed)
    assert len(passed) < len(SMALL) // 20


@settings(max_examples=400, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=3)
)
def test_changed_bytes_are_refused_or_run(changes: list[tuple[int, int]], runner: Runner) -> None:
    changed = bytearray(SMALL)
    for place, value in changes:
        changed[place] = value
    message = ends_in(bytes(changed))
    assert message.isprintable()
    assert message or runner.run(bytes(changed))


def test_every_flipped_bit_is_refused_or_runs(runner: Runner) -> None:
    for place in range(len(SMALL)):
        for bit in range(0, 8, 2):
            changed = bytearray(SMALL)
            changed[place] ^= 1 << bit
            assert ends_in(bytes(changed)) or runner.run(bytes(changed)), (place, bit)


@pytest.mark.zoo
def test_the_table_names_every_hostile_file(zoo: Path) -> None:
    files = {str(path.relative_to(zoo / "hostile")) for path in (zoo / "hostile").rglob("*.tflite")}
    assert files == HOSTILE.keys()


@pytest.mark.zoo
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_files_end_as_the_table_says(zoo: Path, name: str) -> None:
    data = (zoo / "hostile" / name).read_bytes()
    in_child, _, text = HOSTILE[name].rpartition("run: ")
    refused = ends_in(data)
    if text and "run: " not in HOSTILE[name]:
        assert text in refused
        return
    assert (refused, in_child) == ("", "")
    if not text:
        rehearse(data, "tflite")
        return
    with pytest.raises(ModelError, match=text):
        rehearse(data, "tflite", timeout_s=5.0)


@pytest.mark.zoo
def test_good_files_pass_and_run(zoo: Path) -> None:
    files = sorted((zoo / "models").rglob("*.tflite"))
    assert len(files) == 12
    for path in files:
        check_loadable(path.read_bytes())
        rehearse(path.read_bytes(), "tflite")


@pytest.mark.zoo
def test_good_files_that_were_changed_do_not_crash_the_runtime(zoo: Path, runner: Runner) -> None:
    """As many changes as fit into the time, most of them where the structure is."""
    draw = random.Random(20)
    files = [path.read_bytes() for path in sorted((zoo / "models").rglob("*.tflite"))]
    end, accepted, refused = time.monotonic() + MUTATION_S, 0, 0
    while time.monotonic() < end:
        changed = bytearray(draw.choice(files))
        for _ in range(draw.choice((1, 1, 2, 3))):
            place = draw.choice((draw.randrange(len(changed)), draw.randrange(min(4096, len(changed)))))
            changed[place] = draw.choice((changed[place] ^ (1 << draw.randrange(8)), 0, 1, 127, 255))
        if ends_in(bytes(changed)):
            refused += 1
            continue
        accepted += 1
        assert runner.run(bytes(changed))
    assert accepted > 10
    assert refused > 10
