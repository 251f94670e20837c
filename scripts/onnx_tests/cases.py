"""ONNX's own backend tests, as the package `onnx` brings them along: models with inputs and outputs.

The node tests are made when their modules are imported, with seeded random numbers: the same version of
onnx gives the same tests. Those of the other kinds are files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test import loader
from onnx.backend.test.case import node as node_tests

from edgeinfer.frames import Array
from scripts.onnx_tests.selection import is_selected

NODE = "node"
KINDS = (NODE, "pytorch-converted", "pytorch-operator")


@dataclass(frozen=True)
class Sample:
    """Inputs and the outputs that are expected for them, by name."""

    inputs: dict[str, Array]
    outputs: dict[str, Array]


@dataclass(frozen=True)
class Case:
    """A test: a serialized model and what it is expected to compute."""

    kind: str
    name: str
    model: bytes
    samples: tuple[Sample, ...]


def load_cases(
    kind: str, prefixes: Sequence[str] = (), *, modules: Iterable[str] | None = None
) -> tuple[Case, ...]:
    """The tests of a kind that are for us, in the order of their names.

    `prefixes`: only those whose name, with or without its `test_`, starts with one of these. `modules`: only
    the node tests of these modules of onnx, since importing all takes seconds.
    """
    found = []
    for test in _raw(kind, modules):
        if prefixes and not test.name.startswith((*prefixes, *(f"test_{one}" for one in prefixes))):
            continue
        model = test.model or onnx.load(Path(test.model_dir) / "model.onnx")
        if is_selected(model, doubles=kind != NODE):
            found.append(Case(kind, test.name, model.SerializeToString(), _samples(test, model)))
    return tuple(sorted(found, key=lambda case: case.name))


def _raw(kind: str, modules: Iterable[str] | None) -> list[Any]:
    with warnings.catch_warnings():
        # Numbers out of range are what some tests are about.
        warnings.simplefilter("ignore")
        if kind == NODE and modules is not None:
            for module in modules:
                import_module(f"{node_tests.__name__}.{module}")
            return list(node_tests._NodeTestCases)
        return list(loader.load_model_tests(kind=kind))


def _samples(test: Any, model: onnx.ModelProto) -> tuple[Sample, ...]:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in weights]
    outputs = [value.name for value in model.graph.output]
    pairs = _stored(Path(test.model_dir)) if test.data_sets is None else test.data_sets
    return tuple(Sample(_by_name(inputs, given), _by_name(outputs, wanted)) for given, wanted in pairs)


def _stored(folder: Path) -> list[list[list[onnx.TensorProto]]]:
    """The files input_0.pb, input_1.pb, ... and output_0.pb, ... of each data set."""
    return [
        [
            [
                onnx.load_tensor(one / f"{part}_{place}.pb")
                for place in range(len([*one.glob(f"{part}_*.pb")]))
            ]
            for part in ("input", "output")
        ]
        for one in sorted(folder.glob("test_data_set_*"))
    ]


def _by_name(names: Sequence[str], values: Sequence[Any]) -> dict[str, Array]:
    return {name: _array(value) for name, value in zip(names, values, strict=True)}


def _array(value: Any) -> Array:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
