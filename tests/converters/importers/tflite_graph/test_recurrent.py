"""Recurrent layers against LiteRT."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, lstm

RELU = 1


@settings(max_examples=30)
@given(
    batch=st.integers(1, 3),
    steps=st.integers(1, 9),
    width=st.integers(1, 5),
    units=st.integers(1, 6),
    clip=st.sampled_from([0.0, 0.3, 2.5, 10.0]),
)
def test_a_sequence(batch: int, steps: int, width: int, units: int, clip: float) -> None:
    writer = Writer()
    name = lstm(writer, batch=batch, steps=steps, width=width, units=units, clip=clip)
    agree(writer.finish(name))


@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_the_time_first(clip: float) -> None:
    writer = Writer()
    name = lstm(writer, batch=6, steps=2, clip=clip)
    writer.graph.operators[0].builtinOptions.timeMajor = True
    for index in (-3, -2):
        writer.graph.tensors[index].shape = [2, 4]
    agree(writer.finish(name))


def test_the_clip_that_can_be_reached_is_unrolled() -> None:
    found = []
    for clip in (0.0, 5.0, 4.5):
        writer = Writer()
        model = import_graph(writer.finish(lstm(writer, steps=5, clip=clip, scale=9.0)))
        found.append("LSTM" in [node.op_type for node in model.graph.node])
        agree(writer.pack())
    assert found == [True, True, False]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"at_9": [5]}, "it has peepholes"),
        ({"at_16": [5]}, "it has a projection"),
        ({"at_20": [5]}, "it has normalization"),
        ({"at_1": [-1]}, "its input gate is that of its forget gate"),
        ({"activation": RELU}, "its activation is not tanh"),
        ({"at_18": [1]}, "its state is given from outside"),
        ({"at_5": [1]}, "the weights of its gates do not fit each other"),
        ({"at_2": [0]}, "it is given its weights only"),
        ({"steps": 300, "clip": 1.0}, "256 at most can be unrolled"),
        ({"at_19": [-1]}, "has no input 19"),
    ],
)
def test_what_has_no_equal(changed: dict[str, object], message: str) -> None:
    writer = Writer()
    writer.graph.outputs = [lstm(writer, **changed)]  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        import_graph(writer.pack())
