"""Which format and which precisions are tried, in which order, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeinfer.backends import RUNTIMES, ModelFormat
from edgeinfer.errors import CompatibilityError, UsageError
from edgeinfer.host import Host
from edgeinfer.profile import Profile, Runtime, Speed
from edgeinfer.strict import Struct

Format = Literal["auto", "onnx", "tflite"]
Precision = Literal["auto", "float32", "float16", "int8", "mixed"]
Emitted = Literal["float32", "float16", "int8", "mixed", "as-is"]

MIXED_SHARES = (0.05, 0.2)
"""Of the multiply-accumulates, that may stay float in a mixed model: the second where the first misses."""


class Decision(Struct, frozen=True):
    """A choice that was made, and why. It travels in the bundle: no timings in it."""

    what: str
    choice: str
    reason: str


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for."""

    model_format: Format = "auto"
    precision: Precision = "auto"
    prune: str = "none"
    calibrated: bool = False


@dataclass(frozen=True)
class Candidate:
    """A precision to try. It may be rejected, and the next one is tried.

    `float_share`: of the multiply-accumulates, that may stay float (mixed only).
    `for_accuracy`: it is tried only where the one before it lost too much accuracy.
    """

    precision: Emitted
    reason: str
    float_share: float = 0.0
    for_accuracy: bool = False

    @property
    def title(self) -> str:
        """What it is called beside others: mixed ones differ in how much they leave float."""
        return f"{self.precision} ({self.float_share:.0%} float)" if self.float_share else self.precision


@dataclass(frozen=True)
class Plan:
    """What will be built: candidates in order of preference, the last of them taken if all else fails."""

    model_format: ModelFormat
    runtime: Runtime
    candidates: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()


def make_plans(source: ModelFormat, profile: Profile, wishes: Wishes, *, quantized: bool) -> tuple[Plan, ...]:
    """The plans for a model, one for each format that it could have, the preferred one first.

    `quantized`: it holds integer operators already, and is packed as it is.
    Raises UsageError for what cannot be built, CompatibilityError where the device has no such runtime.
    """
    as_is = quantized or (source == "tflite" and _stays_tflite(profile, wishes))
    _check_pruning(wishes, as_is=as_is)
    if as_is:
        return (_packed(source, profile, wishes, quantized=quantized),)
    if wishes.model_format != "auto":
        decision = Decision(what="format", choice=wishes.model_format, reason="asked for")
        return (_plan(wishes.model_format, profile, wishes, decision),)
    formats = [model_format for one in profile.runtime for model_format in _formats_of(one)]
    return tuple(
        _plan(model_format, profile, wishes, _by_preference(model_format, place, profile))
        for place, model_format in enumerate(formats)
    )


def _plan(model_format: ModelFormat, profile: Profile, wishes: Wishes, decision: Decision) -> Plan:
    runtime = _runtime_for(model_format, profile)
    if wishes.precision == "auto":
        candidates, passed_over = _auto(profile, runtime, wishes)
        return Plan(model_format, runtime, candidates, (decision, *passed_over))
    return _explicit(model_format, runtime, wishes, decision)


def _packed(source: ModelFormat, profile: Profile, wishes: Wishes, *, quantized: bool) -> Plan:
    """The plan for a model that is packed as it came."""
    if wishes.model_format not in ("auto", source):
        raise UsageError(
            f"--format {wishes.model_format}: a model that is quantized already keeps its format, {source}",
            hint="leave --format out, or convert the float model it was made from",
        )
    reason = "asked for" if wishes.model_format == source else "the model's own"
    decision = Decision(what="format", choice=source, reason=reason)
    candidate = _as_is(source, wishes, quantized=quantized)
    return Plan(source, _runtime_for(source, profile), (candidate,), (decision,))


def _runtime_for(model_format: ModelFormat, profile: Profile) -> Runtime:
    runtime = profile.runtime_for(RUNTIMES[model_format])
    if runtime is None:
        others = ", ".join(one.name for one in profile.runtime)
        raise CompatibilityError(
            f"{profile.name} has no runtime for {model_format} models",
            hint=f"its runtimes: {others}; choose another --format, or another profile",
        )
    return runtime


def _formats_of(runtime: Runtime) -> list[ModelFormat]:
    return [model_format for model_format, name in RUNTIMES.items() if name == runtime.name]


def _by_preference(model_format: ModelFormat, place: int, profile: Profile) -> Decision:
    order = "next" if place else "first"
    reason = f"the {order} of {profile.name}'s runtimes is {RUNTIMES[model_format]}"
    return Decision(what="format", choice=model_format, reason=reason)


