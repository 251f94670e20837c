"""The union-find against sets that are merged the slow way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.graph.classes import Classes


def test_new_members_are_numbered_on_and_stand_alone() -> None:
    classes = Classes()
    assert classes.new(3).tolist() == [0, 1, 2]
    assert classes.new(2).tolist() == [3, 4]
    assert len(classes) == 5
    assert classes.roots().tolist() == [0, 1, 2, 3, 4]


def test_no_members_have_no_roots() -> None:
    assert Classes().roots().tolist() == []


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_the_root_is_the_least_of_all_that_were_united(pairs: list[tuple[int, int]]) -> None:
    classes = Classes()
    classes.new(12)
    sets = [{member} for member in range(12)]
    for one, other in pairs:
        classes.unite(one, other)
        merged = sets[one] | sets[other]
        for member in merged:
            sets[member] = merged
    assert classes.roots().tolist() == [min(sets[member]) for member in range(12)]
    assert [classes.root(member) for member in range(12)] == classes.roots().tolist()
