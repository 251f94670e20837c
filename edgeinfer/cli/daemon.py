"""`edgeinfer daemon`: run the streams of a settings file until they end, or until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edgeinfer.exits import Exit

if TYPE_CHECKING:
    from edgeinfer.config import Settings
    from edgeinfer.daemon.loading import BundleLoader, LoadedStream
    from edgeinfer.daemon.status import Summary


def configure(parser: argparse.ArgumentParser) -> None:
    """The command line of `edgeinfer daemon`."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="settings (docs/settings.md)"
    )
    parser.add_argument("--check", action="store_true", help="check settings and bundles, and start nothing")


def execute(arguments: argparse.Namespace) -> int:
    """Exit 0 after an orderly end, 1 where settings are wrong or no stream could run."""
    from edgeinfer.config import load_settings
    from edgeinfer.daemon.loading import BundleLoader

    settings = load_settings(arguments.config)
    cache = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    loader = BundleLoader(settings, Path(cache) if cache else None)
    if arguments.check:
        return _check(settings, loader)
    summary = _run(settings, loader)
    sys.stderr.write(f"{summary.text()}\n")
    code = Exit.FAILED if summary.failed and len(summary.failed) == len(summary.streams) else Exit.DONE
    if summary.threads_left_behind:
        # Threads inside OpenCV or a runtime crash while the interpreter is torn down under them.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _check(settings: Settings, loader: BundleLoader) -> int:
    from edgeinfer.daemon.loading import check_streams

    if settings.mqtt is not None:
        from edgeinfer.sinks.mqtt_client import build_client
        from edgeinfer.sinks.topics import Topics

        build_client(settings.mqtt, Topics(settings.mqtt.prefix, settings.device.name))
    streams = check_streams(settings, loader)
    where = [settings.mqtt.url] if settings.mqtt else []
    where += [settings.jsonl.path] if settings.jsonl else []
    sys.stdout.write(f"device {settings.device.name} -> {', '.join(where)}\n")
    for one in streams:
        sys.stdout.write(
            f"stream {one.name}: {one.model} ({one.task}, {one.precision} {one.format}) on {one.source}\n"
        )
    return Exit.DONE


def _run(settings: Settings, loader: BundleLoader) -> Summary:
    from edgeinfer.daemon.supervise import Supervisor, Surroundings
    from edgeinfer.daemon.systemd import Notifier
    from edgeinfer.sinks import build_sinks

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # nohup has SIGHUP ignored: the end of the terminal is then not ours.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())

    def info(streams: tuple[LoadedStream, ...], started_at: datetime) -> bytes:
        from edgeinfer.daemon.info import info_document
        from edgeinfer.host import detect_host

        host = detect_host()
        described = tuple(one.info for one in streams)
        return info_document(
            settings.device.name, described, started_at, board=host.board, runtimes=host.runtimes
        )

    around = Surroundings(notifier=Notifier.from_environment(), info=info)
    return Supervisor(settings, loader.load, build_sinks(settings), around, stop).run()
