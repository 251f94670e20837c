"""Device profiles: claims about the kernels of a device, not labels.

A profile is a TOML file of `edgeinfer_device_profiles`; docs/profiles.md and device_profiles/README.md
describe the fields. The resolved profile travels inside each bundle as `profile.json`.
"""

from __future__ import annotations

from importlib import resources
from typing import Literal

from edgeinfer.errors import SettingsError
from edgeinfer.strict import Struct, decode_toml

Architecture = Literal["aarch64", "x86_64", "armv7l"]
RuntimeName = Literal["onnxruntime", "tflite"]
Speed = Literal["fast", "slow", "unsupported"]


class Cpu(Struct, frozen=True):
    """The processor. `features` are names as Linux prints them in /proc/cpuinfo."""

    architecture: Architecture
    core: str
    cores: int
    features: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


class Runtime(Struct, frozen=True):
    """A runtime that serves the device, in the order of preference.

    `providers` are ONNX Runtime execution providers in order; each of `required_providers` must be
    active or the model is refused: a model that falls back to the CPU quietly is a slow surprise.
    `max_opset` and `max_ir_version` are what the oldest supported version of the runtime reads.
    """

    name: RuntimeName
    package: str
    minimum_version: str
    int8: Speed
    float16: Speed
    max_opset: int = 0
    max_ir_version: int = 0
    providers: tuple[str, ...] = ()
    required_providers: tuple[str, ...] = ()
    engine_cache: bool = False


class Integer(Struct, frozen=True):
    """The integer form that the runtimes have fast kernels for."""

    activation: Literal["int8", "uint8"]
    weight: Literal["int8"] = "int8"
    per_channel: bool = True
    symmetric_activation: bool = False
    reduce_range: bool = False


class Limits(Struct, frozen=True):
    """What the device can bear. `channel_multiple`: channel counts that its kernels like."""

    memory_mib: int
    model_memory_mib: int
    threads: int
    channel_multiple: int = 8


class Match(Struct, frozen=True):
    """How a device is recognised: a part of /proc/device-tree/model, and needed CPU features."""

    board: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


class Fact(Struct, frozen=True):
    """A claim of this profile and where it comes from."""

    claim: str
    source: str


class Profile(Struct, frozen=True):
    """Everything that the converter and the device need to know of one kind of device."""

    schema: Literal[1]
    name: str
    title: str
    cpu: Cpu
    limits: Limits
    integer: Integer
    runtime: tuple[Runtime, ...]
    default_precision: Literal["float32", "float16", "int8"]
    match: Match
    facts: tuple[Fact, ...]

    def runtime_for(self, name: RuntimeName) -> Runtime | None:
        """The runtime of that name, or None where the device has no use for it."""
        return next((runtime for runtime in self.runtime if runtime.name == name), None)


def parse_profile(data: bytes, where: str) -> Profile:
    """Parse the TOML of one profile."""
    return decode_toml(data, Profile, where)


def profile_names() -> tuple[str, ...]:
    """The names of the profiles that are installed, sorted."""
    files = resources.files("edgeinfer_device_profiles").iterdir()
    return tuple(sorted(file.name[: -len(".toml")] for file in files if file.name.endswith(".toml")))


def load_profile(name: str) -> Profile:
    """An installed profile by its name. Raises SettingsError that lists the names there are."""
    known = profile_names()
    if name not in known:
        raise SettingsError(
            f"there is no device profile `{name}`", hint=f"known profiles: {', '.join(known)}, host"
        )
    data = (resources.files("edgeinfer_device_profiles") / f"{name}.toml").read_bytes()
    return parse_profile(data, f"{name}.toml")
