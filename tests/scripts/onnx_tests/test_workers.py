"""Processes that judge: what dies or hangs is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

import pytest

from edgeinfer.errors import EdgeInferError
from scripts.onnx_tests.cases import Case
from scripts.onnx_tests.judging import Outcome
from scripts.onnx_tests.workers import Judge, Worker, judge_all

GIB = 1024**3


def behave(case: Case) -> Outcome:
    """Does what the test is called; the reason is the number of the process."""
    match case.name:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(7)
        case "hang":
            while True:
                signal.pause()
        case "raise":
            raise ValueError("no such thing\nat all")
        case "bloat":
            return Outcome(verdict="pass", reason=str(len(bytearray(8 * GIB))))
        case "speak":
            sys.stdout.write("to stdout\n")
            sys.stderr.write("to stderr\n")
    return Outcome(verdict="pass", reason=str(os.getpid()))


class Unstartable:
    """Ends the process that is to judge with it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)

    def __call__(self, case: Case) -> Outcome:
        raise AssertionError


def case_of(name: str) -> Case:
    return Case("node", name, b"", ())


def test_a_worker_survives_whatever_a_test_does(capfd: pytest.CaptureFixture[str]) -> None:
    with Worker(behave, timeout_s=60) as worker:
        first, again = worker.judge(case_of("a")), worker.judge(case_of("speak"))
        assert first == again
        assert int(first.reason) != os.getpid()
        assert worker.judge(case_of("raise")).reason == "ValueError: no such thing"
        assert worker.judge(case_of("bloat")) == Outcome(verdict="crash", reason="MemoryError: ")
        assert worker.judge(case_of("b")) == first
        assert worker.judge(case_of("crash")) == Outcome(verdict="crash", reason="SIGSEGV")
        second = worker.judge(case_of("c"))
        assert second.verdict == "pass"
        assert second != first
    assert not multiprocessing.active_children()
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_hangs_or_leaves_is_replaced() -> None:
    with Worker(behave, timeout_s=0.5) as worker:
        assert worker.judge(case_of("hang")) == Outcome(verdict="time-out", reason="not done after 0.5 s")
        assert not multiprocessing.active_children()
        assert worker.judge(case_of("exit")) == Outcome(verdict="crash", reason="exit code 7")


def test_a_worker_that_does_not_start_is_an_error() -> None:
    broken: Judge = Unstartable()
    with Worker(broken) as worker, pytest.raises(EdgeInferError, match="did not start"):
        worker.judge(case_of("a"))
    assert not multiprocessing.active_children()


def test_all_tests_are_judged_in_their_order_by_several() -> None:
    names = ["a", "raise", "b", "exit", *"cdefgh"]
    found = [(case.name, outcome) for case, outcome in judge_all([case_of(one) for one in names], 2, behave)]
    assert [name for name, _ in found] == names
    assert [outcome.verdict == "pass" for _, outcome in found] == [len(name) == 1 for name in names]
    assert not multiprocessing.active_children()


def test_nobody_waits_for_what_is_not_wanted() -> None:
    results = judge_all([case_of(str(number)) for number in range(2000)], 1, behave)
    assert next(results)[0].name == "0"
    results.close()
    assert not multiprocessing.active_children()
