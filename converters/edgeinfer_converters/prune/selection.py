"""A choice of channels, seen from the tensors that it makes smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.macs import macs_of as macs_of_node
from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.groups import Group, Grouping, Lane

Mask = npt.NDArray[np.bool_]
Kept = Mapping[str, Sequence[int]]
"""For groups by name the channels that stay, in any order; a group that is not named keeps all."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What stays of each tensor: masks along axes, of those tensors alone that lose something.

    `activations`: by tensor its axis of channels and the mask. `constants`: by node and tensor a mask for
    each axis; a constant that several nodes read may lose something else for each of them.
    """

    activations: Mapping[str, tuple[int, Mask]]
    constants: Mapping[tuple[str, str], Mapping[int, Mask]]

    def shapes(self, view: GraphView) -> Mapping[str, Shape]:
        """The shapes of all tensors afterwards; of a constant in its smallest form."""
        shapes = dict(view.shapes)
        cuts = [(name, axis, mask) for name, (axis, mask) in self.activations.items()]
        for (_, name), masks in self.constants.items():
            cuts.extend((name, axis, mask) for axis, mask in masks.items())
        for name, axis, mask in cuts:
            shape = shapes[name]
            shapes[name] = (*shape[:axis], int(mask.sum()), *shape[axis + 1 :])
        return shapes


def select(view: GraphView, grouping: Grouping, kept: Kept) -> Selection:
    """The selection that keeps these channels of a graph and its groups.

    Raises ModelError for a group or channel that is not there, and where a tensor would lose all of its
    channels; the message names the layer.
    """
    activations: dict[str, tuple[int, Mask]] = {}
    constants: dict[tuple[str, str], dict[int, Mask]] = {}
    for group, stays in _stays(grouping, kept):
        for lane in group.tensors:
            mask = activations.get(lane.tensor, (0, _whole(view, lane)))[1]
            activations[lane.tensor] = lane.axis, _without(mask, lane, stays)
        for member in (*group.producers, *group.consumers, *group.carried):
            for lane in member.constants:
                masks = constants.setdefault((member.node, lane.tensor), {})
                masks[lane.axis] = _without(masks.get(lane.axis, _whole(view, lane)), lane, stays)
    _check(view, activations)
    return Selection(activations, constants)


def left_outputs(view: GraphView, grouping: Grouping, kept: Mapping[str, Indices]) -> dict[str, Indices]:
    """By node the outputs that a selection leaves, for those that lose some."""
    masks = select(view, grouping, {name: one.tolist() for name, one in kept.items()}).activations
    return {
        node.name: masks[node.output[0]][1].nonzero()[0] for node in view.nodes if node.output[0] in masks
    }


def macs_of(view: GraphView, grouping: Grouping, kept: Kept) -> int:
    """The multiply-accumulates of the whole graph with these channels; errors as for `select`."""
    shapes = select(view, grouping, kept).shapes(view)
    known = {name: tuple(max(dim, 1) for dim in shape) for name, shape in shapes.items()}
    return sum(macs_of_node(node, known) or 0 for node in view.nodes)


def _stays(grouping: Grouping, kept: Kept) -> list[tuple[Group, Mask]]:
    """The groups that lose something, with a mask of their channels."""
    groups = {group.name: group for group in grouping.groups}
    found = []
    for name, channels in kept.items():
        if name not in groups:
            raise ModelError(f"no channels of `{name}` can be removed: it leads no group", hint=_HINT)
        stays = np.zeros(groups[name].channels, bool)
        if any(not 0 <= channel < len(stays) for channel in channels):
            raise ModelError(f"the group of `{name}` has the channels 0 to {len(stays) - 1}", hint=_HINT)
        stays[list(channels)] = True
        if not stays.all():
            found.append((groups[name], stays))
    return found


_HINT = "choose channels of the groups of this very graph"


def _whole(view: GraphView, lane: Lane) -> Mask:
    return np.ones(view.shapes[lane.tensor][lane.axis], bool)


def _without(mask: Mask, lane: Lane, stays: Mask) -> Mask:
    mask[lane.positions] = stays[lane.channels]
    return mask


def _check(view: GraphView, activations: Mapping[str, tuple[int, Mask]]) -> None:
    for name, (_, mask) in activations.items():
        if not mask.any():
            raise ModelError(
                f"pruning would leave nothing of `{name}`, the result of `{view.producers[name].name}`",
                hint="keep at least one of its channels",
            )
