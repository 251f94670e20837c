"""onnxslim as a program."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import onnxslim
import pytest

from edgeinfer_converters.graph.slimmer import PROGRAM
from tests.fixtures.graphs import GRAPHS, run, samples_of


def slim(data: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-P", PROGRAM], input=data, capture_output=True, check=False)


def test_the_answer_is_what_onnxslim_makes_and_nothing_else() -> None:
    model = GRAPHS["residual"]()
    done = slim(model.SerializeToString())
    assert done.returncode == 0, done.stderr
    found = onnx.load_from_string(done.stdout)
    again = onnxslim.slim(onnx.load_from_string(model.SerializeToString()))
    assert isinstance(again, onnx.ModelProto)
    assert found == again
    (sample,) = samples_of(model, 1)
    np.testing.assert_allclose(run(found, sample)[0], run(model, sample)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data", [b"", b"no model", b"\x08\x07" * 50])
def test_what_is_no_model_gives_no_answer(data: bytes) -> None:
    done = slim(data)
    assert not done.stdout or done.returncode == 0
    if done.returncode:
        assert done.stderr.strip()