def same_instruction_set(host: Host, profile: Profile) -> bool:
    """Whether timings of this machine mean anything for the profile's devices."""
    features, any_feature = set(host.features), set(profile.match.any_feature)
    return (
        host.architecture == profile.cpu.architecture
        and set(profile.cpu.features) <= features
        and not set(profile.cpu.lacks) & features
        and (not any_feature or bool(any_feature & features))
    )


def _check_pruning(wishes: Wishes, *, as_is: bool) -> None:
    """Raises UsageError where there is nothing to prune, or nothing to learn it from."""
    if wishes.prune == "none":
        return
    if as_is:
        raise UsageError(
            f"--prune {wishes.prune}: a model that is packed as it is keeps all of its channels",
            hint="start from the float model, with --format onnx or another precision",
        )
    if not wishes.calibrated:
        raise UsageError(
            f"--prune {wishes.prune} needs --calibration: what channels are worth is learnt from data",
            hint="give some hundred typical inputs: a folder of images, a .npz, a .csv or a video",
        )


def _stays_tflite(profile: Profile, wishes: Wishes) -> bool:
    """Whether a float TFLite model is packed as it is: it is float32, and nothing else is asked for."""
    if wishes.model_format == "onnx" or profile.runtime_for(RUNTIMES["tflite"]) is None:
        return False
    return wishes.precision == "float32" or (wishes.precision == "auto" and not wishes.calibrated)


def _as_is(source: ModelFormat, wishes: Wishes, *, quantized: bool) -> Candidate:
    if quantized and wishes.precision != "auto":
        raise UsageError(
            f"--precision {wishes.precision}: a model that is quantized already is packed as it is",
            hint="leave --precision out, or convert the float model it was made from",
        )
    return Candidate("as-is", "quantized already" if quantized else "float32 already")


def _auto(
    profile: Profile, runtime: Runtime, wishes: Wishes
) -> tuple[tuple[Candidate, ...], tuple[Decision, ...]]:
    candidates: list[Candidate] = []
    passed_over: list[Decision] = []
    if runtime.int8 != "fast":
        passed_over.append(_passed_over("int8", f"{_speed(runtime.int8)} with {runtime.name} there"))
    elif not wishes.calibrated:
        passed_over.append(_passed_over("int8", "it needs --calibration"))
    else:
        candidates.append(Candidate("int8", f"{runtime.name} has fast integer kernels on {profile.name}"))
        candidates.extend(_mixed("int8 alone loses too much", for_accuracy=True))
    if profile.default_precision == "float16":
        candidates.append(Candidate("float16", f"the default of {profile.name}"))
    candidates.append(Candidate("float32", "runs everywhere, with the accuracy of the source model"))
    return tuple(candidates), tuple(passed_over)


def _explicit(source: ModelFormat, runtime: Runtime, wishes: Wishes, decision: Decision) -> Plan:
    precision = wishes.precision
    if precision == "auto":  # mypy narrows only by comparison
        raise AssertionError("dealt with by the caller")
    if precision in ("int8", "mixed") and not wishes.calibrated:
        raise UsageError(
            f"--precision {precision} needs --calibration: the ranges of activations are learnt from data",
            hint="give some hundred typical inputs: a folder of images, a .npz, a .csv or a video",
        )
    speeds: dict[str, Speed] = {"int8": runtime.int8, "mixed": runtime.int8, "float16": runtime.float16}
    speed = speeds.get(precision, "fast")
    if speed == "unsupported":
        raise UsageError(
            f"--precision {precision}: {runtime.name} cannot run it on this profile",
            hint="--precision auto chooses one that it can run",
        )
    warnings = (f"{precision} is slow with {runtime.name} on this profile",) if speed == "slow" else ()
    candidates = _mixed("asked for") if precision == "mixed" else (Candidate(precision, "asked for"),)
    return Plan(source, runtime, candidates, (decision,), warnings)


def _mixed(reason: str, *, for_accuracy: bool = False) -> tuple[Candidate, ...]:
    """Mixed models, the one with fewer float operators first; the second only where that loses too much."""
    first, *others = MIXED_SHARES
    return (
        Candidate("mixed", reason, first, for_accuracy),
        *(Candidate("mixed", reason, share, for_accuracy=True) for share in others),
    )


def _passed_over(precision: str, reason: str) -> Decision:
    return Decision(what="passed over", choice=precision, reason=reason)


def _speed(speed: Speed) -> str:
    return "unsupported" if speed == "unsupported" else "slow"
