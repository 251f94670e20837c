"""Operators that the runtime has, and what it takes for granted of each."""

from __future__ import annotations

from collections.abc import Iterator

from edgeinfer.errors import ModelError
from edgeinfer.tflite.bundled import BUNDLED_CUSTOM, check_bundled
from edgeinfer.tflite.flatbuffer import Record
from edgeinfer.tflite.model import OPTIONAL, Model, Operator, OperatorCode
from edgeinfer.tflite.operators import MANY, MINIMUM_RUNTIME, Builtin, builtins

MAX_STEP = 1 << 16

_POSITIVE = {
    "Conv2D": ("stride_w", "stride_h", "dilation_wfactor", "dilation_hfactor"),
    "Conv3D": (
        *("stride_d", "stride_w", "stride_h"),
        *("dilation_dfactor", "dilation_wfactor", "dilation_hfactor"),
    ),
    "DepthwiseConv2D": ("stride_w", "stride_h", "dilation_wfactor", "dilation_hfactor"),
    "Pool2D": ("stride_w", "stride_h", "filter_width", "filter_height"),
    "TransposeConv": ("stride_w", "stride_h"),
    "SpaceToDepth": ("block_size",),
    "DepthToSpace": ("block_size",),
}
"""Options that a kernel divides by, or counts with: 1 to `MAX_STEP`."""

_PADDINGS = 2
_ACTIVATIONS = 6


def check_runnable(model: Model) -> None:
    """Raises ModelError for operators that the oldest supported runtime lacks."""
    problems = list(unsupported(model))
    if problems:
        raise ModelError(f"LiteRT {MINIMUM_RUNTIME} {', '.join(problems[:8])}")


def unsupported(model: Model) -> Iterator[str]:
    """What the oldest supported runtime lacks, a phrase such as `has no operator X` for each code."""
    for code in model.codes:
        problem = _lack(code)
        if problem:
            yield problem


def check_operator(where: str, operator: Operator) -> None:
    """Raises ModelError where counts or options are not those of a builtin operator that is known."""
    if operator.code.custom and operator.code.name in BUNDLED_CUSTOM:
        check_bundled(where, operator)
    known = None if operator.code.custom else builtins().get(operator.code.number)
    if known is None:
        if OPTIONAL in operator.inputs:
            raise ModelError(f"{where} leaves out an input, which its kernel may not expect")
        return
    where = f"{where} ({known.name})"
    _check_count(where, "inputs", len(operator.inputs), known.inputs)
    _check_count(where, "outputs", len(operator.outputs), known.outputs)
    if OPTIONAL in operator.inputs[: known.optional_from]:
        raise ModelError(f"{where} leaves out input {operator.inputs.index(OPTIONAL)}, which it needs")
    _check_options(where, operator.options, known)


def _lack(code: OperatorCode) -> str:
    if code.custom:
        return "" if code.name in BUNDLED_CUSTOM else f"has no operator custom.{_shown(code.name)}"
    known = builtins().get(code.number)
    if known is None:
        return f"has no operator {code.name}"
    least, most = known.versions
    if least <= code.version <= most:
        return ""
    return f"has {known.name} in the versions {least} to {most}, not {code.version}"


def _check_count(where: str, what: str, count: int, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= count <= most:
        wanted = str(least) if least == most else f"{least} or more" if most == MANY else f"{least} to {most}"
        raise ModelError(f"{where} has {count} {what}, and takes {wanted}")


def _check_options(where: str, options: Record | None, known: Builtin) -> None:
    if options is None:
        if known.needs_options:
            raise ModelError(f"{where} is without its options")
        return
    if known.options and options.table != known.options:
        raise ModelError(f"{where} has the options of another operator ({options.table})")
    for field in _POSITIVE.get(options.table, ()):
        if not 1 <= options[field] <= MAX_STEP:
            raise ModelError(f"{where} has the {field} {options[field]}; 1 to {MAX_STEP} are possible")
    for field, count in (("padding", _PADDINGS), ("fused_activation_function", _ACTIVATIONS)):
        value = options.values.get(field, 0)
        if isinstance(value, int) and not 0 <= value < count:
            raise ModelError(f"{where} has the {field} {value}, which is not known")


def _shown(name: str) -> str:
    return name[:60] if name.isprintable() else ascii(name[:60])
