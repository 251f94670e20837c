"""Dilated convolutions as older converters write them: rows and columns dealt out to several pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ai_edge_litert.schema_py_generated import Padding

from edgeinfer_converters.importers.tflite_graph.parts import FlatModel, Operator, Options, Tensor
from edgeinfer_converters.importers.tflite_graph.windows import EXPLICIT_PADS

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fold_dilations(model: FlatModel, operators: Sequence[Operator]) -> tuple[Operator, ...]:
    """Operators with a dilated convolution for each SPACE_TO_BATCH_ND, convolution, BATCH_TO_SPACE_ND.

    Only where nothing else reads what lies between, and crops take no more than was padded.
    """
    readers = Counter(index for one in operators for index in one.inputs)
    readers.update(model.outputs)
    makers = {index: one for one in operators for index in one.outputs}
    folded: dict[int, Operator] = {}
    gone: set[int] = set()
    for last in operators:
        chain = _chain(last, makers, readers)
        if chain is None:
            continue
        dilated = _dilated(model.tensors, *chain)
        if dilated is not None:
            folded[last.number] = dilated
            gone |= {chain[0].number, chain[1].number}
    return tuple(folded.get(one.number, one) for one in operators if one.number not in gone)


def _chain(
    last: Operator, makers: Mapping[int, Operator], readers: Mapping[int, int]
) -> tuple[Operator, Operator, Operator] | None:
    if last.kind != "BATCH_TO_SPACE_ND" or len(last.inputs) != 3 or len(last.outputs) != 1:
        return None
    middle = makers.get(last.inputs[0])
    if middle is None or middle.kind not in _CONVOLUTIONS or not middle.inputs:
        return None
    first = makers.get(middle.inputs[0])
    if first is None or first.kind != "SPACE_TO_BATCH_ND" or len(first.inputs) != 3:
        return None
    alone = readers[last.inputs[0]] == readers[middle.inputs[0]] == 1
    return (first, middle, last) if alone else None


def _dilated(tensors: Sequence[Tensor], first: Operator, middle: Operator, last: Operator) -> Operator | None:
    """The convolution in one, None where it is none."""
    blocks, again = _wholes(tensors[first.inputs[1]]), _wholes(tensors[last.inputs[1]])
    padding, crops = _wholes(tensors[first.inputs[2]]), _wholes(tensors[last.inputs[2]])
    if not (len(blocks) == 2 and blocks == again and len(padding) == len(crops) == 4 and _is_plain(middle)):
        return None
    pads = [padding[place] - crops[place] for place in (0, 2, 1, 3)]
    if min(*pads, *blocks) < 0 or tensors[first.inputs[0]].rank != 4:
        return None
    values = {**middle.options.values, "dilationHFactor": blocks[0], "dilationWFactor": blocks[1]}
    inputs = (first.inputs[0], *middle.inputs[1:])
    options = Options({**values, EXPLICIT_PADS: pads})
    return replace(middle, inputs=inputs, outputs=last.outputs, options=options)


def _is_plain(convolution: Operator) -> bool:
    """Whether it moves by one, over neighbours, without padding."""
    options = convolution.options
    ones = ("strideH", "strideW", "dilationHFactor", "dilationWFactor")
    return options.whole("padding") == Padding.VALID and all(options.whole(one, 1) == 1 for one in ones)


def _wholes(tensor: Tensor) -> list[int]:
    if tensor.data is None or tensor.data.dtype.kind not in "iu":
        return []
    return [int(one) for one in tensor.data.reshape(-1)]
