"""The activations of a graph, sample by sample, made in another thread than the one that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.calibration.checks import (
    check_finite,
    check_sample,
    finite_extremes,
    numbered,
    sample_name,
)
from edgeinfer_converters.graph.memory import tensor_bytes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.relay import PIECE_BYTES, Relay
from edgeinfer_converters.quantize.threads import ahead

PARTS_AHEAD, FEWEST_AHEAD = 6, 2
"""Of the tensors of samples, made while some are looked at: the first ones of a sample take longer to make,
the last ones to look at."""

T = TypeVar("T")

Look = Callable[[Mapping[str, Array], str], T]
"""Given some tensors of a sample, and what sample that is."""

Bounded = tuple[Array, tuple[float, float]]
"""A tensor, its least and its greatest value."""


def stream(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
    known: int = 0,
) -> Iterator[Mapping[str, Array]]:
    """The values of the tensors `names`, sample by sample, those of a sample in several parts.

    Each part is worth about PIECE_BYTES, or one larger tensor; let go of it before asking for the next one.
    Another thread makes the next ones meanwhile, PARTS_AHEAD at most: samples are read there, too. `progress`
    is called with 1 after each sample. `known` samples came before these. Raises what `observe` raises.
    """
    return _looked_at(model, names, samples, _checked, total, progress, known)


def bounded_stream(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None],
    known: int = 0,
) -> Iterator[Mapping[str, Bounded]]:
    """As `stream`, with the extremes of each tensor: they are found while it is in the processor's cache."""
    return _looked_at(model, names, samples, _bounded, total, progress, known)


def _looked_at(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    look: Look[T],
    total: int,
    progress: Callable[[int], None],
    known: int = 0,
) -> Iterator[T]:
    """What `look` makes of the parts, in the thread that makes them."""

    def made() -> Iterator[T | None]:
        """With None behind the last part of a sample."""
        run = _Run(model, names, total)
        for number, sample in numbered(samples, known):
            yield from run.parts(number, sample, look)
            yield None

    for part in ahead(made(), _parts_ahead(model, names)):
        if part is None:
            progress(1)
        else:
            yield part


def _parts_ahead(model: onnx.ModelProto, names: tuple[str, ...]) -> int:
    """PARTS_AHEAD; fewer where a single tensor is larger than a part should be."""
    sizes = tensor_bytes(GraphView(model))
    largest = max((sizes.get(name, 0) for name in names), default=0)
    return max(min(PARTS_AHEAD, PARTS_AHEAD * PIECE_BYTES // max(largest, 1)), FEWEST_AHEAD)


class _Run:
    """Runs samples through a graph whose tensors `names` are asked for."""

    def __init__(self, model: onnx.ModelProto, names: tuple[str, ...], total: int) -> None:
        self._view = GraphView(model)
        self._relay = Relay(model, names)
        self._total = total

    def parts(self, number: int, sample: Mapping[str, Array], look: Look[T]) -> Iterator[T]:
        """What `look` makes of the tensors of a sample, some at a time. Raises DataError for samples that do
        not fit."""
        where = sample_name(number, self._total)
        check_sample(self._view, sample, where)
        for part in self._relay.run(sample, where):
            yield look(part, where)


def _checked(values: Mapping[str, Array], where: str) -> Mapping[str, Array]:
    """The same tensors. Raises DataError, as `check_finite`."""
    for name, array in values.items():
        check_finite(array, f"{where}: the activation `{name}`")
    return values


def _bounded(values: Mapping[str, Array], where: str) -> Mapping[str, Bounded]:
    """The tensors with their extremes. Raises DataError, as `check_finite`."""
    return {
        name: (array, finite_extremes(array, f"{where}: the activation `{name}`"))
        for name, array in values.items()
    }


def bounds(
    model: onnx.ModelProto,
    names: tuple[str, ...],
    samples: Iterable[Mapping[str, Array]],
    *,
    total: int,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, tuple[float, float]]:
    """The least and the largest value of each tensor over all samples. Raises what `observe` raises."""
    found: dict[str, tuple[float, float]] = {}
    with single_threaded():
        for part in bounded_stream(model, names, samples, total=total, progress=progress):
            for name, (_, extremes) in part.items():
                low, high = found.get(name, (np.inf, -np.inf))
                found[name] = min(low, extremes[0]), max(high, extremes[1])
    return found
