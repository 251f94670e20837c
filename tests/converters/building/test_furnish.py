"""What a build needs before anything is emitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError, UsageError
from edgeinfer.host import Host, detect_host
from edgeinfer.profile import load_profile
from edgeinfer_converters.building.furnish import furnish
from edgeinfer_converters.building.options import BuildOptions
from edgeinfer_converters.building.resolve import PipelineFile
from edgeinfer_converters.emitting.choose import Wishes, make_plans
from edgeinfer_converters.emitting.workshop import Workshop
from edgeinfer_converters.sources.source import read_source
from tests.fixtures.data import IMAGE_TOML, pipeline
from tests.fixtures.models import image_classifier, model_of

PI = load_profile("raspberry-pi-4")
LABELS = ("cat", "dog", "owl")
TENSOR_TOML = """
[model]
name = "tiny"
version = "1.0.0"
task = "raw"
[[input]]
kind = "tensor"
"""


ANOMALY_TOML = """
[model]
name = "tiny"
version = "1.0.0"
task = "anomaly"
[[input]]
kind = "image"
size = [16, 16]
"""


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    onnx.save(image_classifier(), tmp_path / "m.onnx")
    np.savez(tmp_path / "cal.npz", image=np.zeros((12, 3, 16, 16), np.float32))
    return BuildOptions(
        tmp_path / "m.onnx", PI.name, tmp_path / "p.toml", tmp_path / "o.eib", tmp_path / "cal.npz"
    )


def furnished(
    options: BuildOptions, toml: str = IMAGE_TOML, host: Host | None = None, wishes: Wishes | None = None
) -> tuple[Workshop, ...]:
    source = read_source(options.model)
    plans = make_plans(source.model_format, PI, wishes or Wishes(calibrated=True), quantized=False)
    file = PipelineFile(options.pipeline, pipeline(toml), LABELS)
    return furnish(options, source, plans, PI, file, host or detect_host())


def test_a_workshop_for_each_format_with_one_calibration_between_them(options: BuildOptions) -> None:
    lite, plain = furnished(options)
    assert (lite.model_format, plain.model_format) == ("tflite", "onnx")
    assert lite.data is plain.data
    assert lite.calibration() is plain.calibration()
    assert lite.estimator is not None
    assert plain.estimator is None
    assert not lite.timed


def test_speed_is_measured_on_the_device_itself(options: BuildOptions) -> None:
    host = Host(architecture="aarch64", features=frozenset(PI.cpu.features))
    assert all(shop.timed for shop in furnished(options, host=host))


def test_arrays_keep_their_order_and_images_do_not(options: BuildOptions) -> None:
    assert furnished(options)[0].forms.as_is == frozenset()
    assert furnished(options, TENSOR_TOML)[0].forms.as_is == {"image"}


def test_integers_are_asked_for_by_name_and_only_of_tflite(options: BuildOptions) -> None:
    toml = IMAGE_TOML.replace("size =", 'dtype = "uint8"\nsize =') + '[output]\ndtype = "int8"\n'
    lite = Wishes(model_format="tflite", precision="int8", calibrated=True)
    (shop,) = furnished(options, toml, wishes=lite)
    assert shop.forms.integers == {"image": "uint8", "logits": "int8"}
    assert shop.spec.output.dtype == "auto"
    with pytest.raises(UsageError, match="wants the input `image` in uint8"):
        furnished(options, toml)
    with pytest.raises(
        UsageError, match=r"wants the output `logits` in int8 .* gives a float model's outputs"
    ):
        furnished(options, toml.replace('dtype = "uint8"', ""), wishes=Wishes(model_format="onnx"))


def test_a_threshold_to_be_learnt_needs_data(options: BuildOptions) -> None:
    toml = TENSOR_TOML.replace("raw", "anomaly") + '[output]\nscore = "mse"\nthreshold = "auto"\n'
    with pytest.raises(UsageError, match="learnt from --calibration data"):
        furnished(replace(options, calibration=None), toml, wishes=Wishes())


def test_a_model_that_does_not_run_is_named(options: BuildOptions) -> None:
    model = image_classifier()
    model.graph.node[0].input[1] = "nothing"
    onnx.save(model, options.model)
    with pytest.raises(ModelError, match=r"m\.onnx"):
        furnished(options)


@pytest.mark.parametrize(("shape", "alike"), [((1, 3, 16, 16), {"rebuilt": "image"}), ((1, 768), {})])
def test_what_an_anomaly_compares_lies_alike(
    options: BuildOptions, shape: tuple[int, ...], alike: dict[str, str]
) -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["c", "shape"], ["rebuilt"]),
    ]
    weights = {
        "w": np.random.default_rng(0).normal(size=(3, 3, 3, 3)).astype(np.float32),
        "shape": np.array(shape),
    }
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 16, 16))
    rebuilt = helper.make_tensor_value_info("rebuilt", TensorProto.FLOAT, shape)
    onnx.save(model_of(nodes, [image], [rebuilt], weights), options.model)
    forms = furnished(options, ANOMALY_TOML)[0].forms
    assert forms.alike == alike
    assert forms.as_is == (frozenset() if alike else {"image"})
