"""Tests in processes of their own: what crashes, hangs or bloats there stays there.

A process judges one test after the other and is replaced when it has died, which is much faster than one
for each test: importing the converter and the runtime takes seconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue

from edgeinfer.errors import EdgeInferError
from scripts.onnx_tests.cases import Case
from scripts.onnx_tests.judging import Outcome, first_reason, judge

TIMEOUT_S = 20.0
START_TIMEOUT_S = 120.0
MEMORY_BYTES = 3 * 1024**3
"""Address space of a process beyond what it has when it is ready."""

Judge = Callable[[Case], Outcome]

_READY = "ready"
_FAULTS = (
    *(EdgeInferError, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(NotImplementedError, RuntimeError, TypeError, ValueError),
)
"""What ends a test; anything else ends the process, and so the test too."""


class Worker:
    """A process that judges tests, started when there is one to judge. Not for two threads at once.

    `how` must be a function of a module, for the process is started anew, not forked.
    """

    def __init__(
        self, how: Judge = judge, *, timeout_s: float = TIMEOUT_S, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._how = how
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._running: tuple[BaseProcess, Connection] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def judge(self, case: Case) -> Outcome:
        """The outcome of a test, `crash` and `time-out` too. Raises EdgeInferError if no process starts."""
        process, connection = self._running or self._start()
        try:
            connection.send(case)
            if connection.poll(self._timeout_s):
                outcome: Outcome = connection.recv()
                return outcome
        except (EOFError, ConnectionError):
            process.join()
            reason = _death(process.exitcode or 0)
            self._end()
            return Outcome(verdict="crash", reason=reason)
        self._end()
        return Outcome(verdict="time-out", reason=f"not done after {self._timeout_s:g} s")

    def _start(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        connection, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._how, self._memory_bytes), daemon=True)
        process.start()
        theirs.close()
        self._running = process, connection
        try:
            if connection.poll(START_TIMEOUT_S) and connection.recv() == _READY:
                return self._running
        except (EOFError, ConnectionError):
            pass
        self._end()
        raise EdgeInferError("a process for tests did not start", hint="its messages are above")

    def _end(self) -> None:
        if self._running is None:
            return
        process, connection = self._running
        self._running = None
        connection.close()
        process.kill()
        process.join()
        process.close()


def judge_all(
    cases: Sequence[Case], count: int, how: Judge = judge, *, timeout_s: float = TIMEOUT_S
) -> Generator[tuple[Case, Outcome]]:
    """Each test with its outcome, in their order, by a number of processes at a time."""
    idle: SimpleQueue[Worker] = SimpleQueue()

    def by_any(case: Case) -> tuple[Case, Outcome]:
        worker = idle.get()
        try:
            return case, worker.judge(case)
        finally:
            idle.put(worker)

    with contextlib.ExitStack() as stack:
        for _ in range(count):
            idle.put(stack.enter_context(Worker(how, timeout_s=timeout_s)))
        pool = stack.enter_context(ThreadPoolExecutor(count))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        yield from pool.map(by_any, cases)


def _serve(connection: Connection, how: Judge, memory_bytes: int) -> None:
    """What a process does: judge what it is sent until the other end is closed. Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(memory_bytes)
    connection.send(_READY)
    _silence()
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_judged(connection.recv(), how))


def _judged(case: Case, how: Judge) -> Outcome:
    try:
        return how(case)
    except _FAULTS as error:
        return Outcome(verdict="crash", reason=f"{type(error).__name__}: {first_reason(str(error))}")


def _limit(memory_bytes: int) -> None:
    """Bound this process, and make it the first to go where the machine runs out of memory."""
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    for kind, most in ((resource.RLIMIT_AS, mapped + memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _silence() -> None:
    """The runtime tells of every model that it loads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _death(code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"
