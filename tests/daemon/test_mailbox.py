"""The one-frame mailbox."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.frames import Frame
from tests.fixtures.daemon import frame
from tests.fixtures.waiting import until


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    mailbox = Mailbox()
    for number in range(3):
        assert mailbox.put_newest(frame(number))
    taken = mailbox.take()
    assert taken is not None
    assert (taken.sequence, mailbox.replaced) == (2, 2)


@given(st.lists(st.booleans(), max_size=60))
def test_every_frame_is_taken_replaced_or_still_there(steps: list[bool]) -> None:
    mailbox = Mailbox()
    put = taken = 0
    waiting = False
    for is_put in steps:
        if is_put:
            mailbox.put_newest(frame(put))
            put, waiting = put + 1, True
        elif waiting:
            one = mailbox.take()
            assert one is not None
            assert one.sequence == put - 1
            taken, waiting = taken + 1, False
    assert put == taken + mailbox.replaced + waiting


def test_in_turn_no_frame_is_lost() -> None:
    mailbox = Mailbox()
    taken: list[int] = []

    def take_all() -> None:
        while (one := mailbox.take()) is not None:
            taken.append(one.sequence)

    reader = threading.Thread(target=take_all)
    reader.start()
    for number in range(200):
        assert mailbox.put_in_turn(frame(number))
    mailbox.close()
    reader.join(30)
    assert taken == list(range(200))
    assert mailbox.replaced == 0


def test_the_last_frame_can_be_taken_after_closing() -> None:
    mailbox = Mailbox()
    mailbox.put_newest(frame(1))
    mailbox.close()
    assert mailbox.take() is not None
    assert mailbox.take() is None
    assert not mailbox.put_newest(frame(2))
    assert not mailbox.put_in_turn(frame(2))


def test_closing_wakes_whoever_waits() -> None:
    results: list[Frame | bool | None] = []
    empty, full = Mailbox(), Mailbox()
    full.put_newest(frame())
    threads = [
        threading.Thread(target=lambda: results.append(empty.take())),
        threading.Thread(target=lambda: results.append(full.put_in_turn(frame(1)))),
    ]
    for one in threads:
        one.start()
    empty.close()
    full.close()
    until(lambda: len(results) == 2)
    assert set(results) == {None, False}
