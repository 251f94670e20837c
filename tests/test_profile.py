"""Profiles are parsed strictly: a wrong claim is found when it is read, not when it is used."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from edgeinfer.profile import (
    Cost,
    Cpu,
    Fact,
    Integer,
    Latency,
    Limits,
    Match,
    Profile,
    Runtime,
    load_profile,
    parse_profile,
    profile_names,
)
from edgeinfer.strict import decode_json, encode_json

PROFILE = """
schema = 1
name = "toy-board"
title = "A toy board"
default_precision = "int8"

[cpu]
architecture = "aarch64"
core = "Cortex-A53"
cores = 4
features = ["asimd"]
lacks = ["asimddp"]

[limits]
memory_mib = 512
model_memory_mib = 128
threads = 4

[integer]
activation = "int8"

[match]
board = ["Toy"]

[[runtime]]
name = "tflite"
package = "ai-edge-litert"
minimum_version = "2.0"
int8 = "fast"
float16 = "slow"

[[facts]]
claim = "It is a toy."
source = "The box"
"""


def test_all_fields_arrive() -> None:
    profile = parse_profile(PROFILE.encode(), "toy.toml")
    assert profile.name == "toy-board"
    assert profile.cpu == Cpu(
        architecture="aarch64", core="Cortex-A53", cores=4, features=("asimd",), lacks=("asimddp",)
    )
    assert profile.limits.channel_multiple == 8
    assert profile.integer.per_channel
    assert profile.match.board == ("Toy",)
    assert profile.facts == (Fact(claim="It is a toy.", source="The box"),)
    assert profile.latency == ()
    assert profile.cost == ()


def test_runtime_for_finds_by_name() -> None:
    profile = parse_profile(PROFILE.encode(), "toy.toml")
    runtime = profile.runtime_for("tflite")
    assert runtime is not None
    assert runtime.package == "ai-edge-litert"
    assert profile.runtime_for("onnxruntime") is None


@dataclass
class Wrong:
    """A change to the profile above, and what the error must name."""

    old: str
    new: str
    named: str


WRONG = {
    "unknown schema": Wrong("schema = 1", "schema = 2", "schema"),
    "name with a space": Wrong('"toy-board"', '"toy board"', "name"),
    "misspelt field": Wrong("memory_mib = 512", "memory_mb = 512", "did you mean `memory_mib`"),
    "no cores": Wrong("cores = 4", "cores = 0", "cpu.cores"),
    "unknown architecture": Wrong('"aarch64"', '"riscv64"', "cpu.architecture"),
    "has and lacks": Wrong('lacks = ["asimddp"]', 'lacks = ["asimd"]', "asimd"),
    "model fills the memory": Wrong("model_memory_mib = 128", "model_memory_mib = 512", "model_memory_mib"),
    "version with a word": Wrong('"2.0"', '"2.0-beta"', "minimum_version"),
    "unknown speed": Wrong('"fast"', '"quick"', "int8"),
    "opset without onnxruntime": Wrong('int8 = "fast"', 'int8 = "fast"\nmax_opset = 21', "onnxruntime"),
    "empty source": Wrong('"The box"', '""', "facts"),
    "no runtime": Wrong(PROFILE[PROFILE.index("[[runtime]]") : PROFILE.index("[[facts]]")], "", "runtime"),
    "not TOML": Wrong("[cpu]", "[cpu", "not valid TOML"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_wrong_profile_is_refused_by_name_and_place(case: Wrong) -> None:
    assert case.old in PROFILE
    with pytest.raises(SettingsError) as caught:
        parse_profile(PROFILE.replace(case.old, case.new, 1).encode(), "toy.toml")
    assert caught.value.message.startswith("toy.toml: ")
    assert case.named in caught.value.message


def test_onnxruntime_must_say_what_it_reads() -> None:
    with pytest.raises(ValueError, match="max_opset"):
        Runtime(
            name="onnxruntime", package="onnxruntime", minimum_version="1.20", int8="fast", float16="slow"
        )


def test_required_provider_must_be_listed() -> None:
    with pytest.raises(ValueError, match="TensorrtExecutionProvider"):
        Runtime(
            name="onnxruntime",
            package="onnxruntime-gpu",
            minimum_version="1.20",
            int8="fast",
            float16="fast",
            max_opset=17,
            max_ir_version=10,
            providers=("CPUExecutionProvider",),
            required_providers=("TensorrtExecutionProvider",),
        )


COST = """
[[cost]]
runtime = "tflite"
precision = "int8"
threads = 4
gigamacs_per_s = 26.0
gigabytes_per_s = 12.8
operator_us = 53.4
smallest_megamacs = 56.0
largest_megamacs = 569.0
worst_ratio = 1.14
source = "A fit"
"""


def test_costs_are_found_by_their_runtime() -> None:
    both = PROFILE + COST + COST.replace("int8", "float32")
    profile = parse_profile(both.encode(), "toy.toml")
    assert [one.precision for one in profile.costs_for("tflite")] == ["int8", "float32"]
    assert profile.costs_for("tflite")[0].operator_us == 53.4
    assert profile.costs_for("onnxruntime") == ()


WRONG_COSTS = {
    "misspelt field": Wrong("gigamacs_per_s", "gigamacs", "did you mean `gigamacs_per_s`"),
    "no rate": Wrong("gigamacs_per_s = 26.0\n", "", "gigamacs_per_s"),
    "rate of nothing": Wrong("gigabytes_per_s = 12.8", "gigabytes_per_s = 0.0", "gigabytes_per_s"),
    "endless rate": Wrong("gigabytes_per_s = 12.8", "gigabytes_per_s = inf", "gigabytes_per_s"),
    "no number": Wrong("operator_us = 53.4", "operator_us = nan", "operator_us"),
    "negative overhead": Wrong("operator_us = 53.4", "operator_us = -1.0", "operator_us"),
    "smallest above largest": Wrong(
        "smallest_megamacs = 56.0", "smallest_megamacs = 570.0", "`smallest_megamacs` is above"
    ),
    "better than right": Wrong("worst_ratio = 1.14", "worst_ratio = 0.9", "worst_ratio"),
    "no source": Wrong('"A fit"', '""', "source"),
    "precision without costs": Wrong('"int8"', '"float16"', "precision"),
    "unknown runtime": Wrong('"tflite"', '"ncnn"', "runtime"),
    "runtime of other profiles": Wrong('"tflite"', '"onnxruntime"', "`onnxruntime` is no runtime"),
    "twice": Wrong('source = "A fit"', f'source = "A fit"\n{COST}', "two tables of one precision"),
    "two numbers of threads": Wrong(
        'source = "A fit"',
        'source = "A fit"\n' + COST.replace("int8", "float32").replace("threads = 4", "threads = 2"),
        "different `threads`",
    ),
}


@pytest.mark.parametrize("case", WRONG_COSTS.values(), ids=WRONG_COSTS.keys())
def test_wrong_costs_are_refused(case: Wrong) -> None:
    assert case.old in COST
    with pytest.raises(SettingsError) as caught:
        parse_profile((PROFILE + COST.replace(case.old, case.new, 1)).encode(), "toy.toml")
    assert caught.value.message.startswith("toy.toml: ")
    assert case.named in caught.value.message


def test_a_profile_of_an_older_bundle_has_no_costs() -> None:
    profile = parse_profile(PROFILE.encode(), "toy.toml")
    older = encode_json(profile).replace(b',"cost":[]', b"")
    assert b"cost" not in older
    assert decode_json(older, Profile, "profile.json") == profile


def test_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        load_profile("raspberry-pi-6")
    assert "raspberry-pi-6" in caught.value.message
    assert "raspberry-pi-5" in caught.value.hint
    assert caught.value.hint.endswith("host")


@pytest.mark.parametrize("name", ["../profile", "raspberry-pi-4.toml", "", "RASPBERRY-PI-4"])
def test_a_name_is_not_a_path(name: str) -> None:
    with pytest.raises(SettingsError):
        load_profile(name)


def test_names_are_sorted_and_without_suffix() -> None:
    names = profile_names()
    assert list(names) == sorted(names)
    assert "raspberry-pi-4" in names


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
COUNT = st.integers(1, 2**40)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
CPUS = st.builds(
    Cpu, architecture=st.sampled_from(["aarch64", "x86_64", "armv7l"]), core=TEXT, cores=COUNT, features=TEXTS
)
RUNTIMES = st.builds(
    Runtime,
    name=st.just("onnxruntime"),
    package=TEXT,
    minimum_version=st.sampled_from(["1", "1.20", "1.20.3"]),
    int8=st.sampled_from(["fast", "slow", "unsupported"]),
    float16=st.sampled_from(["fast", "slow", "unsupported"]),
    max_opset=COUNT,
    max_ir_version=COUNT,
    providers=TEXTS,
    engine_cache=st.booleans(),
)
LIMITS = st.builds(
    Limits,
    memory_mib=st.integers(1001, 2**40),
    model_memory_mib=st.integers(1, 1000),
    threads=COUNT,
    channel_multiple=COUNT,
)
LATENCIES = st.builds(
    Latency,
    model=TEXT,
    runtime=TEXT,
    precision=st.sampled_from(["float32", "float16", "int8"]),
    threads=COUNT,
    latency_ms=st.floats(min_value=1e-6, max_value=1e6),
    source=TEXT,
)
RATES = st.floats(min_value=1e-3, max_value=1e6)
COSTS = st.builds(
    Cost,
    runtime=st.just("onnxruntime"),
    precision=st.sampled_from(["float32", "int8"]),
    threads=COUNT,
    gigamacs_per_s=RATES,
    gigabytes_per_s=RATES,
    operator_us=st.floats(min_value=0, max_value=1e6),
    smallest_megamacs=st.floats(min_value=1e-3, max_value=1),
    largest_megamacs=st.floats(min_value=1, max_value=1e6),
    worst_ratio=st.floats(min_value=1, max_value=100),
    source=TEXT,
)
PROFILES = st.builds(
    Profile,
    schema=st.just(1),
    name=st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,3}", fullmatch=True).filter(lambda name: len(name) <= 64),
    title=TEXT,
    cpu=CPUS,
    limits=LIMITS,
    integer=st.builds(Integer, activation=st.sampled_from(["int8", "uint8"]), reduce_range=st.booleans()),
    runtime=st.lists(RUNTIMES, min_size=1, max_size=2).map(tuple),
    default_precision=st.sampled_from(["float32", "float16", "int8"]),
    match=st.builds(Match, board=TEXTS, compatible=TEXTS, features=TEXTS, any_feature=TEXTS),
    facts=st.lists(st.builds(Fact, claim=TEXT, source=TEXT), min_size=1, max_size=2).map(tuple),
    latency=st.lists(LATENCIES, max_size=2).map(tuple),
    cost=st.lists(COSTS, max_size=1).map(tuple),
)


@given(PROFILES)
def test_a_profile_survives_its_journey_in_a_bundle(profile: Profile) -> None:
    assert decode_json(encode_json(profile), Profile, "profile.json") == profile
    assert decode_json(encode_json(profile, indent=2), Profile, "profile.json") == profile


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        parse_profile(data, "random.toml")
