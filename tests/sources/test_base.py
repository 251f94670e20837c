"""What every source does: opening, closing, numbering, translating."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.fake import EPOCH, FakeSource, ManualClock

PICTURE = np.zeros((2, 3, 3), np.uint8)


class BrokenSource(FrameSource):
    """Fails to open in a given way."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("broken", ManualClock())
        self.error = error
        self.released = 0

    def _open(self) -> None:
        raise self.error

    def _next(self) -> Frame | None:
        raise AssertionError("never opened")

    def _release(self) -> None:
        self.released += 1


class HangingSource(FakeSource):
    """Its reads hang until they are let go."""

    def __init__(self) -> None:
        super().__init__([PICTURE])
        self.inside = threading.Event()
        self.let_go = threading.Event()

    def _next(self) -> Frame | None:
        self.inside.set()
        assert self.let_go.wait(60)
        return super()._next()


def test_frames_are_numbered_and_stamped() -> None:
    clock = ManualClock()
    with FakeSource([PICTURE, PICTURE], clock=clock) as source:
        clock.advance(1.0)
        first = source.read()
        clock.advance(1.0)
        second = source.read()
    assert first is not None
    assert second is not None
    assert (first.sequence, second.sequence) == (0, 1)
    assert (first.captured_s, second.captured_s) == (1.0, 2.0)
    assert (second.captured_at - EPOCH).total_seconds() == 2.0
    assert first.size == (3, 2)


def test_an_error_does_not_count_as_a_frame() -> None:
    with FakeSource([SourceError("once"), PICTURE]) as source:
        with pytest.raises(SourceError, match="once"):
            source.read()
        frame = source.read()
    assert frame is not None
    assert frame.sequence == 0


def test_the_end_is_none_again_and_again() -> None:
    with FakeSource([]) as source:
        assert source.read() is None
        assert source.read() is None


def test_a_source_must_be_opened_first_and_only_once() -> None:
    source = FakeSource([PICTURE])
    with pytest.raises(SourceError, match="has not been opened"):
        source.read()
    with source, pytest.raises(SourceError, match="only once"), source:
        pass
    with pytest.raises(SourceError, match="only once"), source:
        pass
    assert source.opened == 1


def test_a_source_that_was_closed_cannot_be_opened() -> None:
    source = FakeSource([PICTURE])
    source.close()
    with pytest.raises(SourceError, match="only once"), source:
        pass
    assert (source.opened, source.released) == (0, 0)


def test_close_may_be_called_often_and_ends_reading() -> None:
    with FakeSource([PICTURE, PICTURE]) as source:
        source.read()
        source.close()
        source.close()
        assert source.read() is None
    assert source.released >= 1


@pytest.mark.parametrize("error", [SourceError("no"), KeyboardInterrupt()])
def test_what_fails_to_open_is_released(error: BaseException) -> None:
    source = BrokenSource(error)
    with pytest.raises(type(error)), source:
        pass
    assert source.released == 1


def test_errors_of_the_operating_system_are_translated() -> None:
    source = BrokenSource(OSError(5, "Input/output error"))
    with pytest.raises(SourceError, match=r"^broken: Input/output error$") as caught, source:
        pass
    assert isinstance(caught.value.__cause__, OSError)


def test_a_translated_error_names_another_file_that_it_is_about() -> None:
    source = BrokenSource(FileNotFoundError(2, "No such file or directory", "other.txt"))
    with pytest.raises(SourceError, match=r"^broken: other.txt: No such file or directory$"), source:
        pass


def test_errors_while_reading_are_translated() -> None:
    with (
        FakeSource([OSError(19, "No such device")]) as source,
        pytest.raises(SourceError, match=r"^fake: No such device$"),
    ):
        source.read()


def test_close_leaves_a_hanging_read_alone_and_the_reader_releases_later() -> None:
    got: list[Frame | None] = []
    with HangingSource() as source:
        reader = threading.Thread(target=lambda: got.append(source.read()))
        reader.start()
        assert source.inside.wait(60)
        source.close()
        assert source.released == 0
        source.let_go.set()
        reader.join(60)
    assert not reader.is_alive()
    assert source.released >= 1
    assert len(got) == 1
    assert source.read() is None
