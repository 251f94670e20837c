"""What emitting works with: the graph, the data, and what calibrating has learnt from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import onnx

from edgeinfer.backends import BackendOptions, ModelFormat
from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.host import Host
from edgeinfer.places import cache_folder
from edgeinfer.processing.spec import PipelineSpec
from edgeinfer.profile import Integer, Profile
from edgeinfer_converters.calibration.int8 import Aims, Calibration, Int8Model, calibrate, to_int8
from edgeinfer_converters.calibration.oddities import Oddities
from edgeinfer_converters.emitting.data import Data
from edgeinfer_converters.emitting.integer_outputs import with_integer_outputs
from edgeinfer_converters.emitting.model_file import PLAIN, ModelFile, write_model
from edgeinfer_converters.judging.estimate import Estimator
from edgeinfer_converters.judging.local import local_options
from edgeinfer_converters.progress import counted
from edgeinfer_converters.quantize.noise import noise_meter
from edgeinfer_converters.quantize.ranges import CHOICES
from edgeinfer_converters.samples import Samples
from edgeinfer_converters.shelf import Shelved
from edgeinfer_converters.sources.source import Source
from edgeinfer_converters.tflite.forms import Forms

TFLITE_INTEGER = Integer(activation="int8")
"""The integer form of TFLite files, on every processor."""

MAX_COMPARED = 64
"""Samples on which candidates of high effort are compared; they are held in memory."""


@dataclass(frozen=True)
class Workshop:
    """All that emitting needs. `prepared`: the float graph, serialized; None for what is packed as it is.
    `timed`: speed is measured here; elsewhere `estimator` tells it, if there is one.
    `oddities`: what calibrating has noticed about its samples. `model_format`: that of the emitted model.
    `forms`: how a TFLite file takes and gives tensors. `warnings`: what the user should know of the graph.
    `unpruned`: the prepared graph with all of its channels, where some were removed."""

    source: Source
    prepared: Shelved | None
    spec: PipelineSpec
    labels: tuple[str, ...]
    profile: Profile
    host: Host
    data: Data
    max_drop: float
    timed: bool
    estimator: Estimator | None = None
    on_cpu: bool = True
    effort: str = "default"
    model_format: ModelFormat = "onnx"
    forms: Forms = PLAIN
    warnings: tuple[str, ...] = ()
    unpruned: Shelved | None = None
    oddities: Oddities = field(default_factory=Oddities)
    _calibrations: dict[bool, Calibration] = field(default_factory=dict)

    @property
    def graph(self) -> onnx.ModelProto | None:
        """The prepared graph, parsed anew each time."""
        return None if self.prepared is None else onnx.load_from_string(self.prepared.read())

    @property
    def whole_graph(self) -> onnx.ModelProto | None:
        """The float graph that speed is compared with: the one with all of its channels."""
        return self.graph if self.unpruned is None else onnx.load_from_string(self.unpruned.read())

    def afresh(self) -> Workshop:
        """The same, with nothing calibrated yet: for another graph."""
        return replace(self, _calibrations={})

    @property
    def options(self) -> BackendOptions:
        """How models are run here."""
        return local_options(self.profile, self.host)

    @property
    def calibrated_on(self) -> Samples | None:
        """The samples that ranges were learnt from, None where there was no need to."""
        return self.data.calibration if self._calibrations else None

    def int8(self, float_share: float = 0.0) -> Int8Model:
        """The int8 or mixed model; with high effort the best of several.

        Raises DataError without calibration data.
        """
        aims = self._aims(float_share)
        return self._least_noisy(aims) if self.effort == "high" else self._quantized(aims)

    def _quantized(self, aims: Aims) -> Int8Model:
        calibration, samples = self.calibration(thrifty=aims.float_share > 0), self._samples()
        return to_int8(calibration, partial(inputs_of, samples), len(samples), aims, counted)

    def _least_noisy(self, aims: Aims) -> Int8Model:
        """Of a model for each rule for ranges, and one more with the ranges of the best of them refined, that
        with the least noise on samples that nothing was learnt from."""
        made = {method: self._quantized(replace(aims, method=method)) for method in sorted(CHOICES)}
        graph = self.graph
        if graph is None:
            raise AssertionError("there are models made of it")
        held_out = (sample.inputs for sample in islice(self.data.verification, MAX_COMPARED))
        meter = noise_meter(graph, held_out)
        noise = {method: meter.of_model(one.quantized) for method, one in made.items()}
        best = min(noise, key=lambda method: (noise[method], method))
        chosen = made.pop(best)
        made.clear()
        refined = self._quantized(replace(aims, method=best, refine=True))
        if meter.of_model(refined.quantized) < noise[best]:
            chosen = refined
        why = f"of {len(noise)} rules the one with the least noise at the outputs, on verification data"
        return replace(chosen, reasons=((f"ranges by {best}", why), *chosen.reasons))

    def calibration(self, *, thrifty: bool = False) -> Calibration:
        """What calibration has learnt, once; `thrifty` as in `calibrate`. Raises DataError without data."""
        samples, known = self._samples(), self._calibrations
        if thrifty and False in known and not known[False].divided:
            return known[False]
        if thrifty not in known and self.prepared is not None:
            inputs = partial(self.oddities.watch, samples)
            known[thrifty] = calibrate(
                self.prepared, inputs, len(samples), counted, cache_folder(), thrifty=thrifty
            )
        return known[thrifty]

    def tailed(self, made: Int8Model) -> onnx.ModelProto:
        """The quantized graph, with results in integers where the file is to give them."""
        samples = self._samples()
        inputs = partial(inputs_of, samples)
        return with_integer_outputs(made, self.forms.integers, inputs, len(samples), counted)

    def write(self, graph: onnx.ModelProto, *, half: bool = False) -> ModelFile:
        """The file of a graph in the workshop's format. Raises ModelError."""
        return write_model(graph, self.model_format, half=half, forms=self.forms)

    def _aims(self, float_share: float) -> Aims:
        if self.model_format == "tflite":
            return Aims(TFLITE_INTEGER, False, float_share, integer_results=True)
        return Aims(self.profile.integer, self.on_cpu, float_share)

    def _samples(self) -> Samples:
        if self.data.calibration is None or self.prepared is None:
            raise DataError("int8 needs calibration data")
        return self.data.calibration


def inputs_of(samples: Samples) -> Iterator[Mapping[str, Array]]:
    """The model's inputs alone."""
    return (sample.inputs for sample in samples)
