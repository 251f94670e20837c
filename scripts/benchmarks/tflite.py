"""What our TFLite files are worth: beside ONNX Runtime, our own ONNX models, and MLPerf Tiny's files.

    scripts/bench tflite [--task NAME …] [--quick] [--keep DIR] [--json]

On the zoo's models and data. tflite-runtime runs in an environment of its own, `.venv-tflite-runtime`, made
with pip on first use. docs/benchmarks.md explains the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from edgeinfer.exits import Exit, run_program
from edgeinfer.strict import encode_json
from scripts.quantization.ours import INT8_PROFILE, Converter, make_converter
from scripts.quantization.tasks import QUICK_TASKS, TASKS, Zoo, zoo_folder
from scripts.tflite.anomaly import NAME as ANOMALY
from scripts.tflite.anomaly import open_zoo_with_anomaly
from scripts.tflite.flatbuffer import time_flatbuffer
from scripts.tflite.floats import FloatBench
from scripts.tflite.int8 import Int8Bench
from scripts.tflite.material import float_models
from scripts.tflite.old_runtime import ENVIRONMENT, OldRuntime
from scripts.tflite.results import BUILD_TASK, TfliteReport
from scripts.tflite.table import closing, floats_table, int8_table, kernels_table, old_table, rivals_table

ROOT = Path(__file__).resolve().parent.parent.parent
EVERY_TASK = (*TASKS, ANOMALY)
ROUNDS, QUICK_ROUNDS = 100, 20
TIMEOUT_S = 1800.0


def main() -> int:
    """Measure and print."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = parse()
    zoo = open_zoo_with_anomaly(zoo_folder(ROOT))
    with tempfile.TemporaryDirectory(prefix="edgeinfer-bench-") as name:
        folder = (arguments.keep or Path(name)).resolve()
        converter = make_converter(folder, Path(name) / "keys", INT8_PROFILE, "default", TIMEOUT_S)
        report = measure(arguments, zoo, converter)
    print(encode_json(report, indent=2).decode() if arguments.json else as_text(report))
    return Exit.DONE


def measure(arguments: argparse.Namespace, zoo: Zoo, converter: Converter) -> TfliteReport:
    """Float models, then tasks in int8, then the time of writing a file."""
    tasks = tuple(arguments.task or (QUICK_TASKS if arguments.quick else EVERY_TASK))
    rounds, old = QUICK_ROUNDS if arguments.quick else ROUNDS, OldRuntime(ROOT)
    floats = FloatBench(zoo, converter.folder, rounds, old)
    both = {name: replace(converter, model_format=name) for name in ("onnx", "tflite")}
    int8 = Int8Bench(zoo, both, converter.folder, rounds, old)
    return TfliteReport(
        schema=2,
        date=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions(),
        floats=tuple(floats.run(path) for path in chosen_models(zoo, tasks)),
        tasks=tuple(int8.run(task) for task in tasks),
        flatbuffer=time_flatbuffer(zoo, BUILD_TASK) if BUILD_TASK in tasks else None,
    )


def chosen_models(zoo: Zoo, tasks: Sequence[str]) -> tuple[Path, ...]:
    """All float models if all tasks are run, otherwise those of the tasks."""
    found = float_models(zoo)
    stems = {zoo.float_model(task).stem for task in tasks}
    return found if set(EVERY_TASK) <= set(tasks) else tuple(one for one in found if one.stem in stems)


def as_text(report: TfliteReport) -> str:
    """All tables."""
    tables = [floats_table(report.floats), int8_table(report.tasks), rivals_table(report.tasks)]
    return "\n\n".join([*tables, old_table(report.tasks), kernels_table(report), closing(report)])


def versions() -> dict[str, str]:
    """What is compared."""
    here = {name: version(name) for name in ("edgeinfer", "ai-edge-litert", "onnxruntime")}
    return here | dict(one.split("==") for one in ENVIRONMENT.requirements[:1])


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench tflite", description="What our TFLite files are worth.")
    parser.add_argument("--task", action="append", choices=EVERY_TASK, help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="three small tasks, fewer repetitions")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep models and logs there")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
