"""A task in int8, built as a user builds it, as a TFLite file and as an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeinfer.bundle.tflite_file import describe
from edgeinfer.errors import EdgeInferError
from edgeinfer.files import write_atomically
from edgeinfer.frames import Array
from edgeinfer.host import detect_host
from edgeinfer.profile import load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.emitting.model_file import write_model
from edgeinfer_converters.judging.local import integers_saturate
from scripts.quantization.candidates import say
from scripts.quantization.ours import Converter, Ends
from scripts.quantization.tasks import Zoo
from scripts.quantization.timing import interleave, one_thread_run
from scripts.tflite.floats import BROKEN, describe_file, prepared
from scripts.tflite.old_runtime import OldRuntime
from scripts.tflite.results import Alike, Int8Row, Made, Rival
from scripts.tflite.score import score_apart

MLPERF = "models/mlperf_tiny"
RIVALS = {
    "resnet8": f"{MLPERF}/ic_resnet8_cifar10_int8.tflite",
    "kws_dscnn": f"{MLPERF}/kws_dscnn_int8.tflite",
    "vww_mbv1": f"{MLPERF}/vww_mobilenetv1_025_96_int8.tflite",
    "ad_toycar": f"{MLPERF}/ad_toycar_autoencoder_int8.tflite",
}
FLOAT, OURS, THEIRS = "float32", "int8", "mlperf"
RIVAL_ROUNDS = 4
"""Times as many turns as elsewhere: equal is good enough, so that noise decides otherwise."""


@dataclass(frozen=True)
class Int8Bench:
    """What stays the same from task to task. `converters` by format."""

    zoo: Zoo
    converters: Mapping[str, Converter]
    folder: Path
    rounds: int
    old: OldRuntime

    def run(self, task: str) -> Int8Row:
        """Build, score and time both formats; what fails says why."""
        inputs = self.zoo.calibration(task)
        calibration = self.folder / f"{task}.npz"
        np.savez(calibration, input=inputs)
        load = round(os.getloadavg()[0], 1)
        made = {name: self._made(task, name, calibration) for name in self.converters}
        row = Int8Row(task=task, onnx=made["onnx"], tflite=made["tflite"], load=load)
        found = row if made["tflite"].reason is not None else self._timed(row, inputs, calibration)
        calibration.unlink()
        return found

    def _made(self, task: str, name: str, calibration: Path) -> Made:
        say(f"{task}: int8 {name} …")
        target = self._path(task, name)
        converter = self.converters[name]
        simulate = name == "onnx" and integers_saturate(load_profile(converter.profile), detect_host())
        try:
            cost = converter.convert(self.zoo.float_model(task), calibration, target)
            score = score_apart(self.zoo.folder, task, target, simulate=simulate)
        except EdgeInferError as error:
            return Made(reason=str(error))
        return Made(score=score, cost=cost)

    def _path(self, task: str, name: str) -> Path:
        return self.folder / f"{task}-int8-{name}.{name}"

    def _timed(self, row: Int8Row, inputs: Array, calibration: Path) -> Int8Row:
        try:
            return self._with_rival(self._with_file(row, inputs), inputs, calibration)
        except BROKEN as error:
            return replace(row, tflite=replace(row.tflite, reason=str(error)))

    def _with_file(self, row: Int8Row, inputs: Array) -> Int8Row:
        plain = self.folder / f"{row.task}-float32.tflite"
        write_atomically(plain, write_model(prepared(self.zoo.float_model(row.task))[1], "tflite").data)
        ours = self._path(row.task, "tflite")
        runs = {FLOAT: one_thread_run(plain, inputs[0]), OURS: one_thread_run(ours, inputs[0])}
        times = interleave(runs, self.rounds, reference=FLOAT)
        run = self.zoo.program.runner(self.zoo.float_model(row.task), 1)
        file = describe_file(ours.read_bytes(), times[OURS], self.old, inputs, run)
        return replace(row, file=file, reference=times[FLOAT])

    def _with_rival(self, row: Int8Row, inputs: Array, calibration: Path) -> Int8Row:
        if row.task not in RIVALS:
            return row
        theirs = self.zoo.folder / RIVALS[row.task]
        try:
            score = score_apart(self.zoo.folder, row.task, theirs)
            ours = self._alike(row.task, ends_of(theirs), calibration)
            our_score = score_apart(self.zoo.folder, row.task, ours)
        except EdgeInferError as error:
            return replace(row, rival_reason=f"{theirs.name}: {error}")
        runs = {THEIRS: one_thread_run(theirs, inputs[0]), OURS: one_thread_run(ours, inputs[0])}
        times = interleave(runs, RIVAL_ROUNDS * self.rounds, reference=THEIRS)
        file = describe_file(theirs.read_bytes(), times[THEIRS], None, inputs)
        alike = Alike(score=our_score, size_bytes=ours.stat().st_size, latency=times[OURS])
        return replace(row, rival=Rival(name=theirs.name, score=score, file=file, ours=alike))

    def _alike(self, task: str, ends: Ends, calibration: Path) -> Path:
        """Our file with inputs and outputs of these types. Raises ToolError, BundleError."""
        ours = self._path(task, "tflite")
        if ends == Ends():
            return ours
        say(f"{task}: int8 tflite from {ends.input} to {ends.output} …")
        target = ours.with_stem(f"{ours.stem}-{ends.input}-{ends.output}")
        converter = self.converters["tflite"].with_ends(ends)
        converter.convert(self.zoo.float_model(task), calibration, target)
        return target


def ends_of(model: Path) -> Ends:
    """What a TFLite file takes and gives. Raises ModelError."""
    found = describe(model.read_bytes())
    return Ends(found.inputs[0].dtype, found.outputs[0].dtype)
