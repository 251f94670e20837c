"""Windows and TFLite's padding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.importers.tflite_graph.assembly import Assembly
from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, Operator, Options, Tensor
from edgeinfer_converters.importers.tflite_graph.step import Step
from edgeinfer_converters.importers.tflite_graph.windows import (
    EXPLICIT_PADS,
    Window,
    pads_over,
    same_padding,
    window_of,
)


@given(
    size=st.integers(1, 200), kernel=st.integers(1, 9), stride=st.integers(1, 9), dilation=st.integers(1, 4)
)
def test_same_padding_makes_one_window_a_stride(size: int, kernel: int, stride: int, dilation: int) -> None:
    total = same_padding(size, kernel, stride, dilation)
    reach = (kernel - 1) * dilation + 1
    windows = -(-size // stride)
    assert (size + total - reach) // stride + 1 >= windows
    assert total == 0 or (size + total - reach) // stride + 1 == windows
    assert total == 0 or size + total - 1 < (windows - 1) * stride + reach


def test_the_end_is_padded_more() -> None:
    assert Window((3, 4), (2, 2), same=True).pads(224, 9) == [0, 1, 1, 2]
    assert Window((3, 4), (2, 2)).pads(224, 9) == [0, 0, 0, 0]


def step(**values: object) -> Step:
    shapes = ((1, 8, 8, 3), (1, 8, 8, 3))
    tensors = tuple(Tensor(n, f"t{n}", "FLOAT32", one, one) for n, one in enumerate(shapes))
    operator = Operator(0, "CONV_2D", (0,), (1,), Options(values))
    return Step(Assembly(FlatModel(tensors, (operator,), (0,), (1,))), operator)


def test_a_window_from_options() -> None:
    made = step(strideH=2, strideW=1, padding=0, dilationHFactor=3)
    window = window_of(made, (3, 5), dilated=True)
    assert window == Window((3, 5), (2, 1), (3, 1), same=True)
    assert pads_over(made, 0, window) == window.pads(8, 8)
    assert window_of(made, (3, 5)).dilations == (1, 1)


def test_explicit_padding_goes_first() -> None:
    made = step(strideH=1, strideW=1, padding=1, **{EXPLICIT_PADS: [1, 2, 3, 4]})
    assert pads_over(made, 0, window_of(made, (3, 3))) == [1, 2, 3, 4]
