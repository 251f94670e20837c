"""From an emitted model to a signed bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeinfer.backends import ModelFormat
from edgeinfer.bundle.contents import dump_labels
from edgeinfer.bundle.keys import PrivateKey
from edgeinfer.bundle.manifest import (
    LABELS_NAME,
    PIPELINE_NAME,
    PROFILE_NAME,
    PROVENANCE_NAME,
    Manifest,
    ModelEntry,
    RuntimeNeed,
    list_files,
)
from edgeinfer.bundle.model_file import check_model, describe_model
from edgeinfer.bundle.writer import write_bundle
from edgeinfer.processing.spec import PipelineSpec, dump_pipeline
from edgeinfer.profile import Profile, Runtime
from edgeinfer.strict import encode_json, replace
from edgeinfer_converters.emitting.choose import Emitted
from edgeinfer_converters.provenance import Provenance, dump_provenance


@dataclass(frozen=True)
class Parcel:
    """All that goes into a bundle."""

    model: bytes
    model_format: ModelFormat
    precision: Emitted
    pipeline: PipelineSpec
    labels: tuple[str, ...]
    profile: Profile
    runtime: Runtime
    golden: Mapping[str, bytes]
    provenance: Provenance


def pack(parcel: Parcel, out: Path, key: PrivateKey) -> Manifest:
    """Write the bundle, whole or not at all. Raises BundleError, OSError."""
    model_file = f"model.{parcel.model_format}"
    pipeline = _named_labels(parcel.pipeline, parcel.labels)
    members = {
        PIPELINE_NAME: dump_pipeline(pipeline),
        PROFILE_NAME: encode_json(parcel.profile, indent=2) + b"\n",
        PROVENANCE_NAME: dump_provenance(parcel.provenance),
        **parcel.golden,
        model_file: parcel.model,
    }
    if parcel.labels:
        members[LABELS_NAME] = dump_labels(parcel.labels)
    manifest = _manifest(parcel, pipeline, members, model_file)
    check_model(manifest, parcel.model)
    write_bundle(out, manifest, members, key)
    return manifest


def _named_labels(pipeline: PipelineSpec, labels: tuple[str, ...]) -> PipelineSpec:
    return replace(pipeline, model=replace(pipeline.model, labels=LABELS_NAME if labels else None))


def _manifest(
    parcel: Parcel, pipeline: PipelineSpec, members: Mapping[str, bytes], model_file: str
) -> Manifest:
    found = describe_model(parcel.model, parcel.model_format)
    return Manifest(
        format="edgeinfer-bundle",
        format_version=1,
        name=pipeline.model.name,
        version=pipeline.model.version,
        task=pipeline.model.task,
        profile=parcel.profile.name,
        architecture=parcel.profile.cpu.architecture,
        runtime=RuntimeNeed(
            name=parcel.runtime.name,
            minimum_version=parcel.runtime.minimum_version,
            opset=found.opset,
            ir_version=found.ir_version,
        ),
        model=ModelEntry(
            file=model_file,
            format=parcel.model_format,
            precision=parcel.precision,
            inputs=found.inputs,
            outputs=found.outputs,
            operators=found.operators,
        ),
        files=list_files(members, model_file),
    )
