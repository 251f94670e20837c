"""Gram matrices of the columns of products."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edgeinfer_converters.quantize import hessian
from edgeinfer_converters.quantize.columns import Columns
from edgeinfer_converters.quantize.hessian import Gram, GramObserver, Grams, gram_observers
from edgeinfer_converters.shelf import Shelf


def test_the_gram_matrix_is_the_mean_over_all_positions_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hessian, "_ROWS_AT_ONCE", 100)
    columns = Columns(1, 1, 4, (2, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    observer = GramObserver(columns)
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(1, 2, 6, 8)).astype(np.float32) for _ in range(9)]
    for one in samples:
        observer.update(one)
    gram = observer.result()
    assert gram.positions == 9 * 40
    rows = np.concatenate([columns.take(one, 0) for one in samples])[:, 0]
    np.testing.assert_allclose(gram.matrices[0], rows.T @ rows / len(rows), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gram.means[0], rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(gram.centred()[0], np.cov(rows.T, bias=True), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("groups", "width", "samples", "positions"),
    [
        (65, 1, 64, 16),
        (65, 32, 512, 16),
        (65, 33, 512, 64),
        (65, 32, 63, 64),
        (64, 32, 512, 64),
        (65, 1, 0, 64),
    ],
)
def test_few_positions_of_many_samples_are_enough_for_many_narrow_matrices(
    groups: int, width: int, samples: int, positions: int
) -> None:
    observer = GramObserver(Columns(groups, 1, width), samples)
    observer.update(np.ones((100, groups * width), np.float32))
    assert observer.result().positions == positions


@pytest.mark.parametrize(
    ("width", "rows", "samples", "seen"),
    [
        (9, 100, 128, 32),
        (64, 100, 128, 32),
        (200, 100, 128, 64),
        (400, 100, 128, 128),
        (9, 100, 16, 8),
        (9, 100, 0, 128),
        (64, 1, 128, 128),
        (64, 1, 2048, 1024),
    ],
)
def test_a_sparing_observer_passes_samples_over_when_it_sees_enough(
    width: int, rows: int, samples: int, seen: int
) -> None:
    columns = Columns(1, 1, width)
    plain, sparing = GramObserver(columns, samples), GramObserver(columns, samples, sparing=True)
    for _ in range(samples or 128):
        for one in (plain, sparing):
            one.update(np.ones((rows, width), np.float32))
    of_each = min(rows, 64)
    assert plain.result().positions == of_each * (samples or 128)
    assert sparing.result().positions == of_each * seen


def test_a_sparing_observer_goes_on_as_it_began() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(100, 9)).astype(np.float32) for _ in range(64)]
    columns = Columns(1, 1, 9)
    whole, first, second = (GramObserver(columns, 64, sparing=True) for _ in range(3))
    for one in samples:
        whole.update(one)
    for one in samples[:9]:
        first.update(one)
    second.restore(first.state())
    for one in samples[9:]:
        second.update(one)
    np.testing.assert_array_equal(second.result().matrices, whole.result().matrices)
    assert second.result().positions == whole.result().positions


def test_columns_of_wide_matrices_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hessian, "_ROWS_OF_WIDE", 20)
    monkeypatch.setattr(hessian, "POSITIONS", 8)
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(8, 300)).astype(np.float32) for _ in range(4)]
    observer = GramObserver(Columns(1, 1, 300))
    held = []
    for one in samples:
        observer.update(one)
        held.append(len(observer.state()["waiting"]))
    assert held == [8, 16, 8, 16]
    rows = np.concatenate(samples)
    np.testing.assert_allclose(observer.result().matrices[0], rows.T @ rows / 32, rtol=1e-4, atol=1e-5)


def test_shelved_matrices_are_those_of_the_observers() -> None:
    rng = np.random.default_rng(0)
    widths = {"narrow": 3, "wide": 300}
    observers = {name: GramObserver(Columns(1, 1, width)) for name, width in widths.items()}
    for name, observer in observers.items():
        for _ in range(3):
            observer.update(rng.normal(0, 1, (5, widths[name])).astype(np.float32))
    grams = Grams(observers)
    assert dict.fromkeys(grams) == dict.fromkeys(widths)
    assert len(grams) == 2
    for name, observer in observers.items():
        wanted, found = observer.result(), grams[name]
        np.testing.assert_array_equal(found.matrices, wanted.matrices)
        np.testing.assert_array_equal(found.means, wanted.means)
        assert found.positions == wanted.positions == 15
        np.testing.assert_array_equal(grams[name].matrices, found.matrices)
    assert grams.get("other") is None


def test_shelved_matrices_take_no_memory() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        observers = {str(number): GramObserver(Columns(1, 1, 512)) for number in range(4)}
        held, _ = tracemalloc.get_traced_memory()
        grams = Grams(observers)
        del observers
        left, _ = tracemalloc.get_traced_memory()
        assert len(grams) == 4
    finally:
        tracemalloc.stop()
    assert left - before < (held - before) / 50


def test_nothing_seen() -> None:
    gram = GramObserver(Columns(1, 1, 3)).result()
    assert gram.positions == 0
    assert not gram.matrices.any()


COLUMNS = Columns(2, 2, 4, (2, 1), (1, 1), (0, 0, 0, 0), (1, 1))


def observed(count: int, observer: GramObserver | None = None, start: int = 0) -> GramObserver:
    """After `count` samples from `start` on, all of the same sequence."""
    rng = np.random.default_rng(1)
    samples = [rng.normal(size=(1, 8, 6, 8)).astype(np.float32) for _ in range(start + count)]
    observer = observer or GramObserver(COLUMNS)
    for one in samples[start:]:
        observer.update(one)
    return observer


def assert_same_bits(one: Gram, other: Gram) -> None:
    assert one.matrices.tobytes() == other.matrices.tobytes()
    assert one.means.tobytes() == other.means.tobytes()
    assert one.positions == other.positions


@pytest.mark.parametrize("shelved", [False, True])
@pytest.mark.parametrize("stop", range(8))
def test_a_restored_observer_goes_on_to_the_same_bits(stop: int, shelved: bool) -> None:
    second = GramObserver(COLUMNS, shelf=Shelf() if shelved else None)
    second.restore(observed(stop).state())
    assert_same_bits(observed(8).result(), observed(8 - stop, second, stop).result())


@pytest.mark.parametrize("count", [0, 1, 8])
def test_sums_on_disk_are_those_in_memory(count: int) -> None:
    observer = observed(count, GramObserver(COLUMNS, shelf=Shelf()))
    assert_same_bits(observer.result(), observed(count).result())
    assert_same_bits(Grams({"a": observer})["a"], observed(count).result())
    wanted = {key: value.tobytes() for key, value in observed(count).state().items()}
    assert {
        key: value.tobytes()
        for key, value in observed(count, GramObserver(COLUMNS, shelf=Shelf())).state().items()
    } == wanted


def test_the_largest_sums_lie_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory does not grow with the number of layers."""
    monkeypatch.setattr(hessian, "IN_MEMORY_BYTES", 8_000_000)
    rng = np.random.default_rng(0)

    def held(count: int) -> int:
        columns = {str(number): Columns(1, 1, 700 if number % 2 else 30) for number in range(count)}
        tracemalloc.start()
        try:
            observers = gram_observers(columns)
            assert list(observers) == list(columns)
            for _ in range(6):
                for name, one in observers.items():
                    one.update(rng.normal(size=(64, columns[name].width)).astype(np.float32))
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert held(4) < 8_000_000
    assert held(24) < 8_000_000


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("counts", np.array([40, -1, 1], np.int64)),
        ("counts", np.array([40, 1], np.int64)),
        ("counts", np.array([40.0, 1.0, 1.0])),
        ("total", np.zeros((4, 5))),
        ("total", np.full((4, 4), np.nan)),
        ("waiting", np.zeros((1, 4, 5), np.float32)),
        ("waiting", np.zeros((1, 5, 4), np.float32)),
        ("waiting", np.zeros((500, 4, 4), np.float32)),
        ("waiting", np.zeros((), np.float32)),
        ("waiting", np.zeros((1, 4, 4))),
        ("strip0", np.zeros((4, 4, 5))),
        ("strip0", np.full((4, 4, 4), np.inf)),
        ("strip1", np.zeros((4, 4, 4))),
    ],
)
def test_what_no_observer_of_this_product_gives(name: str, array: np.ndarray) -> None:
    observer = observed(1)
    before = {key: value.tobytes() for key, value in observer.state().items()}
    with pytest.raises(ValueError, match=r"Gram|product|matrices|NaN"):
        observer.restore({**observer.state(), name: array})
    assert {key: value.tobytes() for key, value in observer.state().items()} == before
