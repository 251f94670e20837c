"""An MQTT broker inside this process, for demonstrations: no server to install, gone when the block ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import partial
from types import TracebackType

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError

from edgeinfer.errors import EdgeInferError

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 10.0
LISTENER = "default"


class EmbeddedBroker:
    """An MQTT 3.1.1 broker on a free port of the loopback interface, in a thread with its own event loop.

    `with EmbeddedBroker() as broker:` starts it and waits until it takes connections; `broker.port` is
    its port. Anybody on this machine may connect. Raises EdgeInferError if it does not start.
    """

    def __init__(self) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> EmbeddedBroker:
        logging.getLogger("amqtt").setLevel(logging.ERROR)  # one line a packet otherwise
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise EdgeInferError(f"the embedded MQTT broker did not start within {START_TIMEOUT_S:.0f} s")
        if self._failure:
            raise EdgeInferError(
                f"the embedded MQTT broker did not start: {self._failure}"
            ) from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except (AMQTTError, OSError) as error:
            self._failure = error
            self._ready.set()
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        """Serve on a socket of our own: amqtt's listeners cannot tell which free port they were given."""
        broker = Broker(_config(), loop=self._loop)
        await broker.start()
        connected = partial(broker.stream_connected, listener_name=LISTENER)
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await broker.shutdown()


def _config() -> BrokerConfig:
    return BrokerConfig(
        listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )
