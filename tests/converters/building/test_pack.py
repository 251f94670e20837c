"""Packing: what a parcel becomes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer.bundle.golden import pack_golden
from edgeinfer.bundle.keys import default_trust, development_key
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.errors import FormatError
from edgeinfer.frames import TensorInfo
from edgeinfer.profile import load_profile
from edgeinfer_converters.building.pack import Parcel, pack
from edgeinfer_converters.building.resolve import PipelineFile, resolve_pipeline
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.provenance import FileFact, Options, Provenance
from edgeinfer_converters.sources.source import serialized
from tests.fixtures.data import IMAGE_TENSOR, IMAGE_TOML, pipeline
from tests.fixtures.models import image_classifier

LABELS = ("cat", "dog", "owl")
LOGITS = TensorInfo(name="logits", dtype="float32", shape=(1, 3))


def parcel(labels: tuple[str, ...] = LABELS, *, output: str = "logits") -> Parcel:
    profile = load_profile("raspberry-pi-4")
    runtime = profile.runtime_for("onnxruntime")
    assert runtime is not None
    text = IMAGE_TOML if labels else IMAGE_TOML.replace('labels = "labels.txt"\n', "")
    golden = pack_golden(
        {"image": np.zeros((1, 1, 3, 16, 16), np.float32)},
        {output: np.zeros((1, 1, 3), np.float32)},
        min_sqnr_db=10.0,
        same_top_class=True,
    )
    fact = FileFact(name="x", sha256="0" * 64, size_bytes=1)
    provenance = Provenance(
        schema=1,
        source=(fact,),
        pipeline=fact,
        calibration=None,
        evaluation=None,
        options=Options(
            format="auto", precision="auto", prune="none", max_drop=0.01, effort="default", seed=0
        ),
        decisions=(),
        comparison=Comparison(samples=0, sqnr_db={}),
        tools={},
    )
    return Parcel(
        model=serialized(image_classifier()),
        model_format="onnx",
        precision="float32",
        pipeline=resolve_pipeline(
            PipelineFile(Path("p.toml"), pipeline(text), labels), (IMAGE_TENSOR,), (LOGITS,)
        ),
        labels=labels,
        profile=profile,
        runtime=runtime,
        golden=golden,
        provenance=provenance,
    )


@pytest.mark.parametrize("labels", [LABELS, ()])
def test_a_parcel_becomes_a_bundle(tmp_path: Path, labels: tuple[str, ...]) -> None:
    manifest = pack(parcel(labels), tmp_path / "out.eib", development_key())
    bundle = open_bundle(tmp_path / "out.eib", default_trust())
    assert bundle.manifest == manifest
    assert bundle.labels == labels
    assert bundle.pipeline.model.labels == ("labels.txt" if labels else None)
    assert bundle.profile.name == manifest.profile == "raspberry-pi-4"
    assert manifest.runtime.opset == 17
    assert manifest.model.file == "model.onnx"
    assert manifest.files[-1].path == "model.onnx"


def test_what_a_reader_would_refuse_is_never_written(tmp_path: Path) -> None:
    for made, message in (
        (parcel(output="other"), "the outputs are not those of the model"),
        (parcel(("a", "b\x07c", "d")), "is not a printable label"),
    ):
        with pytest.raises(FormatError, match=message):
            pack(made, tmp_path / "out.eib", development_key())
        assert not (tmp_path / "out.eib").exists()


def test_the_same_parcel_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.eib", "b.eib"):
        pack(parcel(), tmp_path / name, development_key())
    assert (tmp_path / "a.eib").read_bytes() == (tmp_path / "b.eib").read_bytes()
