"""The daemon of the demo: its settings, its process and its log."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from types import TracebackType

from edgeinfer.errors import EdgeInferError
from scripts.parts.programs import program, tail

PREFIX = "edgeinfer"
DEVICE = "demo"
STREAM = "belt"
END_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 10.0


def settings_toml(broker: str, bundle: Path, clip: Path, public_key: Path, state: Path) -> str:
    """The daemon's settings: one stream on the clip at its own speed, as a camera would give it."""
    source = f"{clip.absolute().as_uri()}?realtime=1"
    return f"""# Written by scripts/demo; docs/settings.md explains every field.
[device]
name = {_quoted(DEVICE)}

[mqtt]
url = {_quoted(broker)}
version = "3.1.1"          # all that the embedded broker speaks
prefix = {_quoted(PREFIX)}

[metrics]
interval_s = 2

[state]
folder = {_quoted(state)}

[trust]
paths = [{_quoted(public_key)}]

[[stream]]
name = {_quoted(STREAM)}
source = {_quoted(source)}
bundle = {_quoted(bundle.absolute())}
"""


def _quoted(text: str | Path) -> str:
    """A TOML string: JSON's rules for one are a part of TOML's."""
    return json.dumps(str(text), ensure_ascii=False)


class Daemon:
    """`edgeinfer daemon` as a child process; the end of the block stops it, however it ends."""

    def __init__(self, settings: Path, log: Path) -> None:
        self._command: list[str | Path] = [program("edgeinfer"), "daemon", "--config", settings]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """Raises EdgeInferError with the end of the log if the daemon has ended with an error."""
        code = self._process.poll() if self._process else None
        if code:
            raise EdgeInferError(
                f"the daemon ended with exit code {code}:\n{tail(self._log)}", hint=f"its log: {self._log}"
            )

    def finish(self) -> None:
        """Let it end, which it does when its stream has, or stop it. Raises EdgeInferError for a bad end."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
        self.stop()
        self.check()

    @property
    def ended(self) -> bool:
        """True when the process is over."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to stop as systemd would, and insist after a while."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Daemon:
        with self._log.open("wb") as log:
            # Its own process group: Ctrl-C reaches the demo alone, which then stops the daemon in order.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
