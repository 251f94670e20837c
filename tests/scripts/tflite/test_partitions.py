"""What a delegate took is found from its borders, and LiteRT's own lists are what they are believed to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.tflite.partitions import PartitionError, Step, divide, kernels_of
from tests.fixtures.tflite import doubler
from tests.fixtures.tflite_graphs import Writer, network, options

CHAIN = [Step(kind, (number,), (number + 1,)) for number, kind in enumerate(("A", "B", "C", "D", "E"))]


def _delegate(reads: tuple[int, ...], writes: tuple[int, ...]) -> Step:
    return Step("DELEGATE", reads, writes)


def test_without_a_delegate_everything_is_outside() -> None:
    found = divide(CHAIN, [])
    assert (found.count, found.partitions, found.delegated) == (5, 0, 0)
    assert found.outside == found.operators == {"A": 1, "B": 1, "C": 1, "D": 1, "E": 1}


def test_what_lies_between_the_borders_was_taken() -> None:
    found = divide(CHAIN, [_delegate((0,), (2,)), _delegate((3,), (5,))])
    assert (found.partitions, found.delegated, found.outside) == (2, 4, {"C": 1})


def test_branches_that_meet_are_counted_once() -> None:
    steps = [
        Step("CONV", (0,), (1,)),
        Step("CONV", (1,), (2,)),
        Step("CONV", (1,), (3,)),
        Step("ADD", (2, 3), (4,)),
        Step("SOFTMAX", (4,), (5,)),
    ]
    found = divide(steps, [_delegate((0,), (4,))])
    assert (found.delegated, found.outside) == (4, {"SOFTMAX": 1})
    assert found.operators == {"ADD": 1, "CONV": 3, "SOFTMAX": 1}


def test_a_result_that_is_also_read_inside_does_not_end_the_search() -> None:
    assert divide(CHAIN, [_delegate((0,), (1, 3))]).delegated == 3


def test_operators_with_several_results_are_taken_whole() -> None:
    steps = [Step("SPLIT", (0,), (1, 2)), Step("A", (1,), (3,)), Step("B", (2,), (4,))]
    assert divide(steps, [_delegate((0,), (3, 4))]).delegated == 3


def test_what_is_no_delegate_is_not_taken_for_one() -> None:
    with pytest.raises(PartitionError, match="added COPY"):
        divide(CHAIN, [Step("COPY", (0,), (1,))])


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_any_runs_of_a_chain_are_found(taken: list[bool]) -> None:
    steps = [Step(f"K{number}", (number,), (number + 1,)) for number in range(len(taken))]
    delegates, began = [], None
    for number, one in enumerate([*taken, False]):
        if one and began is None:
            began = number
        elif not one and began is not None:
            delegates.append(_delegate((began,), (number,)))
            began = None
    found = divide(steps, delegates)
    assert found.outside == {f"K{number}": 1 for number, one in enumerate(taken) if not one}
    assert found.delegated == sum(taken)
    assert found.partitions == len(delegates)


def test_litert_takes_a_small_network_whole() -> None:
    found = kernels_of(network(batch=False))
    assert found.operators == {
        "ADD": 1,
        "CONV_2D": 1,
        "DEPTHWISE_CONV_2D": 1,
        "FULLY_CONNECTED": 1,
        "MEAN": 1,
    }
    assert (found.partitions, found.delegated, found.outside) == (1, 5, {})


def test_litert_leaves_what_xnnpack_has_not() -> None:
    """A cumulative sum between two additions: two pieces around it."""
    writer = Writer()
    start = writer.input(1, 4)
    first = writer.operator("ADD", [start, start], options("Add"))
    summed = writer.operator("CUMSUM", [first, writer.constant(np.int32(1), "int32")], options("Cumsum"))
    found = kernels_of(writer.finish(writer.operator("ADD", [summed, summed], options("Add"))))
    assert found.outside == {"CUMSUM": 1}
    assert (found.count, found.partitions, found.delegated) == (3, 2, 2)


def test_one_operator_alone() -> None:
    assert kernels_of(doubler()).operators == {"ADD": 1}
