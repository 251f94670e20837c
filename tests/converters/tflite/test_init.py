"""What the package brings."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "ai_edge_litert",
    "onnx.reference",
    "edgeinfer_converters.importers.tflite",
    "edgeinfer_converters.tflite.convert",
)


def test_builds_of_onnx_files_do_not_pay_for_the_conversion() -> None:
    """Their memory is counted in megabytes, and these take twenty."""
    code = (
        "import sys\n"
        "import edgeinfer_converters.building.convert\n"
        "assert 'edgeinfer_converters.tflite.forms' in sys.modules\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
