"""The pipeline specification: what it takes, what it refuses, and its law."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.processing.spec import (
    OUTPUTS,
    AnomalyOutput,
    ClassificationOutput,
    DetectionOutput,
    ImageInput,
    InputSpec,
    ModelSpec,
    PipelineSpec,
    RawOutput,
    RegressionOutput,
    TensorInput,
    WindowInput,
    dump_pipeline,
    parse_pipeline_json,
    parse_pipeline_toml,
)

PERSON = """
[model]
name = "person"
version = "1.0.0"
task = "classification"
labels = "labels.txt"

[[input]]
kind = "image"
size = [96, 96]
color = "rgb"
resize = "stretch"
interpolation = "bilinear"
mean = [0.0, 0.0, 0.0]
std = [255.0, 255.0, 255.0]
layout = "auto"

[output]
decode = "softmax"
top_k = 1
threshold = 0.5
"""


def parse(text: str) -> PipelineSpec:
    return parse_pipeline_toml(text.encode(), "pipeline.toml")


def test_the_example_of_the_documentation() -> None:
    spec = parse(PERSON)
    assert spec.model == ModelSpec(name="person", version="1.0.0", task="classification", labels="labels.txt")
    assert spec.input == (ImageInput(size=(96, 96), mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0)),)
    assert spec.output == ClassificationOutput(threshold=0.5)


def test_channels_follow_from_the_colour() -> None:
    assert ImageInput(size=(1, 1), color="gray").channels == 1
    assert ImageInput(size=(1, 1), color="bgr").channels == 3


finite = st.floats(-1e9, 1e9)
positive = st.floats(1e-6, 1e9)
share = st.floats(0, 1)
words = st.text("abcxyz_", min_size=1, max_size=5)


dtypes: Any = st.sampled_from(["auto", "float32", "uint8", "int8"])


@st.composite
def images(draw: st.DrawFn) -> ImageInput:
    size = (draw(st.integers(1, 4096)), draw(st.integers(1, 4096)))
    color: Any = draw(st.sampled_from(["rgb", "bgr", "gray"]))
    resize: Any = draw(st.sampled_from(["stretch", "letterbox", "center-crop"]))
    count = draw(st.sampled_from([1, 1 if color == "gray" else 3]))
    return ImageInput(
        size=size,
        name=draw(words | st.just("")),
        color=color,
        resize=resize,
        short_side=max(size) + draw(st.integers(0, 9)) if resize == "center-crop" else None,
        interpolation=draw(st.sampled_from(["nearest", "bilinear", "bicubic", "area"])),
        pad=draw(st.integers(0, 255)),
        anchor=draw(st.sampled_from(["center", "top-left"])),
        mean=tuple(draw(st.lists(finite, min_size=count, max_size=count))),
        std=tuple(draw(st.lists(positive, min_size=count, max_size=count))),
        layout=draw(st.sampled_from(["auto", "nchw", "nhwc"])),
        dtype=draw(dtypes),
    )


@st.composite
def windows(draw: st.DrawFn) -> WindowInput:
    columns = tuple(draw(st.lists(words, min_size=1, max_size=4, unique=True)))
    return WindowInput(
        columns=columns,
        length=draw(st.integers(1, 999)),
        stride=draw(st.integers(1, 999)),
        mean=tuple(draw(st.lists(finite, min_size=len(columns), max_size=len(columns)))),
        std=(draw(positive),),
        label=draw(st.none() | words),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineSpec:
    detection = st.builds(
        DetectionOutput,
        decode=st.sampled_from(["yolox", "ssd", "ultraface"]),
        threshold=share,
        iou=share,
        max_detections=st.integers(1, 999),
        tensors=st.dictionaries(words, words, max_size=3),
        dtype=dtypes,
    )
    outputs: dict[Any, st.SearchStrategy[Any]] = {
        "classification": st.builds(
            ClassificationOutput,
            decode=st.sampled_from(["none", "softmax", "sigmoid"]),
            top_k=st.integers(1, 9),
            threshold=share,
            dtype=dtypes,
        ),
        "detection": detection,
        "anomaly": st.builds(
            AnomalyOutput,
            score=st.sampled_from(["mse", "mae"]),
            threshold=st.just("auto") | finite,
            dtype=dtypes,
        ),
        "regression": st.builds(
            RegressionOutput,
            names=st.lists(words, min_size=1, unique=True).map(tuple),
            scale=st.tuples(finite),
            offset=st.tuples(finite),
            dtype=dtypes,
        ),
        "raw": st.builds(RawOutput, dtype=dtypes),
    }
    task = draw(st.sampled_from(sorted(outputs)))
    others = st.builds(TensorInput, name=words) | windows()
    first: InputSpec = draw(images() if task == "detection" else images() | others)
    return PipelineSpec(
        model=ModelSpec(name=draw(words.map("a".__add__)), version="1.2.3-rc.1", task=task, labels=None),
        input=(first, *draw(st.lists(images() | others, max_size=1))),
        output=draw(outputs[task]),
    )


@given(pipelines())
def test_what_is_dumped_is_parsed_as_the_same(spec: PipelineSpec) -> None:
    data = dump_pipeline(spec)
    assert parse_pipeline_json(data, "pipeline.json") == spec
    assert dump_pipeline(parse_pipeline_json(data, "pipeline.json")) == data


@given(st.binary(max_size=200))
def test_random_bytes_are_a_settings_error_and_nothing_else(data: bytes) -> None:
    for parse_bytes in (parse_pipeline_json, parse_pipeline_toml):
        with pytest.raises(SettingsError, match="x: "):
            parse_bytes(data, "x")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "person"', 'name = "per-son"', "model.name `per-son`"),
        ('name = "person"', 'name = ""', "model.name ``"),
        ('name = "person"', f'name = "{"a" * 65}"', "64 at most"),
        ('"1.0.0"', '"1.0"', "`1.0` is not a semantic version"),
        ('"1.0.0"', '"01.0.0"', "not a semantic version"),
        ("size = [96, 96]", "size = [0, 96]", "size"),
        ("size = [96, 96]", "size = [96]", "size"),
        ("size = [96, 96]", "", "size"),
        ("mean = [0.0, 0.0, 0.0]", "mean = [0.0, 0.0]", "mean has 2 values for 3 channels"),
        ("mean = [0.0, 0.0, 0.0]", "mean = [nan]", "mean holds NaN or infinity"),
        ("std = [255.0, 255.0, 255.0]", "std = [0.0]", "std must be above zero"),
        ("std = [255.0, 255.0, 255.0]", "std = [nan]", "std holds NaN or infinity"),
        ("std = [255.0, 255.0, 255.0]", "std = [inf]", "std holds NaN or infinity"),
        ('resize = "stretch"', 'resize = "center-crop"', "center-crop needs short_side"),
        ('resize = "stretch"', 'resize = "center-crop"\nshort_side = 64', "short_side is smaller"),
        ('resize = "stretch"', "short_side = 128", "short_side goes with center-crop only"),
        ('resize = "stretch"', 'resize = "squeeze"', "squeeze"),
        ("top_k = 1", "top_k = 0", "top_k"),
        ("threshold = 0.5", "threshold = 1.5", "threshold"),
        ("threshold = 0.5", "threshold = nan", "threshold"),
        ("threshold = 0.5", "treshold = 0.5", "did you mean `threshold`?"),
        ("interpolation", "interpolatoin", "did you mean `interpolation`?"),
        ('kind = "image"', 'kind = "picture"', "picture"),
        ('task = "classification"', 'task = "detection"', "decode"),
        ("top_k = 1", 'top_k = "one"', "top_k"),
    ],
)
def test_a_fault_is_named(old: str, new: str, fault: str) -> None:
    assert old in PERSON
    with pytest.raises(SettingsError) as caught:
        parse(PERSON.replace(old, new))
    assert fault in caught.value.message
    assert caught.value.message.startswith("pipeline.toml")


@pytest.mark.parametrize(
    ("task", "field", "hint"),
    [
        ("raw", 'names = ["a"]', "task `raw` knows dtype in [output]; `names` is for `regression`"),
        (
            "raw",
            "threshold = 0.5",
            "task `raw` knows dtype in [output]; "
            "`threshold` is for `anomaly` or `classification` or `detection`",
        ),
        ("raw", 'colour = "rgb"', "task `raw` knows dtype in [output]"),
        (
            "classification",
            "iou = 0.5\nscale = [1.0]",
            "task `classification` knows decode, top_k, threshold, dtype in [output]; "
            "`iou` is for `detection`; `scale` is for `regression`",
        ),
        ("classification", "top_k = 0", ""),
    ],
)
def test_what_is_unknown_in_the_output_is_explained(task: str, field: str, hint: str) -> None:
    model = f'[model]\nname = "m"\nversion = "1.0.0"\ntask = "{task}"\n'
    text = f'{model}[[input]]\nkind = "tensor"\n[output]\n{field}\n'
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert caught.value.hint == hint


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(PERSON.replace('"1.0.0"', '"one"').replace("mean = [0.0, 0.0, 0.0]", "mean = [1.0, 2.0]"))
    assert "semantic version" in caught.value.message
    assert "input[0]: mean has 2 values" in caught.value.message


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ('[model]\ntask = "regression"\n[output]\nnames = []', "names must name each number once"),
        ('[model]\ntask = "regression"\n[output]\nnames = ["a", "a"]', "names must name each number once"),
        (
            '[model]\ntask = "regression"\n[output]\nnames = ["a"]\nscale = [1.0, 2.0]',
            "scale has 2 values for 1 names",
        ),
        (
            '[model]\ntask = "regression"\n[output]\nnames = ["a"]\noffset = [nan]',
            "offset holds NaN or infinity",
        ),
        ('[model]\ntask = "anomaly"\n[output]\nthreshold = inf', "threshold is NaN or infinity"),
        ('[model]\ntask = "detection"\n[output]\ndecode = "ssd"', "detection needs an image"),
    ],
)
def test_outputs_are_checked_too(output: str, fault: str) -> None:
    text = output.replace("[model]", '[model]\nname = "m"\nversion = "1.0.0"')
    text = text.replace("[output]", '[[input]]\nkind = "tensor"\n[output]')
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert fault in caught.value.message


@pytest.mark.parametrize("columns", ["[]", '["a", "a"]'])
def test_columns_name_each_once(columns: str) -> None:
    text = f"""
        input = [{{ kind = "window", columns = {columns}, length = 4, stride = 1 }}]
        [model]
        name = "m"
        version = "1.0.0"
        task = "raw"
    """
    with pytest.raises(SettingsError, match="columns must name each column once"):
        parse(text)


def test_an_input_is_needed() -> None:
    with pytest.raises(SettingsError, match="at least one"):
        parse('input = []\n[model]\nname = "m"\nversion = "1.0.0"\ntask = "raw"')


def test_every_task_has_its_output() -> None:
    assert sorted(OUTPUTS) == ["anomaly", "classification", "detection", "raw", "regression"]
