"""Plans: which precisions are tried, and what is refused."""

from __future__ import annotations

import pytest

from edgeinfer.backends import ModelFormat
from edgeinfer.errors import CompatibilityError, UsageError
from edgeinfer.host import Host
from edgeinfer.profile import Cpu, Profile, load_profile, profile_names
from edgeinfer.strict import replace
from edgeinfer_converters.emitting.choose import (
    MIXED_SHARES,
    Candidate,
    Format,
    Plan,
    Precision,
    Wishes,
    make_plans,
    same_instruction_set,
)

PI = load_profile("raspberry-pi-4")
JETSON = load_profile("jetson-orin-nano")


def plans(
    wishes: Wishes, *, profile: Profile = PI, source: ModelFormat = "onnx", quantized: bool = False
) -> tuple[Plan, ...]:
    return make_plans(source, profile, wishes, quantized=quantized)


def plan(
    wishes: Wishes, *, profile: Profile = PI, source: ModelFormat = "onnx", quantized: bool = False
) -> Plan:
    """The one that is preferred."""
    return plans(wishes, profile=profile, source=source, quantized=quantized)[0]


def tried(made: Plan) -> list[str]:
    return [candidate.precision for candidate in made.candidates]


def with_speed(profile: Profile, **speeds: str) -> Profile:
    return replace(profile, runtime=tuple(replace(one, **speeds) for one in profile.runtime))


def test_auto_with_calibration_tries_int8_first() -> None:
    made = plan(Wishes(calibrated=True))
    assert tried(made) == ["int8", "mixed", "mixed", "float32"]
    assert made.runtime.name == "tflite"
    assert made.decisions[0].reason == "the first of raspberry-pi-4's runtimes is tflite"


def test_each_runtime_of_the_profile_has_a_plan_in_its_order() -> None:
    made = plans(Wishes(calibrated=True))
    assert [one.model_format for one in made] == ["tflite", "onnx"]
    assert made[1].decisions[0].reason == "the next of raspberry-pi-4's runtimes is onnxruntime"
    (only,) = plans(Wishes(model_format="onnx", calibrated=True))
    assert only.decisions[0].reason == "asked for"
    assert [one.model_format for one in plans(Wishes(), profile=JETSON)] == ["onnx"]


def test_auto_without_calibration_says_what_int8_would_need() -> None:
    made = plan(Wishes())
    assert tried(made) == ["float32"]
    assert made.decisions[1].choice == "int8"
    assert "--calibration" in made.decisions[1].reason


def test_auto_where_int8_is_slow() -> None:
    made = plan(Wishes(calibrated=True), profile=with_speed(PI, int8="slow"))
    assert tried(made) == ["float32"]
    assert made.decisions[1].reason == "slow with tflite there"


def test_auto_where_float16_is_the_default() -> None:
    assert tried(plan(Wishes(), profile=JETSON)) == ["float16", "float32"]
    assert tried(plan(Wishes(calibrated=True), profile=JETSON)) == [
        *("int8", "mixed", "mixed"),
        *("float16", "float32"),
    ]


def test_mixed_keeps_little_in_float_first_and_more_only_for_accuracy() -> None:
    asked = plan(Wishes(precision="mixed", calibrated=True)).candidates
    assert [one.precision for one in asked] == ["mixed", "mixed"]
    assert [one.float_share for one in asked] == sorted(MIXED_SHARES)
    assert [one.for_accuracy for one in asked] == [False, True]
    auto = plan(Wishes(calibrated=True)).candidates
    assert [one.for_accuracy for one in auto] == [False, True, True, False]


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("calibrated", [False, True])
def test_every_profile_has_a_plan_that_ends_in_what_runs_everywhere(name: str, *, calibrated: bool) -> None:
    made = plan(Wishes(calibrated=calibrated), profile=load_profile(name))
    assert tried(made)[-1] == "float32"
    assert all(candidate.reason for candidate in made.candidates)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_what_is_asked_for_is_the_only_candidate(precision: str) -> None:
    made = plan(Wishes(precision=precision, calibrated=True))  # type: ignore[arg-type]  # of the list above
    assert tried(made) == [precision]
    assert made.candidates[0].reason == "asked for"


def test_what_is_slow_is_built_with_a_warning() -> None:
    made = plan(Wishes(precision="float16"))
    assert made.warnings == ("float16 is slow with tflite on this profile",)
    assert plan(Wishes(precision="float32")).warnings == ()


def test_what_cannot_run_is_refused() -> None:
    with pytest.raises(UsageError, match="tflite cannot run it"):
        plan(Wishes(precision="float16"), profile=with_speed(PI, float16="unsupported"))


