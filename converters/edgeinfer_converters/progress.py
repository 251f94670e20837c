"""Progress of long steps, on stderr: a bar with an ETA on a terminal, one plain line elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from edgeinfer.terminal import WIDTH

T = TypeVar("T")
_BAR = "{desc:<24}{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}, {remaining} left"

_CLEAR_LINE = "\r\x1b[K"


@contextlib.contextmanager
def counted(total: int, step: str, unit: str = "samples") -> Iterator[Callable[[int], None]]:
    """A function to call with the number of samples, or what `unit` says, done since the last call."""
    if not sys.stderr.isatty():
        announce(f"{step} ({total} {unit})")
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(desc=step, total=total, file=sys.stderr, ncols=WIDTH, bar_format=_BAR, leave=False) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        yield advance


def track(items: Iterable[T], total: int, step: str) -> Iterator[T]:
    """The items, one by one, while the user sees how far the step is."""
    with counted(total, step) as advance:
        for item in items:
            yield item
            advance(1)


def announce(step: str) -> None:
    """Say what the program does now. A bar on a terminal makes room, and is drawn again below."""
    room = _CLEAR_LINE if sys.stderr.isatty() else ""
    sys.stderr.write(f"{room}{step} …\n")
    sys.stderr.flush()
