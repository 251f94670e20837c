"""`bundle.json`, the first member of a bundle: what it holds and what it needs.

Law: `parse_manifest(dump_manifest(m)) == m`, and a manifest is accepted only when
`dump_manifest(parse_manifest(data)) == data`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from edgeinfer.errors import FormatError, SettingsError
from edgeinfer.frames import TensorInfo
from edgeinfer.profile import Architecture, RuntimeName
from edgeinfer.strict import Meta, Struct, decode_json, encode_json, plain

FORMAT_VERSION = 1
MANIFEST_NAME = "bundle.json"
SIGNATURE_NAME = "bundle.sig"
PIPELINE_NAME = "pipeline.json"
PROFILE_NAME = "profile.json"
LABELS_NAME = "labels.txt"
GOLDEN_NAME = "golden.json"
PROVENANCE_NAME = "provenance.json"

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_FILES = 64
MAX_FILE_BYTES = 8 * 1024**3 - 1  # what the eleven octal digits of a ustar header hold
MAX_SMALL_FILE_BYTES = 64 * 1024 * 1024

Size = Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]


class FileEntry(Struct, frozen=True):
    """A member after the signature; its SHA-256 is in the signed statement."""

    path: str
    size: Size


class RuntimeNeed(Struct, frozen=True):
    """The runtime that the model is for. `opset` and `ir_version` are 0 for TFLite."""

    name: RuntimeName
    minimum_version: str
    opset: int = 0
    ir_version: int = 0


class ModelEntry(Struct, frozen=True):
    """The model file, and what a reader must find in it."""

    file: str
    format: Literal["onnx", "tflite"]
    precision: Literal["float32", "float16", "int8", "mixed", "as-is"]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]


class Manifest(Struct, frozen=True):
    """The whole `bundle.json`."""

    format: Literal["edgeinfer-bundle"]
    format_version: Literal[1]
    name: str
    version: str
    task: str
    profile: str
    architecture: Architecture
    runtime: RuntimeNeed
    model: ModelEntry
    files: tuple[FileEntry, ...]

    @property
    def file_name(self) -> str:
        """NAME-VERSION-PROFILE.eib"""
        return f"{self.name}-{self.version}-{self.profile}.eib"


def parse_manifest(data: bytes) -> Manifest:
    """Parse and check the canonical bytes of a manifest. Raises FormatError."""
    try:
        manifest = decode_json(data, Manifest, MANIFEST_NAME)
    except SettingsError as error:
        raise FormatError(error.message) from error
    if dump_manifest(manifest) != data:
        raise FormatError(f"{MANIFEST_NAME}: not in canonical form")
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """The canonical bytes of a manifest: UTF-8 JSON, two spaces, operators sorted, a final newline."""
    table = plain(manifest)
    table["model"]["operators"] = dict(sorted(manifest.model.operators.items()))
    return encode_json(table, indent=2) + b"\n"