@pytest.mark.parametrize(
    ("wishes", "message", "hint"),
    [
        (Wishes(precision="int8"), "needs --calibration", "a folder of images"),
        (Wishes(precision="mixed"), "--precision mixed needs --calibration", "a folder of images"),
        (Wishes(prune="auto"), "--prune auto needs --calibration", "a folder of images"),
        (Wishes(prune="0.3"), "--prune 0.3 needs --calibration", "a folder of images"),
    ],
)
def test_what_is_refused_says_what_works(wishes: Wishes, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        plan(wishes)
    assert hint in caught.value.hint


@pytest.mark.parametrize("source", ["tflite", "onnx"])
def test_quantized_models_are_packed_as_they_are(source: ModelFormat) -> None:
    made = plan(Wishes(calibrated=True), source=source, quantized=True)
    assert (made.model_format, tried(made), made.candidates[0].reason) == (
        source,
        ["as-is"],
        "quantized already",
    )
    with pytest.raises(UsageError, match="packed as it is"):
        plan(Wishes(precision="float32"), source=source, quantized=True)


def test_what_is_packed_as_it_is_keeps_its_channels() -> None:
    with pytest.raises(UsageError, match="keeps all of its channels"):
        plan(Wishes(prune="0.3", calibrated=True), quantized=True)


def test_a_quantized_tflite_model_stays_one() -> None:
    made = plan(Wishes(model_format="tflite"), source="tflite", quantized=True)
    assert made.decisions[0].reason == "asked for"
    with pytest.raises(UsageError, match="keeps its format, tflite"):
        plan(Wishes(model_format="onnx"), source="tflite", quantized=True)


@pytest.mark.parametrize("model_format", ["auto", "tflite"])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_float_tflite_model_stays_one_if_nothing_else_is_asked_for(
    model_format: Format, precision: Precision
) -> None:
    wishes = Wishes(model_format=model_format, precision=precision, calibrated=precision == "float32")
    made = plan(wishes, source="tflite")
    assert (made.model_format, tried(made), made.runtime.name) == ("tflite", ["as-is"], "tflite")
    assert made.candidates[0].reason == "float32 already"


@pytest.mark.parametrize("precision", ["int8", "mixed", "float16", "auto"])
def test_a_float_tflite_model_is_converted_for_other_precisions(precision: Precision) -> None:
    made = plans(Wishes(precision=precision, calibrated=True), source="tflite")
    assert [one.model_format for one in made] == ["tflite", "onnx"]
    assert "as-is" not in tried(made[0])


def test_onnx_may_be_asked_for() -> None:
    made = plan(Wishes(model_format="onnx", calibrated=True), source="tflite")
    assert tried(made) == ["int8", "mixed", "mixed", "float32"]
    assert made.decisions[0].reason == "asked for"


def test_a_float_tflite_model_becomes_onnx_where_nothing_else_runs() -> None:
    made = plan(Wishes(), source="tflite", profile=JETSON)
    assert (made.model_format, tried(made)) == ("onnx", ["float16", "float32"])


def test_a_profile_without_the_runtime() -> None:
    with pytest.raises(CompatibilityError, match="jetson-orin-nano has no runtime for tflite") as caught:
        plan(Wishes(), source="tflite", profile=JETSON, quantized=True)
    assert "onnxruntime" in caught.value.hint


@pytest.mark.parametrize(
    ("architecture", "features", "same"),
    [
        ("aarch64", {"asimd", "crc32", "fp"}, True),
        ("aarch64", {"asimd", "crc32", "asimddp"}, False),
        ("aarch64", {"asimd"}, False),
        ("x86_64", {"asimd", "crc32"}, False),
    ],
)
def test_the_same_instruction_set(architecture: str, features: set[str], *, same: bool) -> None:
    cpu = Cpu(architecture="aarch64", core="A72", cores=4, features=("asimd", "crc32"), lacks=("asimddp",))
    host = Host(architecture=architecture, features=frozenset(features))
    assert same_instruction_set(host, replace(PI, cpu=cpu)) is same


@pytest.mark.parametrize(("features", "same"), [({"avx2"}, False), ({"avx2", "avx_vnni"}, True)])
def test_one_of_several_features_is_enough_but_needed(features: set[str], *, same: bool) -> None:
    host = Host(architecture="x86_64", features=frozenset(features))
    assert same_instruction_set(host, load_profile("x86-64-vnni")) is same


def test_mixed_candidates_are_told_apart() -> None:
    """Both may be passed over, each for its own reason."""
    shares = (0.05, 0.2)
    assert [Candidate("mixed", "why", share).title for share in shares] == [
        "mixed (5% float)",
        "mixed (20% float)",
    ]
    assert Candidate("int8", "why").title == "int8"
