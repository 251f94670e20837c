"""Provenance: facts of files and data, and nothing of time and place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx

from edgeinfer.strict import decode_json
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.provenance import (
    Options,
    Provenance,
    data_fact,
    dump_provenance,
    file_fact,
    source_facts,
)
from edgeinfer_converters.samples import open_samples
from tests.fixtures.data import image_request, write_images
from tests.fixtures.models import image_classifier


def test_files_by_base_name(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    fact = file_fact(tmp_path / "a.bin")
    assert (fact.name, fact.size_bytes) == ("a.bin", 3)
    assert fact.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_external_data_belong_to_the_source(tmp_path: Path) -> None:
    onnx.save_model(
        image_classifier(),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="weights.data",
        size_threshold=0,
    )
    assert [fact.name for fact in source_facts(tmp_path / "m.onnx")] == ["m.onnx", "weights.data"]


def test_other_sources_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"x")
    assert [fact.name for fact in source_facts(tmp_path / "m.tflite")] == ["m.tflite"]


def test_data_say_how_much_was_used(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 12)
    samples = open_samples(tmp_path / "images", image_request())
    fact = data_fact(tmp_path / "images", samples.limit(5, 0))
    assert (fact.name, fact.kind, fact.samples, fact.used) == ("images", "images", 12, 5)
    assert fact.sha256 == samples.limit(5, 0).digest()


def test_law(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("")
    made = Provenance(
        schema=1,
        source=(file_fact(tmp_path / "p.toml"),),
        pipeline=file_fact(tmp_path / "p.toml"),
        calibration=None,
        evaluation=None,
        options=Options(
            format="auto", precision="auto", prune="none", max_drop=0.01, effort="default", seed=0
        ),
        decisions=(),
        comparison=Comparison(samples=1, sqnr_db={"y": 20.0}),
        tools={"numpy": "2"},
    )
    data = dump_provenance(made)
    assert decode_json(data, Provenance, "provenance.json") == made
    assert str(tmp_path).encode() not in data
