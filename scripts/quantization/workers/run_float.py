"""Run a float model a few times, as the yardstick of what memory a conversion may take.

run_float.py MODEL RUNS
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime


def main() -> None:
    """Run on zeros."""
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    value = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in value.shape]
    for _ in range(int(sys.argv[2])):
        session.run(None, {value.name: np.zeros(shape, np.float32)})


if __name__ == "__main__":
    main()
