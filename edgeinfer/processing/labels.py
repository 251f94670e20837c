"""Labels: what a class index is called."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer.errors import SettingsError

_PLACEHOLDERS = ("", "???")
"""What label files write where an index has no class, as COCO's 91 lines do eleven times."""


def label_of(labels: Sequence[str], index: int) -> str:
    """The label of a class; its number as text where there is none."""
    if 0 <= index < len(labels) and labels[index] not in _PLACEHOLDERS:
        return labels[index]
    return str(index)


def check_labels(labels: Sequence[str], classes: int) -> None:
    """Raises SettingsError if there are labels, but not one for each class; -1 is any number of classes."""
    if labels and classes not in (-1, len(labels)):
        raise SettingsError(
            f"there are {len(labels)} labels for a model of {classes} classes",
            hint="the labels file has one line for each class, in the model's order",
        )
