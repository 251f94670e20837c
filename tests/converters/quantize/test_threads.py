"""Work in a second thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize import threads
from edgeinfer_converters.quantize.threads import THREADS, ahead, crew, each

WAIT_S = 30.0


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "_cores", lambda: request.param)
    return int(request.param)


@given(items=st.lists(st.one_of(st.none(), st.integers())))
def test_order_is_kept(items: list[int | None]) -> None:
    assert list(ahead(items)) == list(ahead(items, 3)) == items
    assert list(each(repr, items)) == [repr(one) for one in items]


def test_two_are_worked_on_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    together = threading.Barrier(THREADS, timeout=WAIT_S)
    assert sorted(each(lambda _: together.wait(), range(THREADS))) == list(range(THREADS))


def test_one_core_needs_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 1)
    assert set(each(lambda _: threading.current_thread(), range(3))) == {threading.current_thread()}


@pytest.mark.usefixtures("cores")
def test_items_are_taken_when_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = each(lambda number: number, items())
    assert next(results) == 0
    assert len(taken) <= THREADS + 1
    assert next(results) == 1
    assert len(taken) <= THREADS + 2


@pytest.mark.usefixtures("cores")
def test_what_work_raises_comes_in_its_place() -> None:
    results = each(lambda number: 1 // number, [1, 1, 0, *[1] * 50])
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_the_next_item_is_made_while_one_is_in_use() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        made.set()
        yield 1

    found = ahead(items())
    assert next(found) == 0
    assert made.wait(WAIT_S)
    assert list(found) == [1]


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_are_made_early_than_that(most: int) -> None:
    begun = []
    last = threading.Event()

    def items() -> Iterator[int]:
        for number in range(9):
            begun.append(number)
            if number == most:
                last.set()
            yield number

    found = ahead(items(), most)
    next(found)
    assert last.wait(WAIT_S)
    found.close()  # type: ignore[attr-defined]  # it is a generator, which waits for its thread
    assert begun == [*range(most + 1)]


def test_what_making_an_item_raises_comes_behind_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise ValueError("no more")

    found = ahead(items())
    assert next(found) == 0
    with pytest.raises(ValueError, match="no more"):
        next(found)


@pytest.mark.usefixtures("cores")
def test_a_crew_works_more_than_once() -> None:
    with crew() as workers:
        for count in range(5):
            assert list(workers.each(lambda number: -number, range(count))) == [-one for one in range(count)]
        with pytest.raises(ZeroDivisionError):
            list(workers.each(lambda number: 1 // number, [0]))
        assert list(workers.each(str, "ab")) == ["a", "b"]


def test_a_crew_has_the_same_threads_for_all_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    with crew() as workers:
        seen = {one for _ in range(9) for one in workers.each(lambda _: threading.get_ident(), range(4))}
        alive = threading.active_count()
    assert len(seen) <= THREADS
    assert threading.active_count() <= alive - len(seen)
