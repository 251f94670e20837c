"""The ONNX graph in the making: names, constants, and the two layouts of a tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.bounded import MAX_MODEL_BYTES
from edgeinfer_converters.importers.tflite_graph.flatbuffer import DTYPES
from edgeinfer_converters.importers.tflite_graph.parts import OPEN, FlatModel, NoEqualError, Tensor

TO_PLANES = (0, 3, 1, 2)
"""Channels last (TFLite's rows) to channels first (ONNX's planes)."""
TO_ROWS = (0, 2, 3, 1)
BATCH = "batch"
_MAX_NAME = 64
SMALL_BYTES = 1024
"""Constants up to this size are stored once, however often they are made."""


class Assembly:
    """Nodes and constants so far, and where each tensor of the TFLite model can be read.

    A tensor of rank 4 is written either in rows (NHWC, as in TFLite) or in planes (NCHW); the other layout
    is made on demand, once. Inputs and outputs of the model have their own name in rows, other tensors in
    the layout in which they were written.
    """

    def __init__(self, model: FlatModel) -> None:
        """Raises ModelError where inputs and outputs share names."""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.arrays: dict[int, Array] = {}
        self._model = model
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._stored_bytes = 0
        self._names = self._name_tensors()
        self._rows: dict[int, str] = {index: self._names[index] for index in model.inputs}
        self._planes: dict[int, str] = {}
        self._born_in_planes: set[int] = set()

    def tensor(self, index: int) -> Tensor:
        """A tensor of the TFLite model."""
        return self._model.tensors[index]

    def name(self, index: int) -> str:
        """What a tensor is called in the graph, in the layout in which it is written."""
        return self._names[index]

    def array(self, index: int) -> Array | None:
        """The value of a constant, or of what was folded into one; None for what is computed."""
        return self.arrays.get(index, self.tensor(index).data)

    def fold(self, index: int, value: Array) -> None:
        """Let a tensor be a constant."""
        self.arrays[index] = value

    def in_planes(self, index: int) -> bool:
        """Whether the tensor was written in planes."""
        return index in self._born_in_planes

    def rows(self, index: int) -> str:
        """The name of a tensor in TFLite's layout. Raises ModelError for one that nothing has written."""
        if index in self._rows:
            return self._rows[index]
        name = self._names[index]
        if index in self._born_in_planes:
            name = name if index in self._model.outputs else self.unique(f"{name}/rows")
            self.add("Transpose", [self._planes[index]], [name], perm=TO_ROWS)
        else:
            self._store(self._known(index), name)
        self._rows[index] = name
        return name

    def planes(self, index: int) -> str:
        """The name of a tensor of rank 4 in NCHW; a constant of lower rank as if it were broadcast to 4."""
        if index not in self._planes:
            value = self.array(index)
            wish = f"{self._names[index]}/planes"
            if value is None:
                name = self.unique(wish)
                self.add("Transpose", [self.rows(index)], [name], perm=TO_PLANES)
            else:
                name = self.constant(planes_of(value), wish)
            self._planes[index] = name
        return self._planes[index]

    def write(self, index: int, *, planes: bool) -> str:
        """The name under which an operator has to write a tensor. Raises ModelError if one has before."""
        if index in self._rows or index in self._planes or self.array(index) is not None:
            raise ModelError(f"tensor `{self.tensor(index).name}` is written twice")
        name = self._names[index]
        if planes:
            self._born_in_planes.add(index)
            name = self.unique(f"{name}/planes") if index in self._model.outputs else name
        (self._planes if planes else self._rows)[index] = name
        return name

    def forgive(self, indices: Sequence[int]) -> None:
        """Let tensors count as written, so that the operators behind a faulty one can be looked at too."""
        for index in indices:
            self._rows.setdefault(index, self._names[index])

    def constant(self, value: Array, wish: str) -> str:
        """The name of an initializer with this value. Raises ModelError if all together are too large."""
        key = (value.dtype.str, value.shape, value.tobytes()) if value.nbytes <= SMALL_BYTES else None
        if key in self._small:
            return self._small[key]
        name = self._store(value, self.unique(wish))
        if key is not None:
            self._small[key] = name
        return name

    def add(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Append a node."""
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=outputs[0], **attributes))

    def unique(self, wish: str) -> str:
        """A name that nothing has: the wish, or the wish with a number."""
        name = wish
        while name in self._taken:
            self._numbers[wish] += 1  # from where it stands: a file may give one name to a million tensors
            name = f"{wish}_{self._numbers[wish]}"
        self._taken.add(name)
        return name

    def result(self, index: int) -> str:
        """The name of an output of the model, written by a node even where it is a constant."""
        value = self.array(index)
        if value is None or index in self._rows:
            return self.rows(index)
        name = self._names[index]
        self.add("Identity", [self.constant(value, f"{name}/value")], [name])
        self._rows[index] = name
        return name

    def value_info(self, index: int, name: str) -> onnx.ValueInfoProto:
        """Type and shape of an input or output. Raises NoEqualError for an element type that ONNX lacks."""
        tensor = self.tensor(index)
        sides = [BATCH if side == OPEN and axis == 0 else side for axis, side in enumerate(tensor.shape)]
        shape = [None if side == OPEN else side for side in sides]
        return helper.make_tensor_value_info(name, element_type(tensor), shape)

    def _known(self, index: int) -> Array:
        value = self.array(index)
        tensor = self.tensor(index)
        if value is not None:
            return value
        if tensor.kind not in DTYPES:
            raise NoEqualError(f"`{tensor.name}` holds {tensor.kind.lower()} values")
        raise ModelError(f"tensor `{tensor.name}` is read before anything has written it")

    def _store(self, value: Array, name: str) -> str:
        self._stored_bytes += value.nbytes
        if self._stored_bytes > MAX_MODEL_BYTES:
            raise ModelError(f"the constants of the model have more than {MAX_MODEL_BYTES} bytes")
        self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _name_tensors(self) -> list[str]:
        """Unique names, in order of importance; inputs and outputs keep theirs."""
        names: dict[int, str] = {}
        for ends in (self._model.inputs, self._model.outputs):
            twice = [index for place, index in enumerate(ends) if index in ends[:place]]
            if twice:
                raise ModelError(f"`{self.tensor(twice[0]).name}` is listed twice among inputs or outputs")
        for index in dict.fromkeys((*self._model.inputs, *self._model.outputs)):
            name = self.tensor(index).name
            names[index] = self.unique(name)
            if names[index] != name:
                raise ModelError(f"two inputs or outputs of the model are called `{name}`")
        for tensor in sorted(self._model.tensors, key=lambda one: (one.data is not None, one.index)):
            if tensor.index not in names:
                names[tensor.index] = self.unique(_short(tensor.name))
        return [names[tensor.index] for tensor in self._model.tensors]


def _short(name: str) -> str:
    """The first of the operators that were fused, most often the last one computed.

    The names of all of them can make up a third of a small model's file.
    """
    return name.split(";", 1)[0][:_MAX_NAME]


def planes_of(value: Array) -> Array:
    """A constant beside tensors in planes: NCHW, of rank 4 unless it is a single number."""
    if value.size == 1 and value.ndim < 4:
        return value.reshape(())
    return value.reshape((1,) * (4 - value.ndim) + value.shape).transpose(TO_PLANES)


def element_type(tensor: Tensor) -> int:
    """ONNX's number of the element type. Raises NoEqualError for one that ONNX lacks."""
    return helper.np_dtype_to_tensor_dtype(numpy_type(tensor))


def numpy_type(tensor: Tensor) -> np.dtype[Any]:
    """The element type. Raises NoEqualError for one that is not kept as numbers."""
    dtype = DTYPES.get(tensor.kind)
    if dtype is None:
        raise NoEqualError(f"`{tensor.name}` holds {tensor.kind.lower()} values")
    return np.dtype(dtype)
