"""The networks of published times: shapes as their authors published them, no trained weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx

from scripts.estimates.layers import Network, rounded

CLASSES = 1000


def mobilenet_v1() -> onnx.ModelProto:
    """Howard et al., arXiv 1704.04861, table 1: width 1.0, 224 x 224."""
    net = Network(224)
    x = net.conv("image", 32, 3, 2)
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for out, stride in plan:
        x = net.conv(net.depthwise(x, 3, stride), out, act="Clip")
    return net.model(net.linear(net.mean(x), CLASSES))


def mobilenet_v2() -> onnx.ModelProto:
    """Sandler et al., arXiv 1801.04381, table 2: width 1.0, 224 x 224."""
    net = Network(224)
    x = net.conv("image", 32, 3, 2)
    plan = [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]  # fmt: skip
    for factor, out, repeats, first in plan:
        for index in range(repeats):
            stride = first if index == 0 else 1
            wide = net.conv(x, net.channels(x) * factor) if factor > 1 else x
            narrow = net.conv(net.depthwise(wide, 3, stride), out, act="")
            x = net.sum(x, narrow) if stride == 1 and net.channels(x) == out else narrow
    return net.model(net.linear(net.mean(net.conv(x, 1280)), CLASSES))


Bottleneck = tuple[int, int, int, bool, str, int]
"""Kernel, expanded and resulting channels, squeeze and excite, activation, stride."""

V3_LARGE: Sequence[Bottleneck] = (
    (3, 16, 16, False, "Relu", 1), (3, 64, 24, False, "Relu", 2), (3, 72, 24, False, "Relu", 1),
    (5, 72, 40, True, "Relu", 2), (5, 120, 40, True, "Relu", 1), (5, 120, 40, True, "Relu", 1),
    (3, 240, 80, False, "HardSwish", 2), (3, 200, 80, False, "HardSwish", 1),
    (3, 184, 80, False, "HardSwish", 1), (3, 184, 80, False, "HardSwish", 1),
    (3, 480, 112, True, "HardSwish", 1), (3, 672, 112, True, "HardSwish", 1),
    (5, 672, 160, True, "HardSwish", 2), (5, 960, 160, True, "HardSwish", 1),
    (5, 960, 160, True, "HardSwish", 1),
)  # fmt: skip
V3_SMALL: Sequence[Bottleneck] = (
    (3, 16, 16, True, "Relu", 2), (3, 72, 24, False, "Relu", 2), (3, 88, 24, False, "Relu", 1),
    (5, 96, 40, True, "HardSwish", 2), (5, 240, 40, True, "HardSwish", 1), (5, 240, 40, True, "HardSwish", 1),
    (5, 120, 48, True, "HardSwish", 1), (5, 144, 48, True, "HardSwish", 1),
    (5, 288, 96, True, "HardSwish", 2), (5, 576, 96, True, "HardSwish", 1),
    (5, 576, 96, True, "HardSwish", 1),
)  # fmt: skip


def mobilenet_v3(plan: Sequence[Bottleneck], last: int, hidden: int) -> onnx.ModelProto:
    """Howard et al., arXiv 1905.02244, tables 1 and 2: width 1.0, 224 x 224."""
    net = Network(224)
    x = net.conv("image", 16, 3, 2, act="HardSwish")
    for kernel, wide, out, squeezed, act, stride in plan:
        y = net.conv(x, wide, act=act) if wide != net.channels(x) else x
        y = net.depthwise(y, kernel, stride, act=act)
        if squeezed:
            inner = net.conv(net.mean(y), rounded(wide / 4))
            y = net.product(y, net.conv(inner, wide, act="HardSigmoid"))
        y = net.conv(y, out, act="")
        x = net.sum(x, y) if stride == 1 and net.channels(x) == out else y
    x = net.mean(net.conv(x, last, act="HardSwish"))
    return net.model(net.linear(net.linear(x, hidden, act="HardSwish"), CLASSES))


def resnet_18() -> onnx.ModelProto:
    """He et al., arXiv 1512.03385, table 1."""
    net = Network(224)
    x = net.max_pool(net.conv("image", 64, 7, 2), pad=1)
    for stage, out in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = net.conv(net.conv(x, out, 3, stride), out, 3, act="")
            x = net.sum(net.conv(x, out, 1, stride, act="") if stride > 1 else x, y, act="Relu")
    return net.model(net.linear(net.mean(x), CLASSES))


def resnet_50(width: int = 64) -> onnx.ModelProto:
    """The same table, the stride in the 3 x 3 convolution (version 1.5).

    `width`: channels of the first 3 x 3 convolution; 128 in Wide ResNet-50-2 (arXiv 1605.07146).
    """
    net = Network(224)
    x = net.max_pool(net.conv("image", 64, 7, 2), pad=1)
    for stage, repeats in enumerate((3, 4, 6, 3)):
        inner, out = width << stage, 256 << stage
        for block in range(repeats):
            stride = 2 if stage and not block else 1
            y = net.conv(net.conv(net.conv(x, inner), inner, 3, stride), out, act="")
            x = net.sum(net.conv(x, out, 1, stride, act="") if not block else x, y, act="Relu")
    return net.model(net.linear(net.mean(x), CLASSES))


def squeezenet_1_0() -> onnx.ModelProto:
    """Iandola et al., arXiv 1602.07360, table 1."""
    net = Network(224)
    x = net.max_pool(net.conv("image", 96, 7, 2, pad=0), ceil=True)
    fires = ((16, 64), (16, 64), (32, 128), None, (32, 128), (48, 192), (48, 192), (64, 256), None, (64, 256))
    for fire in fires:
        if fire is None:
            x = net.max_pool(x, ceil=True)
            continue
        squeezed = net.conv(x, fire[0])
        x = net.concat([net.conv(squeezed, fire[1]), net.conv(squeezed, fire[1], 3)])
    return net.model(net.mean(net.conv(x, CLASSES)))


INCEPTIONS = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet() -> onnx.ModelProto:
    """Szegedy et al., arXiv 1409.4842, table 1; as torchvision has it, with 3 x 3 in place of 5 x 5."""
    net = Network(224)
    x = net.max_pool(net.conv("image", 64, 7, 2), ceil=True)
    x = net.max_pool(net.conv(net.conv(x, 64), 192, 3), ceil=True)
    for number, block in enumerate(INCEPTIONS):
        if block is None:
            # The last one has windows of two.
            x = net.max_pool(x, 2 if number > 2 else 3, ceil=True)
            continue
        one, inner3, out3, inner5, out5, pooled = block
        middle = [net.conv(net.conv(x, inner3), out3, 3), net.conv(net.conv(x, inner5), out5, 3)]
        x = net.concat([net.conv(x, one), *middle, net.conv(net.max_pool(x, 3, 1, pad=1), pooled)])
    return net.model(net.linear(net.mean(x), CLASSES))


def shufflenet_v2() -> onnx.ModelProto:
    """Ma et al., arXiv 1807.11164, table 5: 1.0x, 224 x 224."""
    net = Network(224)
    x, side = net.max_pool(net.conv("image", 24, 3, 2), pad=1), 56
    for out, repeats in ((116, 4), (232, 8), (464, 4)):
        for block in range(repeats):
            half, stride = out // 2, 1 if block else 2
            left, right = net.halves(x) if block else (net.conv(net.depthwise(x, 3, 2, act=""), half), x)
            right = net.conv(net.depthwise(net.conv(right, half), 3, stride, act=""), half)
            side //= stride
            x = net.shuffle(net.concat([left, right]), side)
    return net.model(net.linear(net.mean(net.conv(x, 1024)), CLASSES))


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "GoogLeNet 224": googlenet,
    "MobileNetV1 224": mobilenet_v1,
    "MobileNetV2 224": mobilenet_v2,
    "MobileNetV3-Large 224": lambda: mobilenet_v3(V3_LARGE, 960, 1280),
    "MobileNetV3-Small 224": lambda: mobilenet_v3(V3_SMALL, 576, 1024),
    "ResNet-18 224": resnet_18,
    "ResNet-50 224": resnet_50,
    "ShuffleNetV2 1.0x 224": shufflenet_v2,
    "SqueezeNet 1.0 224": squeezenet_1_0,
    "Wide ResNet-50-2 224": lambda: resnet_50(width=128),
}
"""By the name that the anchors of the device profiles have."""
