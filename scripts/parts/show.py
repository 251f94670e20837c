"""The demo: a model becomes a signed bundle, the daemon runs it on a clip, its messages are shown.

    scripts/demo

Everything that it makes lies in `.demo`, signing keys included; nothing else is touched.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from edgeinfer.errors import EdgeInferError
from edgeinfer.exits import Exit, run_program
from scripts.parts.broker import EmbeddedBroker
from scripts.parts.bundles import Built, Keys, build, ensure_keys
from scripts.parts.clip import DURATION_S, ORDER
from scripts.parts.display import Display, Say, drain, follow
from scripts.parts.listener import Listener
from scripts.parts.material import Material, Progress, prepare
from scripts.parts.service import DEVICE, PREFIX, STREAM, Daemon, settings_toml
from scripts.parts.summary import Tally, summary

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".demo"
PROFILES = ("raspberry-pi-4", "host")
START_LIMIT_S = 30.0


def demo(folder: Path, say: Say, *, color: bool) -> None:
    """The whole demo. Raises EdgeInferError that says which step failed."""
    folder.mkdir(parents=True, exist_ok=True)
    say("edgeinfer demo: gears on a conveyor, each good, scratched or with a piece missing\n")
    material = prepare(folder, progress_bar())
    keys = ensure_keys(folder / "keys")
    bundles = [_build(profile, material, keys, folder, say) for profile in PROFILES]
    tally = watch(bundles[-1], material, keys, folder, say, color=color)
    say(f"\nSummary\n{summary(tally, ORDER, STREAM)}\n")
    say(what_next(bundles, material, keys))


def _build(profile: str, material: Material, keys: Keys, folder: Path, say: Say) -> Built:
    started_s = time.monotonic()
    built = build(profile, material, keys, folder)
    say(describe(built, time.monotonic() - started_s))
    return built


def describe(built: Built, took_s: float) -> str:
    """What a bundle is, and float against int8."""
    model, accuracy = built.report.model, built.report.comparison.accuracy
    return (
        f"Built {built.path.name}: signed, for {built.report.profile}, in {took_s:.0f} s\n"
        f"  {'float32':<8}{model.source_size_bytes / 1e3:5.0f} kB"
        f"  {accuracy.reference:6.1%} of {accuracy.samples} new pictures right\n"
        f"  {model.precision:<8}{model.size_bytes / 1e3:5.0f} kB  {accuracy.converted:6.1%}"
    )


def watch(built: Built, material: Material, keys: Keys, folder: Path, say: Say, *, color: bool) -> Tally:
    """Run broker and daemon on the clip, and show what the daemon publishes."""
    settings, log = folder / "edgeinfer.toml", folder / "daemon.log"
    display = Display(STREAM, ORDER, say, color=color)
    topics = f"{PREFIX}/{DEVICE}"
    with EmbeddedBroker() as broker, Listener(broker.port, topics) as listener:
        text = settings_toml(broker.url, built.path, material.clip, keys.public, folder / "state")
        settings.write_text(text, encoding="utf-8")
        say(f"\nStarted an MQTT broker on {broker.url}, and on the clip:")
        say(f"  edgeinfer daemon --config {_short(settings)}")
        say(f"Listening to {topics}/stream/{STREAM}/result; a line for each part:\n")
        with Daemon(settings, log) as daemon:
            follow(listener, daemon, display, DURATION_S + START_LIMIT_S)
            daemon.finish()
        drain(listener, display)
    if not display.tally.frames:
        raise EdgeInferError("the daemon ended without a single result", hint=f"its log: {log}")
    return display.tally


def what_next(bundles: Sequence[Built], material: Material, keys: Keys) -> str:
    """Commands to try, as they work from the root of the repository."""
    trusted = f"--public-key {_short(keys.public)}"
    first, last = (_short(built.path) for built in (bundles[0], bundles[-1]))
    return (
        "Next\n"
        f"  look at the clip:    {_short(material.clip)}\n"
        "  use the commands:    . .venv/bin/activate\n"
        f"  look into a bundle:  edgeinfer bundle inspect {first}\n"
        f"  run it yourself:     edgeinfer run {last} \\\n"
        f"                         {trusted} \\\n"
        f"                         --source {material.clip.absolute().as_uri()}\n"
        "  your own model:      docs/demo.md goes on from here"
    )


def _short(path: Path) -> str:
    return os.path.relpath(path)


def progress_bar() -> Progress:
    """A bar for each thing that is drawn, on stderr."""
    bars: dict[str, tqdm[None]] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:  # disable=None: none where nobody watches, in a log
            bars[what] = tqdm(total=total, desc=f"Drawing {what}", ncols=79, leave=False, disable=None)
        bars[what].update(done - bars[what].n)
        if done == total:
            bars[what].close()

    return show


def main() -> int:
    """Run the demo; 0 if all went well."""

    def say(text: str) -> None:
        print(text, flush=True)

    def work() -> int:
        demo(FOLDER, say, color=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
        return Exit.DONE

    os.chdir(ROOT)
    return run_program("demo", work)


if __name__ == "__main__":
    sys.exit(main())
