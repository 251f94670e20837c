"""int8 as the device computes it, on a machine whose own integer kernels would saturate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import onnxruntime

from edgeinfer.backends.onnx import INTEGER_FUSIONS
from edgeinfer.host import detect_host
from edgeinfer.profile import load_profile
from edgeinfer_converters.judging.local import integers_saturate

SATURATES = integers_saturate(load_profile("x86-64-vnni"), detect_host())
"""x86-64 without VNNI: accuracy is that of simulated integers, times are the machine's own."""


@contextmanager
def exact_integers(*, needed: bool = SATURATES) -> Iterator[None]:
    """Let sessions that are made meanwhile run QDQ graphs as they are written. zoo.py makes its own."""
    session = onnxruntime.InferenceSession
    if needed:
        onnxruntime.InferenceSession = partial(session, disabled_optimizers=list(INTEGER_FUSIONS))
    try:
        yield
    finally:
        onnxruntime.InferenceSession = session
