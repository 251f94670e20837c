"""When to tell systemd that the daemon is alive: only while every stage makes progress.

A broker that is away, a camera that is unplugged or a file at its end are no reason to restart; a call
into a driver or a runtime that never returns is one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from edgeinfer.daemon.pacing import Occasionally
from edgeinfer.daemon.progress import Stuck

logger = logging.getLogger(__name__)

COMPLAINT_INTERVAL_S = 60.0


class Watchdog:
    """Decides, at each look, whether a sign of life is due; `interval_s` is None without a watchdog."""

    def __init__(self, interval_s: float | None) -> None:
        self._interval_s = interval_s
        self._next_s = float("-inf")
        self._complaints = Occasionally(COMPLAINT_INTERVAL_S)

    def is_due(self, now_s: float, stuck: Iterable[Stuck]) -> bool:
        """Whether to send a sign of life now. Complains of what is stuck, with or without systemd."""
        found = list(stuck)
        if found:
            if self._complaints.due(now_s) is not None:
                consequence = "systemd will restart the service" if self._interval_s else "restart the daemon"
                logger.critical("%s; %s", "; ".join(map(str, found)), consequence)
            return False
        if self._interval_s is None or now_s < self._next_s:
            return False
        self._next_s = now_s + self._interval_s
        return True
