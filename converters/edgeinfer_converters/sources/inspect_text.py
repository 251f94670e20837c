"""An inspection as text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from edgeinfer.frames import TensorInfo
from edgeinfer.terminal import wrapped
from edgeinfer_converters.sources.inspect import Inspection

_LABEL = 14
_TIE = "\N{NO-BREAK SPACE}"


def render_text(inspection: Inspection) -> str:
    """Lines of 80 columns at most, without a final newline; a longer name has a line of its own."""
    return "\n".join(_lines(inspection))


def _lines(inspection: Inspection) -> Iterator[str]:
    yield from _field("format", _format(inspection))
    for label, tensors in (("input", inspection.inputs), ("output", inspection.outputs)):
        for tensor in tensors:
            yield from _field(label, _tensor(tensor))
    numbers = {
        "parameters": _number(inspection.parameters),
        "MACs": _number(inspection.macs),
        "activations": _bytes(inspection.peak_activation_bytes),
    }
    for label, text in numbers.items():
        if text:
            yield from _field(label, text)
    counts = sorted(inspection.operators.items(), key=lambda item: (-item[1], item[0]))
    yield from _field("operators", ", ".join(f"{name}{_TIE}{count}" for name, count in counts))
    yield from _verdict(inspection)


def _verdict(inspection: Inspection) -> Iterator[str]:
    label = "obstacles"
    if inspection.profile:
        found = (
            "cannot run the model as it is" if inspection.obstacles else "nothing that its runtime cannot run"
        )
        yield from _field("profile", f"{inspection.profile}: {found}")
        label = ""
    for obstacle in inspection.obstacles:
        yield from _field(label, f"{obstacle.runtime} {obstacle.reason}")
        label = ""


def _format(inspection: Inspection) -> str:
    versions = f", opset {inspection.opset}, IR version {inspection.ir_version}" if inspection.opset else ""
    return inspection.format + versions + (", quantized" if inspection.quantized else "")


def _tensor(tensor: TensorInfo) -> str:
    shape = "×".join("?" if dim < 0 else str(dim) for dim in tensor.shape) or "scalar"
    text = f"{tensor.name} {tensor.dtype} {shape}"
    if tensor.quantization is not None:
        text += f", scale {tensor.quantization.scale:.6g}, zero point {tensor.quantization.zero_point}"
    return text


def _number(count: int | None) -> str:
    if count is None:
        return ""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.2f} {unit} ({count:,})"
    return str(count)


def _bytes(count: int | None) -> str:
    return "" if count is None else f"{count / 1024:,.0f} KiB at most at a time"


def _field(label: str, text: str) -> list[str]:
    lines = wrapped(text or "none", f"{label:<{_LABEL}}")
    return [line.replace(_TIE, " ") for line in lines]
