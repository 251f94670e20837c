"""Score one model as a process of its own: what a runtime does to it stays there.

    python -m scripts.tflite.score ZOO TASK MODEL [--simulate]

`--simulate`: an ONNX model's integers are computed exactly, in floats, whatever this machine's kernels do.
Prints the answer of `zoo.py score` as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

from edgeinfer.backends.onnx import INTEGER_FUSIONS
from scripts.quantization.measured_run import ToolError, last_words
from scripts.quantization.tasks import Score, parse_score
from scripts.tflite.anomaly import open_zoo_with_anomaly

ROOT = Path(__file__).resolve().parent.parent.parent
SIMULATE = "--simulate"
TIMEOUT_S = 1200.0


def score_apart(zoo: Path, task: str, model: Path, *, simulate: bool = False) -> Score:
    """The score of an .onnx or .tflite file. Raises ToolError with what the process said last."""
    words: list[str | Path] = [sys.executable, "-m", "scripts.tflite.score", zoo, task, model]
    words += [SIMULATE] if simulate else []
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"not scored after {TIMEOUT_S:.0f} s") from error
    if done.returncode:
        said = last_words(done.stderr.decode(errors="replace"))
        raise ToolError(f"its model does not run: {said or f'exit code {done.returncode}'}")
    return parse_score(json.loads(done.stdout))


def main() -> None:
    """Score and print."""
    zoo, task, model = sys.argv[1:4]
    if SIMULATE in sys.argv[4:]:
        simulate_integers()
    answer = open_zoo_with_anomaly(Path(zoo)).program.score(task, Path(model))
    # Its numbers are numpy's.
    print(json.dumps(answer, default=float))


def simulate_integers() -> None:
    """Let all sessions of this process run QDQ graphs as they are written. zoo.py makes its own."""
    import onnxruntime

    session = onnxruntime.InferenceSession
    onnxruntime.InferenceSession = partial(session, disabled_optimizers=list(INTEGER_FUSIONS))


if __name__ == "__main__":
    main()
