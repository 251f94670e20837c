"""One task: the float model pruned in each way to each share, scored, and timed with all others."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer.profile import load_profile
from edgeinfer.strict import Struct, replace
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.gemms import fold_factors
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.chain import Survey, remove, survey
from edgeinfer_converters.prune.compensate import compensate
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.groups import Grouping, find_groups
from edgeinfer_converters.prune.magnitude import smallest_of_all_removed, smallest_removed
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.pair import Samples
from edgeinfer_converters.sources.source import prepared_graph, read_source
from scripts.quantization.tasks import Score, Zoo
from scripts.quantization.timing import Latency, interleave, one_thread_run

FLOAT, OURS, MAGNITUDE, CORRECTED = "float", "edgeinfer", "magnitude", "magnitude+bias"
ACROSS = "magnitude, all"
PROFILE = "x86-64-vnni"


class Row(Struct, frozen=True):
    """A candidate at a share: `share_removed` is what is really gone, of `macs` the rest."""

    candidate: str
    share: float
    share_removed: float
    macs: int
    score: Score | None = None
    latency: Latency | None = None
    reason: str = ""


class TaskResult(Struct, frozen=True):
    """All candidates of a task; `load` is the load average when they were timed."""

    task: str
    metric: str
    samples: int
    rows: tuple[Row, ...]
    load: float


@dataclass(frozen=True)
class Bench:
    """What stays the same from task to task."""

    zoo: Zoo
    folder: Path
    shares: tuple[float, ...]
    rounds: int
    multiple: int

    def run(self, task: str) -> TaskResult:
        """Measure a task. Raises EdgeInferError."""
        inputs = self.zoo.calibration(task)
        work = _Work(self, task, inputs)
        rows = [work.row(FLOAT, 0.0, work.model)]
        for share in self.shares:
            for name in (OURS, CORRECTED, MAGNITUDE, ACROSS):
                _say(f"{task}: {name}, {share:.0%} …")
                rows.append(work.candidate(name, share))
        _say(f"{task}: latency …")
        load = round(os.getloadavg()[0], 1)
        runs = {key: one_thread_run(path, inputs[0]) for key, path in work.paths.items()}
        latencies = interleave(runs, self.rounds, reference=_key(FLOAT, 0.0))
        timed = tuple(replace(row, latency=latencies.get(_key(row.candidate, row.share))) for row in rows)
        score = timed[0].score
        assert score is not None, "the float model has a score"
        return TaskResult(task=task, metric=score.metric, samples=score.samples, rows=timed, load=load)


class _Work:
    """One task's model, what is known of it, and the models that were made."""

    def __init__(self, bench: Bench, task: str, inputs: Array) -> None:
        self._bench, self._task = bench, task
        runtime = next(one for one in load_profile(PROFILE).runtime if one.name == "onnxruntime")
        self.model = fold_factors(
            add_biases(prepared_graph(read_source(bench.zoo.float_model(task)), runtime))
        )
        self._view = GraphView(self.model)
        self._grouping = find_groups(self._view)
        self._samples = samples_of(self._view.inputs[0], inputs)
        self._count = len(inputs)
        self._survey: Survey | None = None
        self.paths: dict[str, Path] = {}

    def candidate(self, name: str, share: float) -> Row:
        """Make and score one; the reason if the share cannot be reached."""
        with single_threaded():
            try:
                model = self._ours(share) if name == OURS else self._plain(share, name)
            except ModelError as error:
                return Row(candidate=name, share=share, share_removed=0.0, macs=0, reason=error.message)
        return self.row(name, share, model)

    def row(self, name: str, share: float, model: onnx.ModelProto) -> Row:
        """Write and score a model."""
        path = self._bench.folder / f"{self._task}-{name}-{share:.2f}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        self.paths[_key(name, share)] = path
        macs, whole = (sum(count_macs(one).values()) for one in (model, self.model))
        score = self._bench.zoo.score(self._task, path)
        return Row(candidate=name, share=share, share_removed=1 - macs / whole, macs=macs, score=score)

    def _ours(self, share: float) -> onnx.ModelProto:
        if self._survey is None:
            self._survey = survey(self.model, self._samples, self._count)
        found = remove(self._survey, self._samples, self._count, share, multiple=self._bench.multiple)
        return found.model

    def _plain(self, share: float, name: str) -> onnx.ModelProto:
        remove_smallest = smallest_of_all_removed if name == ACROSS else smallest_removed
        kept = remove_smallest(self._view, self._grouping, share, macs_cost(self._view, self._grouping))
        smaller = pruned_to(self.model, self._grouping, kept)
        if name != CORRECTED:
            return smaller
        left = left_outputs(self._view, self._grouping, kept)
        return compensate(self.model, smaller, left, self._samples, self._count, biases_only=True)[0]


def pruned_to(model: onnx.ModelProto, grouping: Grouping, kept: Mapping[str, Indices]) -> onnx.ModelProto:
    """The model with the channels `kept`, its weights as they were."""
    return keep_channels(model, grouping, {name: one.tolist() for name, one in kept.items()})


def samples_of(name: str, inputs: Array) -> Samples:
    """Inputs, whose first axis counts them, one by one with the batch axis."""
    return lambda: ({name: np.ascontiguousarray(one[None])} for one in inputs)


def _key(name: str, share: float) -> str:
    return f"{name} {share:.2f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
