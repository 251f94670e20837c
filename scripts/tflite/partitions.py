"""What of a TFLite file the XNNPACK delegate takes, and what stays with LiteRT's own kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeinfer.errors import EdgeInferError
from edgeinfer.strict import Struct

DELEGATE = "DELEGATE"


class PartitionError(EdgeInferError):
    """The runtime's list of what it runs is not as expected."""


class Kernels(Struct, frozen=True):
    """Operators by kind, and how they are run.

    `partitions`: how many pieces of the graph the delegate took, `delegated` operators in all. `outside`: the
    others by kind.
    """

    operators: dict[str, int]
    partitions: int
    delegated: int
    outside: dict[str, int]

    @property
    def count(self) -> int:
        """All operators of the file."""
        return sum(self.operators.values())


@dataclass(frozen=True)
class Step:
    """An operator with the numbers of the tensors that it reads and writes."""

    kind: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]


def kernels_of(model: bytes) -> Kernels:
    """Load a file with and without delegates. Raises PartitionError, and what LiteRT raises."""
    plain, delegated = _steps(model, delegates=False), _steps(model, delegates=True)
    if delegated[: len(plain)] != plain:
        raise PartitionError("the runtime lists other operators with its delegate than without")
    return divide(plain, delegated[len(plain) :])


def divide(steps: Sequence[Step], delegates: Sequence[Step]) -> Kernels:
    """Which operators the delegates stand for.

    A delegate names the tensors at its borders only: what it took is found from what it writes back to what
    it reads. Raises PartitionError for what is no delegate.
    """
    strange = [one.kind for one in delegates if not one.kind.upper().startswith(DELEGATE)]
    if strange:
        raise PartitionError(f"the runtime has added {', '.join(strange)} to the operators of the file")
    taken = set[int]()
    for delegate in delegates:
        taken |= _behind(delegate, steps)
    outside = (step.kind for number, step in enumerate(steps) if number not in taken)
    return Kernels(
        operators=_counted(step.kind for step in steps),
        partitions=len(delegates),
        delegated=len(taken),
        outside=_counted(outside),
    )


def _behind(delegate: Step, steps: Sequence[Step]) -> set[int]:
    """The operators between a delegate's borders, by number."""
    writers = {tensor: number for number, step in enumerate(steps) for tensor in step.writes}
    border, found = set(delegate.reads), set[int]()
    waiting = list(delegate.writes)
    while waiting:
        number = writers.get(waiting.pop())
        if number is not None and number not in found:
            found.add(number)
            waiting += [tensor for tensor in steps[number].reads if tensor not in border]
    return found


def _counted(kinds: Any) -> dict[str, int]:
    return dict(sorted(Counter(kinds).items()))


def _steps(model: bytes, *, delegates: bool) -> list[Step]:
    """All that the runtime lists once it is ready: the file's operators, then the delegates' stand-ins."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter: Any = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    # Its one way to tell; private, hence the checks.
    listed = interpreter._get_ops_details()
    return [Step(one["op_name"], _numbers(one["inputs"]), _numbers(one["outputs"])) for one in listed]


def _numbers(tensors: Any) -> tuple[int, ...]:
    """Without the -1 of inputs that are left out."""
    return tuple(int(one) for one in tensors if one >= 0)
