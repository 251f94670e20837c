"""Device profiles: claims about the kernels of a device, not labels.

A profile is a TOML file of `edgeinfer_device_profiles`; docs/profiles.md and device_profiles/README.md
describe the fields. The resolved profile travels inside each bundle as `profile.json`.
Law: `decode_json(encode_json(profile), Profile, where) == profile`.
"""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Literal

from edgeinfer.errors import SettingsError
from edgeinfer.strict import Meta, Struct, decode_toml

Architecture = Literal["aarch64", "x86_64", "armv7l"]
RuntimeName = Literal["onnxruntime", "tflite"]
Precision = Literal["float32", "float16", "int8"]
Speed = Literal["fast", "slow", "unsupported"]
"""Compared with float32 on the same runtime: faster, no faster, or not to be had."""

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(gt=0, le=1e6)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Version = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)*$")]


class Cpu(Struct, frozen=True):
    """The processor. `features` are names as Linux prints them in /proc/cpuinfo.

    `lacks` are features that kernels ask for and that are not there: a reason, not an omission.
    """

    architecture: Architecture
    core: Text
    cores: Count
    features: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        both = sorted(set(self.features) & set(self.lacks))
        if both:
            raise ValueError(f"cpu: listed under both `features` and `lacks`: {', '.join(both)}")


class Runtime(Struct, frozen=True):
    """A runtime that serves the device, in the order of preference.

    `providers` are ONNX Runtime execution providers in order; each of `required_providers` must be
    active or the model is refused: a model that falls back to the CPU quietly is a slow surprise.
    `max_opset` and `max_ir_version` are what the oldest supported version of the runtime reads.
    """

    name: RuntimeName
    package: Text
    minimum_version: Version
    int8: Speed
    float16: Speed
    max_opset: Annotated[int, Meta(ge=0)] = 0
    max_ir_version: Annotated[int, Meta(ge=0)] = 0
    providers: tuple[Text, ...] = ()
    required_providers: tuple[Text, ...] = ()
    engine_cache: bool = False

    def __post_init__(self) -> None:
        strangers = sorted(set(self.required_providers) - set(self.providers))
        if strangers:
            raise ValueError(
                f"{self.name}: required but not listed under `providers`: {', '.join(strangers)}"
            )
        given = [limit > 0 for limit in (self.max_opset, self.max_ir_version)]
        if any(given) != all(given) or all(given) != (self.name == "onnxruntime"):
            raise ValueError("`max_opset` and `max_ir_version` belong to onnxruntime, and to it alone")


class Integer(Struct, frozen=True):
    """The integer form that the runtimes have fast kernels for.

    `symmetric_activation`: zero points are 0. `reduce_range`: weights keep to 7 bits, because 8 would
    overflow 16-bit sums.
    """

    activation: Literal["int8", "uint8"]
    weight: Literal["int8"] = "int8"
    per_channel: bool = True
    symmetric_activation: bool = False
    reduce_range: bool = False


class Limits(Struct, frozen=True):
    """What the device can bear. `channel_multiple`: channel counts that its kernels like.

    `memory_mib` is that of the smallest board sold under the name; `model_memory_mib` is our bound for
    weights and activations together.
    """

    memory_mib: Count
    model_memory_mib: Count
    threads: Count
    channel_multiple: Count = 8

    def __post_init__(self) -> None:
        if self.model_memory_mib >= self.memory_mib:
            raise ValueError("limits: `model_memory_mib` must leave memory for the rest of the system")


class Match(Struct, frozen=True):
    """How a device is recognised, beside its architecture.

    By its board, if any is named: a part of /proc/device-tree/model, or an entry of
    /proc/device-tree/compatible. By its CPU features: all of `features`, one of `any_feature`.
    """

    board: tuple[Text, ...] = ()
    compatible: tuple[Text, ...] = ()
    features: tuple[Text, ...] = ()
    any_feature: tuple[Text, ...] = ()


class Latency(Struct, frozen=True):
    """A published or measured time of one inference, batch 1: an anchor for estimates."""

    model: Text
    runtime: Text
    precision: Precision
    threads: Count
    latency_ms: Annotated[float, Meta(gt=0)]
    source: Text


class Cost(Struct, frozen=True):
    """What an operator costs on a runtime in one precision: rates that were fitted on published times.

    `gigamacs_per_s`: multiply-accumulates of products. `gigabytes_per_s`: what operators read and write,
    weights included. `operator_us`: overhead of each operator. `smallest_megamacs`, `largest_megamacs`: of
    the networks that were fitted on. `worst_ratio`: how far off, up or down, the worst estimate was of a
    published time that had been left out of the fit. `source` names times and script.
    """

    runtime: RuntimeName
    precision: Literal["float32", "int8"]
    threads: Count
    gigamacs_per_s: Rate
    gigabytes_per_s: Rate
    operator_us: Annotated[float, Meta(ge=0, le=1e6)]
    smallest_megamacs: Rate
    largest_megamacs: Rate
    worst_ratio: Annotated[float, Meta(ge=1, le=100)]
    source: Text

    def __post_init__(self) -> None:
        if self.smallest_megamacs > self.largest_megamacs:
            raise ValueError("cost: `smallest_megamacs` is above `largest_megamacs`")


class Fact(Struct, frozen=True):
    """A claim of this profile and where it comes from."""

    claim: Text
    source: Text


class Profile(Struct, frozen=True):
    """Everything that the converter and the device need to know of one kind of device."""

    schema: Literal[1]
    name: Name
    title: Text
    cpu: Cpu
    limits: Limits
    integer: Integer
    runtime: Annotated[tuple[Runtime, ...], Meta(min_length=1)]
    default_precision: Precision
    match: Match
    facts: Annotated[tuple[Fact, ...], Meta(min_length=1)]
    latency: tuple[Latency, ...] = ()
    cost: tuple[Cost, ...] = ()

    def __post_init__(self) -> None:
        for runtime in sorted({one.runtime for one in self.cost}):
            costs = self.costs_for(runtime)
            if self.runtime_for(runtime) is None:
                raise ValueError(f"cost: `{runtime}` is no runtime of this profile")
            if len({one.precision for one in costs}) < len(costs):
                raise ValueError(f"cost: two tables of one precision for `{runtime}`")
            if len({one.threads for one in costs}) > 1:
                raise ValueError(f"cost: the tables for `{runtime}` are for different `threads`")

    def runtime_for(self, name: RuntimeName) -> Runtime | None:
        """The runtime of that name, or None where the device has no use for it."""
        return next((runtime for runtime in self.runtime if runtime.name == name), None)

    def costs_for(self, name: RuntimeName) -> tuple[Cost, ...]:
        """The cost tables of a runtime, one a precision; none where nobody has published enough times."""
        return tuple(one for one in self.cost if one.runtime == name)


def parse_profile(data: bytes, where: str) -> Profile:
    """Parse the TOML of one profile. Raises SettingsError that names the place."""
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
