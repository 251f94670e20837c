"""Writing networks layer by layer, as they reach a runtime: batch norms are folded into convolutions.

Weights have a shape and no values: a cost model asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

OPSET = 17
IR_VERSION = 9


class Network:
    """A graph that grows; layers take and give the names of tensors."""

    def __init__(self, size: int, channels: int = 3) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._channels = {"image": channels}
        self._input = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, size, size])

    def channels(self, x: str) -> int:
        """How many channels a tensor has."""
        return self._channels[x]

    def conv(
        self,
        x: str,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        group: int = 1,
        pad: int | None = None,
        act: str = "Relu",
    ) -> str:
        """A convolution with a bias, and what follows it; without `pad` the size stays (at stride 1)."""
        weight = self._weight((out, self._channels[x] // group, kernel, kernel))
        window = _window(kernel, stride, kernel // 2 if pad is None else pad)
        made = self.add("Conv", [x, weight, self._weight((out,))], out, group=group, **window)
        return self.activate(made, act)

    def depthwise(self, x: str, kernel: int = 3, stride: int = 1, *, act: str = "Relu") -> str:
        """A convolution of each channel by itself."""
        channels = self._channels[x]
        return self.conv(x, channels, kernel, stride, group=channels, act=act)

    def activate(self, x: str, act: str) -> str:
        """An activation by the name of its operator; none where that is empty."""
        return self.add(act, [x], self._channels[x]) if act else x

    def max_pool(self, x: str, kernel: int = 3, stride: int = 2, *, pad: int = 0, ceil: bool = False) -> str:
        """The greatest of each window."""
        window = _window(kernel, stride, pad)
        return self.add("MaxPool", [x], self._channels[x], ceil_mode=int(ceil), **window)

    def mean(self, x: str) -> str:
        """The mean of each channel."""
        return self.add("GlobalAveragePool", [x], self._channels[x])

    def sum(self, x: str, y: str, *, act: str = "") -> str:
        """The sum of two tensors of one shape."""
        return self.activate(self.add("Add", [x, y], self._channels[x]), act)

    def product(self, x: str, gate: str) -> str:
        """A tensor times a gate for each channel."""
        return self.add("Mul", [x, gate], self._channels[x])

    def concat(self, parts: Sequence[str]) -> str:
        """Channels side by side."""
        return self.add("Concat", list(parts), sum(self._channels[one] for one in parts), axis=1)

    def halves(self, x: str) -> tuple[str, str]:
        """The first and the second half of the channels."""
        half = self._channels[x] // 2
        first, second = self._name(half), self._name(half)
        self._nodes.append(
            helper.make_node("Split", [x], [first, second], f"split{len(self._nodes)}", axis=1)
        )
        return first, second

    def shuffle(self, x: str, side: int) -> str:
        """Channels of two groups in turns; `side` is the height and width."""
        channels = self._channels[x]
        apart = self.reshape(x, (1, 2, channels // 2, side, side))
        turned = self.add("Transpose", [apart], channels, perm=[0, 2, 1, 3, 4])
        return self.reshape(turned, (1, channels, side, side))

    def reshape(self, x: str, shape: tuple[int, ...]) -> str:
        """The same numbers in another shape."""
        name = f"shape{len(self._weights)}"
        self._weights.append(helper.make_tensor(name, TensorProto.INT64, [len(shape)], shape))
        return self.add("Reshape", [x, name], self._channels[x])

    def linear(self, x: str, out: int, *, act: str = "") -> str:
        """A fully connected layer behind a mean or another one."""
        flat = self.add("Flatten", [x], self._channels[x])
        weights = [self._weight((out, self._channels[x])), self._weight((out,))]
        return self.activate(self.add("Gemm", [flat, *weights], out, transB=1), act)

    def model(self, output: str) -> onnx.ModelProto:
        """The network up to a tensor."""
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self._nodes, "network", [self._input], [result], self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def add(self, operator: str, inputs: list[str], channels: int, **attributes: Any) -> str:
        """Any operator with one result."""
        made = self._name(channels)
        self._nodes.append(
            helper.make_node(operator, inputs, [made], f"{operator.lower()}{len(self._nodes)}", **attributes)
        )
        return made

    def _name(self, channels: int) -> str:
        name = f"t{len(self._channels)}"
        self._channels[name] = channels
        return name

    def _weight(self, shape: tuple[int, ...]) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape))
        return name


def rounded(channels: float, multiple: int = 8) -> int:
    """Channels to the next multiple of eight, never less than nine tenths (MobileNets round so)."""
    near = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return near if near >= 0.9 * channels else near + multiple


def _window(kernel: int, stride: int, pad: int) -> dict[str, list[int]]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
