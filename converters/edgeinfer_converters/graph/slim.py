"""onnxslim as a program: a model comes in on stdin, the cleaned one goes out on stdout.

Run by its path, hence without imports from this package.
"""

from __future__ import annotations

import os
import sys

import onnx
import onnxslim


def main() -> None:
    """Read, clean, write. What goes wrong ends the program; the last line on stderr says what it was."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever onnxslim prints is no model
        slim = onnxslim.slim(onnx.load_from_string(sys.stdin.buffer.read()))
        answer.write(slim.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    os._exit(0)  # to take the algebra system apart first would take a third of a second
