"""A pass over samples that may be interrupted, and goes on where it was.

After some seconds of work, and then every PERIOD_S, what is known goes into a checkpoint, at the end of a
sample; Ctrl-C waits for that end too. A later run of the same graph on the same samples skips those that it
knows: they are read once more and compared by their digest, which is cheap beside running them.
A checkpoint only saves time. Where it cannot be written or read, the pass does without.
"""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType

import numpy as np

from edgeinfer.frames import Array
from edgeinfer.terminal import printable
from edgeinfer_converters.calibration.checkpoint import Checkpoint, DamagedError, Saved
from edgeinfer_converters.progress import announce

PERIOD_S = 15.0
"""Work between two checkpoints."""

MIN_S = 5.0
"""What takes less is done anew when it was interrupted, and touches no disk."""

Sample = Mapping[str, Array]
State = Callable[[], Mapping[str, Array]]
Restore = Callable[[Mapping[str, Array]], None]


class Resumable:
    """One pass over `samples`, which begin anew whenever they are iterated."""

    def __init__(
        self,
        samples: Iterable[Sample],
        checkpoint: Checkpoint,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._samples = samples
        self._checkpoint = checkpoint
        self._clock = clock
        self._writable = True
        self._digest = hashlib.sha256()
        self._count = 0
        self._rest: Iterator[Sample] = iter(())
        self._begun: deque[Sample] = deque()

    def begin(self, restore: Restore) -> int:
        """How many samples are known already, after `restore` was given what is known of them.

        `restore` raises ValueError for what it cannot take; then it must be as if it had seen nothing.
        """
        self._rest = iter(self._samples)
        saved = self._load()
        if saved is not None and not self._goes_on(saved, restore):
            self._rest, self._digest, self._count = iter(self._samples), hashlib.sha256(), 0
        return self._count

    def rest(self) -> Iterator[Sample]:
        """The samples that are not known yet."""
        for sample in self._rest:
            self._begun.append(sample)
            yield sample

    @contextlib.contextmanager
    def running(self, state: State) -> Iterator[Callable[[], None]]:
        """A function to call after each sample, which writes what `state` gives whenever it is time.

        Until then a sample of `rest` does not count as known, so that the next ones may be taken early.

        When the block ends well the checkpoint is removed.
        """
        started = written = self._clock()
        with _patient() as interrupted:

            def done() -> None:
                nonlocal written
                self._add(self._begun.popleft())
                now = self._clock()
                if now - written >= PERIOD_S or (interrupted() and now - started >= MIN_S):
                    self._save(state())
                    written = self._clock()
                if interrupted():
                    raise KeyboardInterrupt

            yield done
        self._remove()

    def _load(self) -> Saved | None:
        try:
            return self._checkpoint.read()
        except (OSError, DamagedError) as error:
            self._reject(f"the checkpoint of an earlier run cannot be read ({error}): calibrating anew")
            return None

    def _goes_on(self, saved: Saved, restore: Restore) -> bool:
        """Skip the samples that were seen, and take over what was learnt, if all of it fits."""
        for _ in range(saved.count):
            sample = next(self._rest, None)
            if sample is None:
                break
            self._add(sample)
        if self._count != saved.count or self._digest.digest() != saved.digest:
            self._reject("the checkpoint of an earlier run is of other samples: calibrating anew")
            return False
        try:
            restore(saved.arrays)
        except ValueError as error:
            self._reject(f"the checkpoint of an earlier run does not fit ({error}): calibrating anew")
            return False
        announce(f"going on from a checkpoint, {saved.count} samples are done")
        return True

    def _add(self, sample: Sample) -> None:
        for name in sorted(sample):
            array = np.ascontiguousarray(sample[name])
            self._digest.update(repr((name, array.dtype.str, array.shape)).encode())
            self._digest.update(array.reshape(-1).view(np.uint8).data)
        self._count += 1

    def _save(self, arrays: Mapping[str, Array]) -> None:
        if not self._writable:
            return
        try:
            self._writable = self._checkpoint.write(Saved(self._count, self._digest.digest(), arrays))
            if not self._writable:
                announce("too much to keep in a checkpoint: going on without")
        except OSError as error:
            self._writable = False
            announce(f"no checkpoint can be written ({error}): going on without")

    def _reject(self, why: str) -> None:
        announce(printable(why))  # it may quote the file
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._checkpoint.remove()


@contextlib.contextmanager
def _patient() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, instead of an exception anywhere; pressed again, it is one.

    Only where it would have been one: in the main thread, and if nobody else handles it.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            signal.default_int_handler(number, frame)
        pressed.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt
