"""Real models on real data, scored by the zoo's own program beside its peers."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest

from edgeinfer.backends.onnx import INTEGER_FUSIONS as FUSIONS
from edgeinfer.host import detect_host
from edgeinfer.profile import Integer, load_profile
from edgeinfer_converters.calibration.int8 import Aims, calibrate, to_int8
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.importers.onnx import read_onnx
from edgeinfer_converters.judging.local import integers_saturate
from edgeinfer_converters.progress import counted
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.shelf import shelve
from edgeinfer_converters.sources.source import serialized

pytestmark = pytest.mark.zoo
SAMPLES = 64


@pytest.fixture(scope="module")
def scorer(zoo: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("zoo_scorer", zoo / "zoo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("activation", ["uint8", "int8"])
@pytest.mark.parametrize("task", ["resnet8", "kws_dscnn", "vww_mbv1"])
def test_no_worse_than_the_plain_quantizer_of_onnx_runtime(
    task: str, activation: str, scorer: ModuleType, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = prepare(read_onnx(zoo / scorer.TASKS[task].model), max_opset=17, max_ir_version=9)
    name = model.graph.input[0].name
    inputs = scorer.TASKS[task].calibration()[:SAMPLES]
    integer = Integer(activation=activation)  # type: ignore[arg-type]  # a parameter

    def samples() -> Iterator[dict[str, np.ndarray]]:
        return ({name: one[None]} for one in inputs)

    calibration = calibrate(shelve(serialized(model)), samples, len(inputs), counted)
    result = to_int8(calibration, samples, len(inputs), Aims(integer), counted).quantized
    assert integer_share(result).share >= 0.99
    onnx.save(result, tmp_path / "int8.onnx")
    if integers_saturate(load_profile("x86-64-vnni"), detect_host()):
        simulating = partial(onnxruntime.InferenceSession, disabled_optimizers=list(FUSIONS))
        monkeypatch.setattr(onnxruntime, "InferenceSession", simulating)
    score = scorer.score(task, tmp_path / "int8.onnx")
    peers = json.loads((zoo / "peers.json").read_text())["results"]
    peer = next(one["dev"] for one in peers if (one["task"], one["method"]) == (task, "ort_minmax"))
    assert score["sqnr_db"] >= peer["sqnr_db"] + 2
    assert score["converted"] >= score["float"] - 0.01
