"""The notification protocol, spoken to a real socket."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeinfer.daemon.systemd import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd binds it, and its name as in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edgeinfer-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name[1:] if name.startswith("@") else name)
        bound.settimeout(5)
        yield bound, name


def test_what_systemd_reads(manager: tuple[socket.socket, str]) -> None:
    bound, name = manager
    notifier = Notifier(name)
    notifier.ready("1 of 1\nstreams running")
    notifier.status("fine")
    notifier.alive()
    notifier.stopping()
    assert [bound.recv(4096).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=1 of 1 streams running",
        "STATUS=fine",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*arguments: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_socket)
    notifier = Notifier.from_environment({})
    notifier.ready("x")
    notifier.alive()
    assert notifier.watchdog_interval_s is None


def test_a_manager_that_has_gone_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "none")).alive()


def test_a_manager_that_does_not_read_holds_up_nothing(manager: tuple[socket.socket, str]) -> None:
    notifier = Notifier(manager[1])
    for _ in range(2000):
        notifier.alive()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_interval_is_half_of_what_systemd_waits(
    environment: dict[str, str], expected: float | None
) -> None:
    assert Notifier.from_environment(environment).watchdog_interval_s == expected
