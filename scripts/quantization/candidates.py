"""One task: every candidate is made, scored, and timed with all others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from edgeinfer.errors import EdgeInferError
from edgeinfer.strict import replace
from edgeinfer_converters.graph.foreign import RUNTIME_ERRORS
from scripts.quantization.measured_run import Cost, run_measured
from scripts.quantization.ours import NAME, Converter
from scripts.quantization.peers import Environment, Peer, ready_environment
from scripts.quantization.results import Row, TaskResult
from scripts.quantization.share import share_of
from scripts.quantization.tasks import Zoo
from scripts.quantization.timing import interleave, one_thread_run

FLOAT = "float"
UNREADABLE = (*RUNTIME_ERRORS, DecodeError, RuntimeError, ValueError)
"""What ONNX Runtime, onnx and LiteRT raise for a file that they cannot load or run."""


@dataclass
class Bench:
    """What stays the same from task to task. Environments are made once, and fail once."""

    zoo: Zoo
    converter: Converter
    peers: Sequence[Peer]
    folder: Path
    root: Path
    rounds: int
    as_on_arm: bool
    _environments: dict[str, Path | EdgeInferError] = field(default_factory=dict)

    def run(self, task: str) -> TaskResult:
        """Measure a task with all candidates; those that fail say why."""
        calibration = self.folder / f"{task}.npz"
        inputs = self.zoo.calibration(task)
        np.savez(calibration, input=inputs)
        models = {FLOAT: self.zoo.float_model(task)}
        rows = [self._row(task, FLOAT, models[FLOAT], None)]
        for name, make in self._makers(task, calibration).items():
            say(f"{task}: {name} …")
            rows.append(self._candidate(task, name, make, models))
        calibration.unlink()
        say(f"{task}: latency …")
        load = round(os.getloadavg()[0], 1)
        runs = {name: one_thread_run(path, inputs[0]) for name, path in models.items()}
        latencies = interleave(runs, self.rounds, reference=FLOAT)
        timed = tuple(replace(row, latency=latencies.get(row.candidate)) for row in rows)
        score = timed[0].score
        assert score is not None, "the float model has a score"
        return TaskResult(task=task, metric=score.metric, samples=score.samples, rows=timed, load=load)

    def _makers(self, task: str, calibration: Path) -> dict[str, Callable[[], tuple[Path, Cost]]]:
        source = self.zoo.float_model(task)

        def ours() -> tuple[Path, Cost]:
            out = self.folder / f"{task}-{NAME}.onnx"
            return out, self.converter.convert(source, calibration, out)

        def theirs(peer: Peer) -> Callable[[], tuple[Path, Cost]]:
            return lambda: self._peer(peer, source, calibration, self.folder / f"{task}-{peer.name}")

        return {NAME: ours, **{peer.name: theirs(peer) for peer in self.peers}}

    def _peer(self, peer: Peer, source: Path, calibration: Path, stem: Path) -> tuple[Path, Cost]:
        python = self._python(peer.environment)
        out = stem.with_suffix(peer.suffix)
        command = peer.command(python, source, calibration, out)
        cost = run_measured(command, stem.with_suffix(".log"), timeout_s=self.converter.timeout_s)
        return out, cost

    def _python(self, environment: Environment) -> Path:
        if environment.name not in self._environments:
            try:
                self._environments[environment.name] = ready_environment(environment, self.root)
            except EdgeInferError as error:
                self._environments[environment.name] = error
        found = self._environments[environment.name]
        if isinstance(found, EdgeInferError):
            raise found
        return found

    def _candidate(
        self, task: str, name: str, make: Callable[[], tuple[Path, Cost]], models: dict[str, Path]
    ) -> Row:
        try:
            path, cost = make()
            row = self._row(task, name, path, cost)
        except EdgeInferError as error:
            return Row(candidate=name, reason=str(error))
        except UNREADABLE as error:
            return Row(candidate=name, reason=f"its model does not run: {error}")
        models[name] = path
        return row

    def _row(self, task: str, name: str, path: Path, cost: Cost | None) -> Row:
        return Row(
            candidate=name,
            score=self.zoo.score(task, path),
            size_bytes=path.stat().st_size,
            cost=cost,
            integer_share=None if path.suffix == ".tflite" else share_of(path, as_on_arm=self.as_on_arm),
        )


def say(text: str) -> None:
    """Tell what is being done: stdout is for results."""
    print(text, file=sys.stderr, flush=True)
