"""What every backend checks alike before it hands tensors to native code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edgeinfer.errors import ModelError
from edgeinfer.frames import DTYPES, Array, TensorInfo


def check_tensors(tensors: Mapping[str, Array], inputs: Sequence[TensorInfo]) -> None:
    """Raises ModelError unless there is one fitting array for each input and no other."""
    if len(tensors) != len(inputs) or any(one.name not in tensors for one in inputs):
        raise ModelError(
            f"the model takes {_names(one.name for one in inputs)}, not {_names(tensors)}",
            hint="`name` of each [[input]] in the pipeline may be left out for a single input",
        )
    for one in inputs:
        array = tensors[one.name]
        if array.dtype != DTYPES[one.dtype] or not _fits(array.shape, one.shape):
            raise ModelError(
                f"the model's input `{one.name}` is {one.dtype} {list(one.shape)},"
                f" not {array.dtype} {list(array.shape)}"
            )


def check_distinct(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> None:
    """Raises ModelError for a model whose tensors cannot be told apart by name, or that has none."""
    for what, tensors in (("input", inputs), ("output", outputs)):
        names = [one.name for one in tensors]
        if not names:
            raise ModelError(f"the model has no {what}")
        if len(set(names)) != len(names):
            raise ModelError(f"two {what}s of the model have the same name: {_names(names)}")


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    # Most often equal outright; open dimensions take the slower way.
    return shape == wanted or (
        len(shape) == len(wanted)
        and all(want in (-1, have) for have, want in zip(shape, wanted, strict=True))
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
