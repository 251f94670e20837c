"""edgeinfer: runs signed model bundles on small devices."""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.32 reports its use to its maker, and makes an identifier in the user's home as soon as it is
# imported; its own switch at run time comes too late for that. Whoever sets the variable keeps the last word.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
