"""Score one model as a process of its own: what a runtime does to it stays there.

    python -m scripts.tflite.score ZOO TASK MODEL [--simulate]

`--simulate`: an ONNX model's integers are computed exactly, in floats, whatever this machine's kernels do.
Prints the answer of `zoo.py score` as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.quantization.exact import exact_integers
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
    with exact_integers(needed=SIMULATE in sys.argv[4:]):
        answer = open_zoo_with_anomaly(Path(zoo)).program.score(task, Path(model))
    # Its numbers are numpy's.
    print(json.dumps(answer, default=float))


if __name__ == "__main__":
    main()
