"""Warnings and worse, published to the log topic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Literal

from edgeinfer.config import mask
from edgeinfer.processing.results import timestamp
from edgeinfer.sinks import Message
from edgeinfer.strict import Struct, encode_json

MAX_TEXT_LENGTH = 2000
PACKAGE = "edgeinfer"


class LogDocument(Struct, frozen=True):
    """One record; a traceback is in the journal only."""

    schema: Literal[1]
    device: str
    time: str
    level: str
    logger: str
    message: str


class PublishingHandler(logging.Handler):
    """Sends records as documents; what cannot be sent is in the journal all the same."""

    def __init__(self, device: str, send: Callable[[Message], None]) -> None:
        super().__init__(logging.WARNING)
        self._device = device
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Publish one record."""
        document = LogDocument(
            schema=1,
            device=self._device,
            time=timestamp(datetime.fromtimestamp(record.created, timezone.utc)),
            level=record.levelname.lower(),
            logger=record.name,
            message=mask(record.getMessage())[:MAX_TEXT_LENGTH],
        )
        self._send(Message("log", encode_json(document)))


@contextmanager
def published_log(device: str, send: Callable[[Message], None]) -> Iterator[None]:
    """Publish the package's warnings for the time of the block."""
    handler = PublishingHandler(device, send)
    logging.getLogger(PACKAGE).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(PACKAGE).removeHandler(handler)
