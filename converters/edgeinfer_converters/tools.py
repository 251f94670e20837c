"""The tools that a bundle is made with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from edgeinfer import __version__

TOOLS = (
    "ai-edge-litert",
    "numpy",
    "onnx",
    "onnxconverter-common",
    "onnxruntime",
    "onnxslim",
    "opencv-python-headless",
    "pycocotools",
)


def tool_versions() -> dict[str, str]:
    """The versions of everything that the bytes of a bundle may depend on."""
    found = {"edgeinfer": __version__}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            # Another build of the same library, such as opencv-python: its bytes are still the bundle's.
            found[name] = "unknown"
    return found
