"""sd_notify(3): tells systemd that the service is ready, how it fares, and that it is alive.

The protocol is a datagram of `KEY=value` lines to the socket named by NOTIFY_SOCKET; without that
variable nothing happens.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger(__name__)

MICROSECONDS = 1_000_000


class Notifier:
    """Sends notifications to `address`: a path, or `@name` for an abstract socket; empty for none."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """The notifier that systemd asks for, with its watchdog if that is meant for this process."""
        return cls(environment.get("NOTIFY_SOCKET", ""), _watchdog_s(environment))

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often `alive` is to be sent, half of what systemd waits; None without a watchdog."""
        return self._watchdog_s / 2 if self._watchdog_s else None

    def ready(self, status: str) -> None:
        """The service runs."""
        self._send("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """Every stage makes progress."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The service is on its way out, in order."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                # systemd that does not read must not hold up the daemon.
                channel.setblocking(False)
                channel.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.debug("systemd cannot be told %s: %s", lines[0], error)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    meant_for = environment.get("WATCHDOG_PID", str(os.getpid()))
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / MICROSECONDS if microseconds > 0 and meant_for == str(os.getpid()) else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
