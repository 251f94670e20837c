"""How a file takes and gives its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Forms:
    """How inputs and outputs are wanted.

    `as_is`: inputs in ONNX's order of axes. `integers`: inputs and outputs in int8 or uint8, by name.
    `alike`: the input whose order of axes an output must have, by the output's name; their shapes are equal.
    """

    as_is: frozenset[str] = frozenset()
    integers: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
