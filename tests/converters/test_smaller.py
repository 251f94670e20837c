"""The prepared graph with a share of its work removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx
import pytest

from edgeinfer.errors import ModelError, UsageError
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.samples import Samples
from edgeinfer_converters.shelf import Shelved, shelve
from edgeinfer_converters.smaller import make_smaller
from edgeinfer_converters.source import serialized
from tests.fixtures.graphs import bottlenecks, samples_of

COUNT = 24


@dataclass(frozen=True)
class One:
    inputs: Mapping[str, np.ndarray]


class Calibration:
    """Samples of the graph's own input."""

    def __len__(self) -> int:
        return COUNT

    def __iter__(self) -> Iterator[One]:
        return (One(inputs) for inputs in samples_of(bottlenecks(), COUNT))


SAMPLES = cast(Samples, Calibration())


def prepared() -> Shelved:
    return shelve(serialized(bottlenecks()))


def test_the_graph_is_smaller_and_the_decisions_say_how() -> None:
    found = make_smaller(prepared(), SAMPLES, "0.25", 2)
    whole, left = (
        sum(count_macs(onnx.load_from_string(one.read())).values()) for one in (prepared(), found.prepared)
    )
    assert left <= 0.75 * whole
    first, *others = found.decisions
    assert first.what == "pruning"
    assert first.choice == f"{1 - left / whole:.1%} of the multiply-accumulates"
    assert others
    assert all(one.reason.startswith("keeps ") for one in others)


def test_a_ratio_that_is_missed_is_warned_of() -> None:
    found = make_smaller(prepared(), SAMPLES, "0.02", 12)
    assert any("was asked for" in one for one in found.warnings)


def test_twice_the_same() -> None:
    one, other = (make_smaller(prepared(), SAMPLES, "0.25", 2) for _ in range(2))
    assert one.prepared.read() == other.prepared.read()
    assert one.decisions == other.decisions


def test_without_samples_it_says_what_is_needed() -> None:
    with pytest.raises(UsageError, match=r"--prune 0.3 needs --calibration"):
        make_smaller(prepared(), None, "0.3", 8)


def test_too_much_is_refused() -> None:
    with pytest.raises(ModelError, match="can be removed"):
        make_smaller(prepared(), SAMPLES, "0.995", 2)
