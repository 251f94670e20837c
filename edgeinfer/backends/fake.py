"""A backend without a runtime, for tests of everything above the seam."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType

from edgeinfer.backends.checks import check_distinct, check_tensors
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo

Answer = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class FakeBackend:
    """Answers with what a function makes of the inputs, under the same checks as the real ones.

    `calls` counts the runs; `closed` tells whether the `with` block has ended.
    """

    def __init__(
        self, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...], answer: Answer
    ) -> None:
        check_distinct(inputs, outputs)
        self.inputs = inputs
        self.outputs = outputs
        self.calls = 0
        self.closed = False
        self._answer = answer

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Copies of the function's arrays. Raises ModelError for tensors that do not fit."""
        check_tensors(tensors, self.inputs)
        self.calls += 1
        answers = self._answer(tensors)
        missing = [one.name for one in self.outputs if one.name not in answers]
        if missing:
            raise ModelError(f"the fake model gave no {', '.join(missing)}")
        return {one.name: answers[one.name].copy() for one in self.outputs}

    def bare(self) -> Callable[[Mapping[str, Array]], object]:
        """The function itself."""
        return self._answer

    def __enter__(self) -> FakeBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed = True
