"""Our int8 models against those of the other quantizers, on the zoo's models and data, side by side.

    scripts/bench quantization [--task NAME …] [--peer NAME …] [--quick] [--s8] [--limits] [--memory] [--json]

Every converter gets the float model and the zoo's calibration inputs, and nothing else. Peers run in
environments of their own, `.venv-peers-NAME`, made with pip on first use. docs/benchmarks.md explains
the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from edgeinfer.errors import UsageError
from edgeinfer.exits import Exit, run_program
from edgeinfer.profile import load_profile
from edgeinfer.strict import encode_json
from scripts.quantization.candidates import Bench
from scripts.quantization.limits import measure_limits
from scripts.quantization.memory import measure_memory
from scripts.quantization.ours import INT8_PROFILE, UINT8_PROFILE, Converter, make_converter
from scripts.quantization.peers import PEERS, S8_PEERS, Peer, choose_peers
from scripts.quantization.results import Report, TaskResult, differences, read_known
from scripts.quantization.table import closing, task_table
from scripts.quantization.tasks import QUICK_TASKS, TASKS, Zoo, open_zoo, zoo_folder

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS, QUICK_ROUNDS = 100, 20
MEMORY_TASK = "mobilenetv2"
TIMEOUT_S = 1800.0
NOT_THIS_PROCESSOR = (
    "--s8: accuracy holds for raspberry-pi-4; times are this machine's, which has no use for this form."
)


def main() -> int:
    """Measure and print."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = parse()
    peers = choose_peers(arguments.peer, s8=arguments.s8)
    zoo = open_zoo(zoo_folder(ROOT))
    with tempfile.TemporaryDirectory(prefix="edgeinfer-bench-") as name:
        folder = (arguments.keep or Path(name)).resolve()
        profile = INT8_PROFILE if arguments.s8 else UINT8_PROFILE
        converter = make_converter(folder, Path(name) / "keys", profile, arguments.effort, TIMEOUT_S)
        report = _measure(arguments, zoo, converter, peers)
    _print(arguments, zoo, report)
    return Exit.DONE


def _measure(
    arguments: argparse.Namespace, zoo: Zoo, converter: Converter, peers: tuple[Peer, ...]
) -> Report:
    tasks: tuple[str, ...] = tuple(arguments.task or (QUICK_TASKS if arguments.quick else TASKS))
    only_extras = arguments.limits or arguments.memory
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    bench = Bench(zoo, converter, peers, converter.folder, ROOT, rounds, as_on_arm=arguments.s8)
    profile = load_profile(converter.profile)
    memory_tasks = (arguments.task or [MEMORY_TASK]) if arguments.memory else ()
    return Report(
        schema=1,
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        profile=converter.profile,
        versions=versions(peers if not only_extras else ()),
        tasks=() if only_extras else tuple(_shown(arguments, bench.run(task)) for task in tasks),
        limits=tuple(measure_limits(zoo, task, profile) for task in tasks) if arguments.limits else (),
        memory=tuple(measure_memory(zoo, task, converter, converter.folder) for task in memory_tasks),
    )


def _shown(arguments: argparse.Namespace, result: TaskResult) -> TaskResult:
    """A run takes long: each table is shown as soon as it is there."""
    if not arguments.json:
        print(task_table(result) + "\n", flush=True)
    return result


def _print(arguments: argparse.Namespace, zoo: Zoo, report: Report) -> None:
    if arguments.json:
        print(encode_json(report, indent=2).decode())
        return
    notes = differences(report.tasks, read_known(zoo.folder / "peers.json"))
    notes = [f"not as recorded in peers.json: {note}" for note in notes]
    print(closing(report, [*notes, *([NOT_THIS_PROCESSOR] if arguments.s8 and report.tasks else [])]))


def versions(peers: tuple[Peer, ...]) -> dict[str, str]:
    """What is compared, and the runtimes that all models are timed with."""
    ours = {"edgeinfer": version("edgeinfer"), "timed with onnxruntime": version("onnxruntime")}
    return ours | dict(peer.environment.requirements[0].split("==") for peer in peers)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line. Raises UsageError."""
    parser = argparse.ArgumentParser(
        prog="bench quantization", description="Our int8 models against those of the other quantizers."
    )
    known = [*PEERS, *S8_PEERS, "none"]
    parser.add_argument("--task", action="append", choices=TASKS, help="only this one; may be repeated")
    parser.add_argument("--peer", action="append", metavar="NAME", help=f"only this one: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="the three small tasks, fewer repetitions")
    parser.add_argument("--effort", choices=("default", "high"), default="default", help="of our converter")
    parser.add_argument("--s8", action="store_true", help=f"the form for ARM: profile {INT8_PROFILE}")
    parser.add_argument(
        "--limits", action="store_true", help="instead: weights or activations alone at 8 bits"
    )
    parser.add_argument("--memory", action="store_true", help="instead: our memory for 64 and 1,024 samples")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep models and logs there")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args(words)
    if arguments.peer and "none" in arguments.peer and len(arguments.peer) > 1:
        raise UsageError("`--peer none` stands alone", hint="name peers, or none")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
