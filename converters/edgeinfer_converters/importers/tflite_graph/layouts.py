"""In which layout an operator works that can work in both."""

from __future__ import annotations

from edgeinfer_converters.importers.tflite_graph.step import Step


def prefers_planes(step: Step, *places: int) -> bool:
    """Whether to read these inputs in planes: one was written so, and the others can be read so.

    All inputs if none are named. Inputs that are computed need rank 4; constants are permuted here.
    """
    inputs = [place for place in places or range(len(step.operator.inputs)) if step.has(place)]
    computed = [place for place in inputs if step.known(place) is None]
    return (
        any(step.in_planes(place) for place in computed)
        and all(step.tensor(place).rank == 4 for place in computed)
        and all(step.tensor(place).rank <= 4 for place in inputs)
    )
