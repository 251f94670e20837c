"""Pooling over rows and columns."""

from __future__ import annotations

from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.step import Step
from edgeinfer_converters.importers.tflite_graph.windows import pads_over, window_of


def average_pool_2d(step: Step) -> None:
    """The mean of what lies inside the picture: padding does not count."""
    _pool(step, "AveragePool", count_include_pad=0)


def max_pool_2d(step: Step) -> None:
    """The largest of each window."""
    _pool(step, "MaxPool")


def _pool(step: Step, kind: str, **attributes: int) -> None:
    options = step.options
    window = window_of(step, (options.whole("filterHeight"), options.whole("filterWidth")))
    pads = pads_over(step, 0, window)
    name = step.emit(
        kind,
        step.planes(0),
        kernel_shape=window.kernel,
        strides=window.strides,
        pads=pads,
        **attributes,
    )
    finish(step, name, planes=True)
